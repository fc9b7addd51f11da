"""Nouns for the store contract: small ones by hand, full ones from their descriptors."""

from __future__ import annotations

from itertools import count
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.ports import KeyRecord, WriteSet
from roomd_server.core.times import timestamp

START = 1_700_000_000.0
ORG = "acme"

M = TypeVar("M", bound=Message)


def room(room_id: str = "r", *, activity: float = START, **fields: Any) -> pb.Room:
    fields.setdefault("status", pb.ROOM_STATUS_ACTIVE)
    made = pb.Room(room_id=room_id, organization_id=ORG, **fields)
    made.last_activity_time.CopyFrom(timestamp(activity))
    return made


def event(index: int, text: str = "", room_id: str = "r", **fields: Any) -> pb.RoomEvent:
    fields.setdefault("event_id", f"{room_id}-e{index:04}")
    fields.setdefault("type", pb.EVENT_TYPE_MESSAGE)
    fields.setdefault("status", pb.EVENT_STATUS_DELIVERED)
    fields.setdefault("create_time", timestamp(START + index))
    made = pb.RoomEvent(room_id=room_id, index=index, **fields)
    if text:
        made.content.text.body = text
    return made


def binding(channel_id: str, room_id: str = "r", **fields: Any) -> pb.Binding:
    return pb.Binding(room_id=room_id, channel_id=channel_id, **fields)


def participant(participant_id: str, *channel_ids: str, room_id: str = "r") -> pb.Participant:
    return pb.Participant(participant_id=participant_id, room_id=room_id, channel_ids=channel_ids)


def delivery(
    delivery_id: str,
    index: int,
    channel_id: str = "sms",
    state: pb.DeliveryState = pb.DELIVERY_STATE_PENDING,
    *,
    room_id: str = "r",
    **result: Any,
) -> pb.Delivery:
    return pb.Delivery(
        delivery_id=delivery_id,
        room_id=room_id,
        channel_id=channel_id,
        event_id=f"{room_id}-e{index:04}",
        event_index=index,
        result=pb.DeliveryResult(state=state, **result),
        create_time=timestamp(START + index),
    )


def key(name: str, scope: str = "room:r", *, expires: float = START + 100) -> KeyRecord:
    return KeyRecord(scope, name, b"print-" + name.encode(), f"value-{name}".encode(), expires)


def new_room(room_id: str = "r", org: str = ORG, **parts: Any) -> WriteSet:
    """A set that creates a room with the given parts of a ``WriteSet``."""
    return WriteSet(org, room_id, room=room(room_id), create_room=True, **parts)


def in_room(room_id: str = "r", org: str = ORG, **parts: Any) -> WriteSet:
    """A set for a room that exists."""
    return WriteSet(org, room_id, **parts)


def filled(kind: type[M], depth: int = 3, **fixed: Any) -> M:
    """A message with a different value in every field, oneofs by their first member."""
    made = kind()
    _fill(made, depth, count(1))
    for name, value in fixed.items():
        setattr(made, name, value)
    return made


def _fill(message: Any, depth: int, numbers: count[int]) -> None:
    oneofs: set[str] = set()
    if message.DESCRIPTOR.full_name == "google.protobuf.Struct":
        message.update({"number": next(numbers), "nested": {"list": ["x", None, True]}})
        return
    for field in message.DESCRIPTOR.fields:
        group = field.containing_oneof
        if group is not None and len(group.fields) > 1:
            if group.name in oneofs:
                continue
            oneofs.add(group.name)
        if field.message_type is not None and not depth:
            continue
        _fill_field(message, field, depth, numbers)


def _fill_field(message: Any, field: FieldDescriptor, depth: int, numbers: count[int]) -> None:
    kind: Any = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        target = getattr(message, field.name)
        value_field = kind.fields_by_name["value"]
        for _ in range(2):
            name = f"key-{next(numbers)}"
            if value_field.message_type is not None:
                _fill(target[name], depth - 1, numbers)
            else:
                target[name] = _scalar(value_field, numbers)
    elif field.is_repeated:
        target = getattr(message, field.name)
        for _ in range(2):
            if kind is not None:
                _fill(target.add(), depth - 1, numbers)
            else:
                target.append(_scalar(field, numbers))
    elif kind is not None:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, depth - 1, numbers)
    else:
        setattr(message, field.name, _scalar(field, numbers))


def _scalar(field: FieldDescriptor, numbers: count[int]) -> Any:
    number = next(numbers)
    if field.enum_type is not None:
        return field.enum_type.values[1 + number % (len(field.enum_type.values) - 1)].number
    return {
        FieldDescriptor.CPPTYPE_STRING: (
            number.to_bytes(4, "big")
            if field.type == FieldDescriptor.TYPE_BYTES
            else f"{field.name}-{number}-ß\0🙂"
        ),
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: number + 0.25,
        FieldDescriptor.CPPTYPE_FLOAT: number + 0.25,
    }.get(field.cpp_type, number)
