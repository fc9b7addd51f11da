"""Requests of any type, made up from the descriptors: nearly right, and far from it; and those
at the edge, which leave nothing to chance.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from roomd import v1 as pb

MAX_DEPTH = 5
KNOWN: dict[str, tuple[str, ...]] = {
    "room_id": ("room",),
    "room_ids": ("room",),
    "channel_id": ("in", "ai"),
    "channel_ids": ("in", "ai"),
    "target_channel_ids": ("in", "ai"),
    "participant_id": ("sender", "reader"),
    "user_id": ("sender",),
    "sender_id": ("sender",),
    "name": ("gate",),
    "handler": ("gate",),
    "query": ("hello",),
    "title": ("call back",),
    "category": ("mood",),
    "page_token": ("",),
    "cursor": ("",),
    "etag": ("", "*"),
    "url": ("https://example.com/a.png",),
    "mime_type": ("image/png",),
    "paths": ("metadata", "labels", "title", "spec", "status", "content", "timers"),
}
"""Field → ids of things that are there, and words that mean something."""
ODD = (
    *("", "nobody", "_reserved", "a\0b", "%s'; --", "../x", "room", "in", "*"),
    "\u202e\U0001f469\u200d\U0001f4bb",
)
RIGHT_SHARES = (0.95, 0.5)
"""How often the values of a request are such as may be right: those that are nearly right come
far, the others find what is not checked."""

_EDGES = (0, 1, -1, 2, 100, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63))
_SIZES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_floats = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e308, -1e308, float("inf"), float("nan"), 90.5])


@st.composite
def requests(draw: st.DrawFn, kind: Descriptor, depth: int = 0, share: float = 0) -> Message:
    """A message of a type, with some of its fields."""
    share = share or draw(st.sampled_from(RIGHT_SHARES))
    message = GetMessageClass(kind)()
    chosen = {
        one.name: draw(st.sampled_from([field.name for field in one.fields])) for one in kind.oneofs
    }
    for field in kind.fields:
        oneof = field.containing_oneof
        if oneof is not None and chosen[oneof.name] != field.name:
            continue
        rules: Any = field.GetOptions().Extensions[pb.rules]
        likely = 0.97 if rules.required or oneof is not None else 0.4 if depth < 2 else 0.15
        if draw(st.floats(0, 1)) < likely:
            _fill(draw, message, field, (depth, share))
    return message


def at_the_edge(kind: Descriptor, highest: bool, depth: int = 0) -> Message:
    """A message that has every number at the end of its range and every enum unknown, with ids of
    things that are there: it comes far, and what does not check its numbers trips over it.
    """
    message = GetMessageClass(kind)()
    for field in kind.fields:
        inner = field.message_type
        if field.is_repeated or (inner is not None and depth >= 2):
            continue
        if inner is not None:
            getattr(message, field.name).CopyFrom(at_the_edge(inner, highest, depth + 1))
        elif field.enum_type is not None:
            setattr(message, field.name, 999)
        elif field.cpp_type in _SIZES:
            setattr(message, field.name, _SIZES[field.cpp_type][highest])
        elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            setattr(message, field.name, KNOWN.get(field.name, ("a",))[0])
    return message


Place = tuple[int, float]
"""How deep, and how often right."""


def _fill(draw: st.DrawFn, message: Message, field: FieldDescriptor, place: Place) -> None:
    """Set a field."""
    depth, share = place
    inner = field.message_type
    if inner is not None and depth >= MAX_DEPTH:
        return
    if inner is not None and inner.GetOptions().map_entry:
        key, value = inner.fields_by_name["key"], inner.fields_by_name["value"]
        for _ in range(draw(st.integers(0, 2))):
            _put_entry(draw, message, field, (key, value), place)
    elif field.is_repeated:
        target = getattr(message, field.name)
        for _ in range(draw(st.integers(0, 2))):
            if inner is not None:
                target.add().CopyFrom(draw(requests(inner, depth + 1, share)))
            else:
                target.append(_value(draw, field, share))
    elif inner is not None:
        getattr(message, field.name).CopyFrom(draw(requests(inner, depth + 1, share)))
    else:
        setattr(message, field.name, _value(draw, field, share))


def _put_entry(
    draw: st.DrawFn,
    message: Message,
    field: FieldDescriptor,
    entry: tuple[FieldDescriptor, FieldDescriptor],
    place: Place,
) -> None:
    """Put an entry into a map."""
    depth, share = place
    target: Any = getattr(message, field.name)
    key = _value(draw, entry[0], share)
    if entry[1].message_type is not None:
        target[key].CopyFrom(draw(requests(entry[1].message_type, depth + 1, share)))
    else:
        target[key] = _value(draw, entry[1], share)


def _value(draw: st.DrawFn, field: FieldDescriptor, share: float) -> Any:
    """A value of a field that is no message."""
    kind = field.cpp_type
    right = draw(st.floats(0, 1)) < share
    if field.enum_type is not None:
        numbers = [one.number for one in field.enum_type.values]
        return draw(st.sampled_from(numbers[1:] if right and numbers[1:] else [0, 999]))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.binary(max_size=8))
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return draw(_text(field.name) if right else st.sampled_from(ODD) | st.text(max_size=8))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return draw(st.booleans())
    if kind in _SIZES:
        lowest, highest = _SIZES[kind]
        number = draw(st.integers(0, 5) if right else st.sampled_from(_EDGES))
        return max(lowest, min(highest, number))
    return draw(st.sampled_from([0.0, 0.5, 1.0]) if right else _floats)


def _text(name: str) -> st.SearchStrategy[str]:
    """What is likely to be right in a field of this name."""
    return st.sampled_from(KNOWN.get(name, ("message", "a", "sender")))
