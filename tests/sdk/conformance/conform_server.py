"""The server that the runner plays: worker streams by script, everything else by default."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from roomd import v1 as pb

CONNECT = "/roomd.v1.HookService/Connect"
OUTGOING_FRAMES = 4096
MAX_BYTES = 64 * 1024 * 1024
"""More than any worker may send, so that one that sends too much is seen, not refused."""


@dataclass(frozen=True)
class End:
    """The end of a stream."""

    code: grpc.StatusCode
    reason: str = ""
    words: str = "the script ends the stream"


@dataclass
class Received:
    """A message of the worker."""

    message: pb.ConnectRequest
    time: float
    taken: bool = False
    """Whether a step of the script asked for it."""

    @property
    def kind(self) -> str:
        """Its member of the oneof; '' for one that this version does not know."""
        return self.message.WhichOneof("message") or ""


@dataclass
class Answered:
    """A result of the worker."""

    result: pb.Result
    time: float
    batch: int
    """Which message of the stream brought it."""
    taken: bool = False


@dataclass
class ServedStream:
    """One stream that the worker dialled."""

    number: int
    ring: Callable[[], None]
    time: float
    ends_itself: bool = True
    """After Goodbye, once nothing is outstanding, as a server does."""
    received: list[Received] = field(default_factory=list)
    results: list[Answered] = field(default_factory=list)
    outstanding: set[str] = field(default_factory=set)
    closed: float | None = None
    """When the worker ended it, or it ended."""
    half_closed: float | None = None
    welcomed: bool = False
    _outgoing: asyncio.Queue[pb.ConnectResponse | bytes | End] = field(
        default_factory=lambda: asyncio.Queue(maxsize=OUTGOING_FRAMES)
    )
    _batches: int = 0

    def send(self, frame: pb.ConnectResponse | bytes | End) -> None:
        """Send a message, raw bytes, or the end."""
        if isinstance(frame, pb.ConnectResponse):
            self.welcomed = self.welcomed or frame.HasField("welcome")
            for invocation in frame.invocations.invocations:
                self.outstanding.add(invocation.invocation_id)
            self.outstanding.discard(frame.cancel.invocation_id)
        self._outgoing.put_nowait(frame)

    async def next(self) -> pb.ConnectResponse | bytes | End:
        """What is to be written next."""
        return await self._outgoing.get()

    async def read(self, requests: AsyncIterator[pb.ConnectRequest]) -> None:
        """Take what the worker says until it says no more."""
        async for message in requests:
            self.take(message)
        self.half_closed = time.monotonic()
        self.ring()
        self.send(End(grpc.StatusCode.OK))

    def take(self, message: pb.ConnectRequest) -> None:
        """Take one message."""
        received = Received(message, time.monotonic())
        self.received.append(received)
        if received.kind == "results":
            self._batches += 1
            for result in message.results.results:
                self.results.append(Answered(result, received.time, self._batches))
                self.outstanding.discard(result.invocation_id)
        elif received.kind == "ping":
            nonce = message.ping.nonce
            self.send(pb.ConnectResponse(pong=pb.Pong(nonce=nonce)))
        if self.ends_itself and not self.outstanding and self.said_goodbye:
            self.send(End(grpc.StatusCode.OK))
        self.ring()

    @property
    def said_goodbye(self) -> bool:
        """Whether the worker is leaving."""
        return any(one.kind == "goodbye" for one in self.received)


@dataclass
class Called:
    """A unary call of the worker."""

    method: str
    request: dict[str, Any]
    metadata: dict[str, str]
    time: float
    taken: bool = False


class ScriptedServer(grpc.GenericRpcHandler):
    """A server on loopback; worker streams wait for the script."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self.streams: list[ServedStream] = []
        self.calls: list[Called] = []
        self.payloads: dict[tuple[str, int], pb.GetInvocationPayloadResponse] = {}
        self.refuse: list[End] = []
        """The next streams are refused like this, before anything is read."""
        self.dials: list[float] = []
        """When each stream was dialled, the refused ones included."""
        self._ring = ring
        self._server = aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_BYTES),
                ("grpc.max_send_message_length", MAX_BYTES),
                ("grpc.so_reuseport", 0),
            ]
        )

    async def start(self) -> str:
        """Listen; the address."""
        self._server.add_generic_rpc_handlers((self,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        """Cut everything."""
        await self._server.stop(None)

    # -------------------------------------------------------------- calls

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Who serves a method: the script its streams, a default answer the rest."""
        path = str(details.method)
        if path == CONNECT:
            return grpc.stream_stream_rpc_method_handler(
                self._connect,
                request_deserializer=pb.ConnectRequest.FromString,
                response_serializer=_serialize,
            )
        service, _, name = path.strip("/").partition("/")
        method = (
            descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)  # type: ignore[no-untyped-call]
        )
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)

        async def answer(asked: Message, context: Any) -> Message:
            return await self._answer(name, asked, response(), context)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )

    async def _answer(self, name: str, request: Any, response: Any, context: Any) -> Message:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        asked = json_format.MessageToDict(request, preserving_proto_field_name=True)
        self.calls.append(Called(name, asked, metadata, time.monotonic()))
        self._ring()
        if name == "GetInvocationPayload":
            payload = self.payloads.get((request.invocation_id, request.lease))
            if payload is None:
                await _abort(context, End(grpc.StatusCode.NOT_FOUND, "INVOCATION_NOT_FOUND"))
            return payload or response
        if name == "RegisterChannel":
            response.channel.CopyFrom(request.channel)
        elif name == "GetRoom":
            response.room.room_id = request.room_id
        return response  # type: ignore[no-any-return]

    async def _connect(
        self, requests: AsyncIterator[pb.ConnectRequest], context: Any
    ) -> AsyncIterator[pb.ConnectResponse | bytes]:
        self.dials.append(time.monotonic())
        if self.refuse:
            self._ring()
            await _abort(context, self.refuse.pop(0))
        stream = ServedStream(len(self.streams) + 1, self._ring, time.monotonic())
        self.streams.append(stream)
        self._ring()
        reader = asyncio.create_task(stream.read(requests))
        try:
            while not isinstance(frame := await stream.next(), End):
                yield frame
            if frame.code is not grpc.StatusCode.OK:
                await _abort(context, frame)
        finally:
            stream.closed = time.monotonic()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            self._ring()


def _serialize(frame: pb.ConnectResponse | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.SerializeToString()


async def _abort(context: Any, end: End) -> None:
    """End a call with a status and its reason, as a server does."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=end.reason, domain="roomd"))
    code = end.code.value[0]
    status = status_pb2.Status(code=code, message=end.words, details=[detail] if end.reason else [])
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(end.code, end.words, trailing)
