"""Messages put together from parts that are serialised already.

A length-delimited field of a protobuf message is its tag, its length and its bytes, and a
message is its fields joined (Protocol Buffers encoding). So an event is serialised once and
copied into everything that carries it, without being built or parsed again.
"""

from __future__ import annotations

from google.protobuf.message import Message


def varint(number: int) -> bytes:
    """Encode a number from 0 on, base 128, low groups first."""
    if number < 0x80:
        return _SHORT[number]
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def framed(tag: bytes, payload: bytes) -> bytes:
    """One length-delimited field."""
    size = len(payload)
    if size < 0x80:
        return tag + _SHORT[size] + payload
    if size < 0x4000:  # most events: no loop
        return tag + bytes((size & 0x7F | 0x80, size >> 7)) + payload
    return b"".join((tag, varint(size), payload))


def field_tag(message: type[Message], field: str, wire_type: int = 2) -> bytes:
    """The tag of a field; wire type 2 is length-delimited, 0 a varint."""
    return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)


_SHORT = [bytes((number,)) for number in range(0x80)]
