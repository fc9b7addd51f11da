"""The worker stream: handlers attach by name, work comes in, answers go out.

The stream is kept for ever: lost, or left because the server stops, it is dialled again with
full jitter; grown old, it is left once a new one is attached.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc

from roomd import v1 as pb
from roomd._client import (
    REFUSALS,
    Client,
    error_from,
    error_of_status,
    is_too_large,
)
from roomd._convert import seconds
from roomd._ending import Ending
from roomd._invocation import Invocation, running
from roomd._reconnect import Waits
from roomd._sizes import check_room, room_for_parts
from roomd._tracing import continued
from roomd.exceptions import RoomKitError, ServiceUnavailableError

log = logging.getLogger(__name__)

PROTOCOL_REVISION = 1
SDK_VERSION = "0.1.0"
ATTACH_SECONDS = 15.0
CLOSE_SECONDS = 5.0
"""How long hooks that run may take to end when the kit closes."""
RESULT_FRAME_BYTES = 8
"""A result in a batch: its tag and its length."""
PING_SECONDS = 20.0
"""How often a server pings that does not say so in its Welcome."""
MISSED_PINGS = 3.5
"""A server that says nothing for so many pings is gone."""
MAX_ERROR_CHARS = 500
OUTGOING_FRAMES = 4096

ANY_ETAG = "*"
"""Attach with it: change the settings of whatever is there."""

Answer = pb.HookDecision | pb.Done | pb.HandlerResult | pb.Failure
Emit = Callable[[str], Awaitable[None]]
"""Sends a text delta of a streamed answer; raises when no message holds it."""
Serve = Callable[[pb.Invocation, Emit], Awaitable[Answer]]
"""Serves one invocation."""


@dataclass
class Handler:
    """A handler as it is attached."""

    spec: pb.HandlerSpec
    serve: Serve
    attached: asyncio.Future[None] | None = None


@dataclass
class _Stream:
    """One stream of the worker."""

    outgoing: asyncio.Queue[pb.ConnectRequest | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=OUTGOING_FRAMES)
    )
    ready: list[pb.Result] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    max_bytes: int = room_for_parts()
    """Of one message with results."""
    silence_seconds: float = PING_SECONDS * MISSED_PINGS
    welcomed: bool = False
    welcome_time: float | None = None
    """When the server took it: from then on it serves; by the loop's clock."""
    connection: asyncio.Task[None] | None = None
    """What keeps it; set once."""
    replaces: _Stream | None = None
    """The stream that ends once this one is attached."""
    wait_seconds: float = 0.0
    """How long to wait at least before the next stream is dialled: the server said so."""
    dial_seconds: float = 0.0
    """How long to wait before this stream is dialled, while the one before still serves."""


class Worker:
    """Serves handlers over one stream at a time (two while it moves).

    Args:
        client: The service.
        worker_id: Its name for operators; empty: made from host and process.
        takeover: Give handlers that others serve with other settings these ones.
    """

    def __init__(self, client: Client, worker_id: str = "", *, takeover: bool = False) -> None:
        self._client = client
        self._takeover = takeover
        self._worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        self._handlers: dict[str, Handler] = {}
        self._stream: _Stream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._attach_ids = 0
        self._waits = Waits(client.reconnect)
        self._closing = False

    # -------------------------------------------------------------- handlers

    async def attach(self, handlers: dict[str, Handler]) -> None:
        """Serve more handlers; returns when the server has taken them.

        Raises:
            RoomKitError: the server refused one; the others are attached.
        """
        loop = asyncio.get_running_loop()
        for name, handler in handlers.items():
            handler.attached = loop.create_future()
            self._handlers[name] = handler
        if self._stream is None:
            self._stream = _Stream()
            self._keep(self._stay_connected())
        elif self._stream.welcomed:
            await self._send_attach(self._stream, handlers)
        futures = [handler.attached for handler in handlers.values() if handler.attached]
        everything = asyncio.gather(*futures, return_exceptions=True)
        try:
            async with asyncio.timeout(ATTACH_SECONDS):
                outcomes = await asyncio.shield(everything)
        except TimeoutError:
            raise ServiceUnavailableError(
                f"not attached within {ATTACH_SECONDS:g} s; the server is still being dialled",
                reason="UNAVAILABLE",
            ) from None
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def detach(self, name: str) -> bool:
        """Serve a handler no more; whether it was served."""
        if self._handlers.pop(name, None) is None:
            return False
        if self._stream is not None and self._stream.welcomed:
            await self._stream.outgoing.put(pb.ConnectRequest(detach=pb.Detach(names=[name])))
        return True

    async def close(self) -> None:
        """Say goodbye and stop."""
        self._closing = True
        leaving = []
        for stream in (self._stream, self._stream and self._stream.replaces):
            if stream is None or stream.connection is None:
                continue
            if stream.welcomed:
                _say_goodbye(stream, "closing")
                leaving.append(stream.connection)
            else:
                stream.connection.cancel()
        if leaving:
            await asyncio.wait(leaving, timeout=CLOSE_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -------------------------------------------------------------- the stream

    async def _stay_connected(self) -> None:
        stream = self._stream or _Stream()
        while not self._closing:
            self._stream, stream.connection = stream, asyncio.current_task()
            try:
                await asyncio.sleep(stream.dial_seconds)
                await self._serve(stream)
            except grpc.aio.AioRpcError as error:
                if error.code() in REFUSALS or is_too_large(error):
                    self._give_up(error_from(error))
                    return
                log.warning("the worker stream was lost: %s; dialling again", error.details())
            finally:
                stream.welcomed = False
                for task in stream.running.values():
                    task.cancel()
            if self._stream is not stream:
                return  # another one took its place
            wait = self._waits.lost(_served_seconds(stream))
            await asyncio.sleep(max(wait, stream.wait_seconds))
            stream = _Stream(replaces=stream.replaces)

    def _give_up(self, error: RoomKitError) -> None:
        """The server will never take this worker as it is."""
        log.error("the worker stream ends and is not dialled again: %s", error)
        self._stream = None  # what is attached next dials again
        self._fail(error)

    async def _move(self, stream: _Stream, drain: pb.Drain) -> None:
        """Leave a stream that the server wants to end."""
        if drain.reason == pb.Drain.REASON_MAX_AGE and self._stream is stream:
            # The next one is attached first: session hooks go with their last stream.
            log.info("the worker stream is old; moving to a new one")
            # A server that calls every stream old is not dialled without a pause.
            pause = self._waits.moved(_served_seconds(stream))
            self._stream = _Stream(replaces=stream, dial_seconds=pause)
            self._keep(self._stay_connected())
            return
        if drain.reason == pb.Drain.REASON_MAX_AGE:
            return  # being replaced already; left before that, its session hooks would go
        log.info("the server drains; dialling again")
        stream.wait_seconds = random.uniform(0, seconds(drain.reconnect_jitter))
        _say_goodbye(stream, "drain")

    def _moved(self, stream: _Stream) -> None:
        """A stream is attached: the one before it may end."""
        old, stream.replaces = stream.replaces, None
        if old is not None:
            _say_goodbye(old, "moved")

    def _fail(self, error: RoomKitError) -> None:
        for handler in self._handlers.values():
            if handler.attached is not None and not handler.attached.done():
                handler.attached.set_exception(error)

    async def _serve(self, stream: _Stream) -> None:
        call = self._client.channel.stream_stream(
            "/roomd.v1.HookService/Connect",
            request_serializer=pb.ConnectRequest.SerializeToString,
            response_deserializer=pb.ConnectResponse.FromString,
        )(self._requests(stream), metadata=self._client.metadata())
        ending = Ending(call)
        sender = self._keep(self._send_results(stream))
        try:
            while True:
                async with asyncio.timeout(stream.silence_seconds):
                    response = await call.read()
                if not isinstance(response, pb.ConnectResponse):
                    return  # the end of the stream
                await self._take(stream, response)
        except TimeoutError:
            log.warning("the server said nothing for %g s", stream.silence_seconds)
        except grpc.aio.AioRpcError as error:
            await ending.explain(error)
        finally:
            sender.cancel()
            call.cancel()
            with contextlib.suppress(asyncio.QueueFull):
                stream.outgoing.put_nowait(None)

    async def _requests(self, stream: _Stream) -> AsyncIterator[pb.ConnectRequest]:
        yield pb.ConnectRequest(
            hello=pb.Hello(
                protocol_revision=PROTOCOL_REVISION,
                worker_id=self._worker_id,
                sdk_name="roomd-python",
                sdk_version=SDK_VERSION,
            )
        )
        while (request := await stream.outgoing.get()) is not None:
            yield request

    async def _take(self, stream: _Stream, response: pb.ConnectResponse) -> None:
        match response.WhichOneof("message"):
            case "invocations":
                for invocation in response.invocations.invocations:
                    self._start(stream, invocation)
            case "welcome":
                _note_welcome(stream, response.welcome)
                await self._send_attach(stream, self._handlers)
            case "attached":
                self._note_attached(response.attached)
                self._moved(stream)
            case "cancel":
                task = stream.running.get(response.cancel.invocation_id)
                if task is not None:
                    task.cancel()
            case "drain":
                await self._move(stream, response.drain)
            case "settled":
                settled = response.settled
                log.warning("an answer was not applied: %s", settled.status.message)
            case "notice":
                notice = response.notice
                log.warning("%s %s: %s", notice.code, notice.handler, notice.message)
            case "detached":
                names, status = response.detached.names, response.detached.status
                if status.code:
                    log.warning("served here no more: %s: %s", ", ".join(names), status.message)
            case "ping":
                pong = pb.Pong(nonce=response.ping.nonce)
                await stream.outgoing.put(pb.ConnectRequest(pong=pong))

    async def _send_attach(self, stream: _Stream, handlers: dict[str, Handler]) -> None:
        if not handlers:
            return
        self._attach_ids += 1
        attach = pb.Attach(
            attach_id=self._attach_ids,
            handlers=[
                pb.Handler(name=name, spec=handler.spec, etag=self._etag(handler))
                for name, handler in handlers.items()
            ],
        )
        await stream.outgoing.put(pb.ConnectRequest(attach=attach))

    def _etag(self, handler: Handler) -> str:
        """Take over once: on a later stream whoever took over meanwhile keeps it."""
        is_first = handler.attached is not None and not handler.attached.done()
        return ANY_ETAG if self._takeover and is_first else ""

    def _note_attached(self, attached: pb.Attached) -> None:
        for status in attached.handlers:
            handler = self._handlers.get(status.name)
            if handler is None or handler.attached is None:
                continue
            if handler.attached.done():
                if status.status.code:
                    log.error("%s is served here no more: %s", status.name, status.status.message)
            elif status.status.code:
                handler.attached.set_exception(error_of_status(status.status))
            else:
                handler.attached.set_result(None)

    # -------------------------------------------------------------- invocations

    def _start(self, stream: _Stream, invocation: pb.Invocation) -> None:
        task = self._keep(self._run(stream, invocation))
        stream.running[invocation.invocation_id] = task
        task.add_done_callback(lambda _: stream.running.pop(invocation.invocation_id, None))

    async def _run(self, stream: _Stream, invocation: pb.Invocation) -> None:
        handler = self._handlers.get(invocation.handler)
        token = running.set(_told(invocation))
        sequence = 0
        left = seconds(invocation.timeout) if invocation.HasField("timeout") else None
        deadline = asyncio.timeout(left)

        async def emit(text: str) -> None:
            nonlocal sequence
            check_room("a part of an answer", len(text.encode()), stream.max_bytes)
            chunk = pb.ResultChunk(
                invocation_id=invocation.invocation_id,
                lease=invocation.lease,
                sequence=sequence,
                chunk=pb.HandlerChunk(text_delta=text),
            )
            sequence += 1
            if left is not None:  # it holds per chunk
                deadline.reschedule(asyncio.get_running_loop().time() + left)
            await stream.outgoing.put(pb.ConnectRequest(result_chunk=chunk))

        try:
            if handler is None:
                answer: Answer = _failure(pb.ERROR_REASON_NOT_ATTACHED, "no such handler here")
            elif invocation.WhichOneof("input") is None:
                answer = _unknown("this SDK does not know this kind of work")
            else:
                async with deadline:
                    if invocation.HasField("oversize"):
                        invocation = await self._fetch(invocation)
                    with continued(invocation):
                        answer = await handler.serve(invocation, emit)
            if _is_cancelled() or deadline.expired():
                return  # it caught the cancellation: nobody takes its answer all the same
        except Exception as error:  # boundary: a handler's fault is its answer, not our end
            if deadline.expired():
                log.warning("handler %s took too long", invocation.handler)
                return  # nobody takes its answer any more, whether we are told or not
            log.exception("handler %s failed", invocation.handler)
            words = f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]
            answer = _failure(pb.ERROR_REASON_SERVER_FAULT, words)
            # Nobody waits for an observer: another attempt may work.
            answer.retryable = not invocation.reply_expected
        finally:
            running.reset(token)
        result = _result(invocation, answer)
        if result.ByteSize() > stream.max_bytes:
            log.error("the answer of handler %s is too large", invocation.handler)
            result = _result(
                invocation,
                _failure(pb.ERROR_REASON_MESSAGE_TOO_LARGE, "the handler's answer is too large"),
            )
        stream.ready.append(result)
        stream.bell.set()

    async def _fetch(self, invocation: pb.Invocation) -> pb.Invocation:
        """Get a payload that did not fit into the invocation."""
        response = await self._client.call(
            "/roomd.v1.HookService/GetInvocationPayload",
            pb.GetInvocationPayloadRequest(
                invocation_id=invocation.invocation_id, lease=invocation.lease
            ),
            pb.GetInvocationPayloadResponse,
            timeout=max(0.1, seconds(invocation.timeout)),
        )
        full = pb.Invocation()
        full.CopyFrom(invocation)
        if response.HasField("hook"):
            full.hook.CopyFrom(response.hook)
        else:
            full.call.CopyFrom(response.call)
        full.context.CopyFrom(response.context)
        return full

    async def _send_results(self, stream: _Stream) -> None:
        """Everything that is ready together leaves together."""
        while True:
            await stream.bell.wait()
            stream.bell.clear()
            while stream.ready:
                batch = pb.ResultBatch(results=_take_batch(stream))
                await stream.outgoing.put(pb.ConnectRequest(results=batch))


def _take_batch(stream: _Stream) -> list[pb.Result]:
    """Everything that is ready and fits into one message."""
    taken, size = 0, 0
    for result in stream.ready:
        size += result.ByteSize() + RESULT_FRAME_BYTES
        if taken and size > stream.max_bytes:
            break
        taken += 1
    batch, stream.ready = stream.ready[:taken], stream.ready[taken:]
    return batch


def _note_welcome(stream: _Stream, welcome: pb.Welcome) -> None:
    stream.welcomed = True
    stream.welcome_time = asyncio.get_running_loop().time()
    stream.max_bytes = room_for_parts(welcome.max_message_bytes)
    stream.silence_seconds = (seconds(welcome.ping_interval) or PING_SECONDS) * MISSED_PINGS


def _served_seconds(stream: _Stream) -> float:
    """How long a stream served: dialling is no serving, nor is waiting for Welcome."""
    if stream.welcome_time is None:
        return 0.0
    return asyncio.get_running_loop().time() - stream.welcome_time


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told(invocation: pb.Invocation) -> Invocation:
    """What a handler may know of its invocation."""
    return Invocation(
        id=invocation.invocation_id,
        handler=invocation.handler,
        attempt=invocation.attempt,
        room_id=invocation.room_id,
        trace_context=dict(invocation.trace_context),
    )


def _say_goodbye(stream: _Stream, reason: str) -> None:
    """No new work after this; what runs is finished, then the stream ends."""
    with contextlib.suppress(asyncio.QueueFull):
        stream.outgoing.put_nowait(pb.ConnectRequest(goodbye=pb.Goodbye(reason=reason)))


def _unknown(message: str) -> pb.Failure:
    """Work that a later version may know."""
    reason = pb.ERROR_REASON_METHOD_UNKNOWN
    return pb.Failure(status=pb.Status(code=12, message=message, reason=reason))


def _failure(reason: pb.ErrorReason, message: str) -> pb.Failure:
    return pb.Failure(status=pb.Status(code=13, message=message, reason=reason))


def _result(invocation: pb.Invocation, answer: Answer) -> pb.Result:
    result = pb.Result(invocation_id=invocation.invocation_id, lease=invocation.lease)
    match answer:
        case pb.HookDecision():
            result.decision.CopyFrom(answer)
        case pb.Done():
            result.done.CopyFrom(answer)
        case pb.HandlerResult():
            result.value.CopyFrom(answer)
        case pb.Failure():
            result.failure.CopyFrom(answer)
    return result
