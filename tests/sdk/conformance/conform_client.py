"""The worker that the runner plays against the real server, and its other calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from roomd import v1 as pb

CONNECT = "/roomd.v1.HookService/Connect"
CALL_SECONDS = 30.0
OUTGOING_FRAMES = 4096


@dataclass
class Frame:
    """A message of the server."""

    message: pb.ConnectResponse
    time: float
    taken: bool = False

    @property
    def kind(self) -> str:
        """Its member of the oneof."""
        return self.message.WhichOneof("message") or ""


@dataclass
class Arrived:
    """An invocation of the server."""

    invocation: pb.Invocation
    time: float
    taken: bool = False


@dataclass
class Ended:
    """How a stream ended."""

    code: grpc.StatusCode
    reason: str
    time: float


@dataclass
class DialledStream:
    """One stream of the runner's worker."""

    call: Any
    ring: Callable[[], None]
    frames: list[Frame] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    ended: Ended | None = None
    _outgoing: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=OUTGOING_FRAMES)
    )

    def __post_init__(self) -> None:
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    def send(self, message: pb.ConnectRequest | bytes) -> None:
        """Send a message, or raw bytes."""
        raw = message if isinstance(message, bytes) else message.SerializeToString()
        self._outgoing.put_nowait(raw)

    async def close(self) -> None:
        """Go without a word."""
        self.call.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self) -> None:
        while (raw := await self._outgoing.get()) is not None:
            await self.call.write(raw)

    async def _read(self) -> None:
        try:
            while isinstance(message := await self.call.read(), pb.ConnectResponse):
                self._take(message)
            code, reason = await self.call.code(), ""
        except aio.AioRpcError as error:
            code, reason = error.code(), reason_of(error)
        if code is not grpc.StatusCode.OK and not reason:
            reason = _reason_in(await self.call.trailing_metadata())
        self.ended = Ended(code, reason, time.monotonic())
        self.ring()

    def _take(self, message: pb.ConnectResponse) -> None:
        now = time.monotonic()
        if message.HasField("invocations"):
            self.arrived += [Arrived(one, now) for one in message.invocations.invocations]
        else:
            self.frames.append(Frame(message, now))
        self.ring()


class ServerClient:
    """Calls of the real server by the names of their methods."""

    def __init__(self, address: str, key: str) -> None:
        self._channel = aio.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self._key = key

    def dial(self, ring: Callable[[], None], key: str | None = None) -> DialledStream:
        """Open a worker stream."""
        stream = self._channel.stream_stream(
            CONNECT, request_serializer=None, response_deserializer=pb.ConnectResponse.FromString
        )
        return DialledStream(stream(metadata=self._metadata(key)), ring)

    async def call(self, method: str, request: dict[str, Any]) -> Any:
        """Make a unary call: ``Service/Method``, the request as scripts write it."""
        service, _, name = method.partition("/")
        described = descriptor_pool.Default().FindServiceByName(f"roomd.v1.{service}")
        types = described.FindMethodByName(name)  # type: ignore[no-untyped-call]
        asked = json_format.ParseDict(request, message_factory.GetMessageClass(types.input_type)())
        response = message_factory.GetMessageClass(types.output_type)
        call = self._channel.unary_unary(
            f"/roomd.v1.{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return await call(asked, metadata=self._metadata(None), timeout=CALL_SECONDS)

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close(None)

    def _metadata(self, key: str | None) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._key if key is None else key}"),)


def reason_of(error: aio.AioRpcError) -> str:
    """The reason of an error; '' when it has none."""
    return _reason_in(error.trailing_metadata())


def fields_of(error: aio.AioRpcError) -> list[str]:
    """The fields that an error says are wrong."""
    request = error_details_pb2.BadRequest()
    _fill(request, error.trailing_metadata())
    return [one.field for one in request.field_violations]


def _reason_in(trailing: Any) -> str:
    info = error_details_pb2.ErrorInfo()
    _fill(info, trailing)
    return info.reason


def _fill(detail: Message, trailing: Any) -> None:
    """Take a detail from an error that has one of its type."""
    for key, value in trailing or ():
        if key == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                packed.Unpack(detail)
