"""What may be written down of a message: everything but what is about people.

Fields marked ``debug_redact`` in the protocol (content, names, addresses) are left out, and
free data (``Struct``) always: nobody can say what an application puts there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

HIDDEN = "[redacted]"
MAX_ITEMS = 10
"""Of a repeated field; beyond it only their number is written."""

_FREE = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue", "Any"))


def redacted(message: Message) -> str:
    """A message in one line, without what is about people."""
    return f"{message.DESCRIPTOR.name}{{{', '.join(_fields(message))}}}"


def _fields(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        yield f"{field.name}: {HIDDEN if _is_hidden(field) else _text(field, value)}"


def _text(field: FieldDescriptor, value: object) -> str:
    if isinstance(value, Message):
        return redacted(value)
    if not field.is_repeated:
        return repr(value)
    if _is_map(field):
        return f"{len(value)} entries"  # type: ignore[arg-type]
    items = list(value)  # type: ignore[call-overload]
    if len(items) > MAX_ITEMS:
        return f"{len(items)} items"
    return (
        f"[{', '.join(redacted(one) if isinstance(one, Message) else repr(one) for one in items)}]"
    )


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@lru_cache(maxsize=4096)
def _is_hidden(field: FieldDescriptor) -> bool:
    if field.GetOptions().debug_redact:
        return True
    return field.message_type is not None and field.message_type.full_name in _FREE
