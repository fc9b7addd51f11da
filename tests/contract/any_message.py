"""Hypothesis: any message of a kind, made from its descriptor, so that new fields are in it."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

M = TypeVar("M", bound=Message)

MAX_DEPTH = 3
MANY = 2

_CPP = FieldDescriptor
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    _CPP.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    _CPP.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _CPP.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    _CPP.CPPTYPE_UINT64: st.integers(0, 2**63 - 1),
    _CPP.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    _CPP.CPPTYPE_FLOAT: st.floats(allow_nan=False, width=32),
    _CPP.CPPTYPE_BOOL: st.booleans(),
}
_TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["\0", "\1\2", "\0\1"])


@st.composite
def any_message(draw: st.DrawFn, kind: type[M], depth: int = MAX_DEPTH) -> M:
    """A message of the kind, with any of its fields, down to a depth."""
    made = kind()
    _fill(draw, made, depth)
    return made


def _fill(draw: st.DrawFn, message: Message, depth: int) -> None:
    fields = [field for field in message.DESCRIPTOR.fields if depth or field.message_type is None]
    if not fields:
        return
    # A few of many: small examples are enough, and every field has its turn.
    chosen = draw(st.lists(st.sampled_from(fields), max_size=len(fields), unique_by=id))
    for field in chosen:
        _fill_field(draw, message, field, depth)


def _fill_field(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    kind: Any = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        value = kind.fields_by_name["value"]
        for name in draw(st.lists(_TEXT, max_size=MANY, unique=True)):
            entries = getattr(message, field.name)
            if value.message_type is None:
                entries[name] = draw(_scalar(value))
            else:
                _fill(draw, entries[name], depth - 1)
    elif field.is_repeated:
        for _ in range(draw(st.integers(0, MANY))):
            if kind is None:
                getattr(message, field.name).append(draw(_scalar(field)))
            else:
                _fill(draw, getattr(message, field.name).add(), depth - 1)
    elif kind is None:
        setattr(message, field.name, draw(_scalar(field)))
    else:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(draw, child, depth - 1)


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=8)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _TEXT
    return _SCALARS[field.cpp_type]
