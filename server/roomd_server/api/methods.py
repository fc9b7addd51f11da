"""The methods this server must serve, read from the descriptors: no list to keep in step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from roomd.v1 import (
    admin_service_pb2,
    agent_service_pb2,
    channel_service_pb2,
    event_service_pb2,
    hook_service_pb2,
    realtime_service_pb2,
    room_service_pb2,
)

SERVICE_FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        admin_service_pb2,
        agent_service_pb2,
        channel_service_pb2,
        event_service_pb2,
        hook_service_pb2,
        realtime_service_pb2,
        room_service_pb2,
    )
)


class Shape(Enum):
    """How many messages go each way."""

    UNARY = "unary"
    SERVER_STREAM = "server stream"
    BIDI = "bidirectional stream"


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC."""

    path: str
    """``/roomd.v1.RoomService/CreateRoom``"""
    service: str
    """``roomd.v1.RoomService``"""
    name: str
    shape: Shape
    request_type: type[Message]
    response_type: type[Message]


def methods() -> Iterator[Method]:
    """All RPCs of ``roomd.v1``."""
    for file in SERVICE_FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                yield Method(
                    path=f"/{service.full_name}/{method.name}",
                    service=service.full_name,
                    name=method.name,
                    shape=_shape(method),
                    request_type=GetMessageClass(method.input_type),
                    response_type=GetMessageClass(method.output_type),
                )


def service_names() -> list[str]:
    """Full names of all services of ``roomd.v1``."""
    return sorted({method.service for method in methods()})


def _shape(method: MethodDescriptor) -> Shape:
    if method.client_streaming:
        return Shape.BIDI
    return Shape.SERVER_STREAM if method.server_streaming else Shape.UNARY
