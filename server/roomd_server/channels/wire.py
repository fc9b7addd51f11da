"""Batches put together from parts that are serialised already.

A length-delimited field of a protobuf message is its tag, its length and its bytes, and
a message is its fields joined (Protocol Buffers encoding). So an event is serialised once
and copied into the batch of every connection, without being built or parsed again.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message

from roomd import v1 as pb


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
    return b"".join((tag, varint(len(payload)), payload))


def delivery_frame(delivery_id: str, event: bytes) -> bytes:
    """A delivery as a part of a batch, from a serialised event."""
    delivery = framed(_DELIVERY_ID, delivery_id.encode()) + framed(_DELIVERY_EVENT, event)
    return framed(_BATCH_DELIVERIES, delivery)


def result_frame(result: pb.SendResult) -> bytes:
    """What became of a message, as a part of a batch."""
    return framed(_BATCH_RESULTS, result.SerializeToString())


def ephemeral_frame(event: pb.EphemeralEvent) -> bytes:
    """Something fleeting, as a part of a batch."""
    return framed(_BATCH_EPHEMERALS, event.SerializeToString())


def batch_response(frames: Iterable[bytes], dropped_ephemerals: int = 0) -> bytes:
    """A serialised ``ChannelServiceConnectResponse`` with one batch."""
    body = b"".join(frames)
    if dropped_ephemerals:
        body += _BATCH_DROPPED + varint(dropped_ephemerals)
    return framed(_RESPONSE_BATCH, body)


def _tag(message: type[Message], field: str, wire_type: int = 2) -> bytes:
    return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)


_SHORT = [bytes((number,)) for number in range(0x80)]

_DELIVERY_ID = _tag(pb.ConnectionDelivery, "delivery_id")
_DELIVERY_EVENT = _tag(pb.ConnectionDelivery, "event")
_BATCH_DELIVERIES = _tag(pb.Batch, "deliveries")
_BATCH_RESULTS = _tag(pb.Batch, "results")
_BATCH_EPHEMERALS = _tag(pb.Batch, "ephemerals")
_BATCH_DROPPED = _tag(pb.Batch, "dropped_ephemerals", 0)
_RESPONSE_BATCH = _tag(pb.ChannelServiceConnectResponse, "batch")
