"""Batches for connections, put together from parts that are serialised already: an event is
serialised once and copied into the batch of every connection.
"""

from __future__ import annotations

from collections.abc import Iterable

from roomd import v1 as pb
from roomd_server.core.frames import field_tag, framed, varint


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


_DELIVERY_ID = field_tag(pb.ConnectionDelivery, "delivery_id")
_DELIVERY_EVENT = field_tag(pb.ConnectionDelivery, "event")
_BATCH_DELIVERIES = field_tag(pb.Batch, "deliveries")
_BATCH_RESULTS = field_tag(pb.Batch, "results")
_BATCH_EPHEMERALS = field_tag(pb.Batch, "ephemerals")
_BATCH_DROPPED = field_tag(pb.Batch, "dropped_ephemerals", 0)
_RESPONSE_BATCH = field_tag(pb.ChannelServiceConnectResponse, "batch")
