"""The native transport: HTTP/2 and gRPC framing in threads of Rust, outside the interpreter's lock.

It listens instead of grpc.aio, and answers calls and server streams itself, which is where the
interpreter otherwise spends half of a message. Everything else (bidirectional streams, health,
reflection, methods that do not exist) it hands on to the grpc.aio server behind it, over a Unix
socket that only this process knows. Needs the package pygrpc-native; it has no TLS.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, NoReturn, cast

import grpc
from grpc import aio
from pygrpc_native import EVENT_CANCEL, STREAM_FULL, STREAM_SENT, NativeGrpcFront

from roomd_server.api.fronts import ChannelOptions, Handlers, StartupError

Metadata = Sequence[tuple[str, str | bytes]]
_Serve = Callable[[bytes, Any], Awaitable[bytes | None]]

_BATCH = 64
"""Calls that are taken over at once: one wake-up of the loop for all of them."""
_FIRST_PAUSE_SECONDS = 0.001
_LAST_PAUSE_SECONDS = 0.05
_LAST_WORDS_SECONDS = 30.0
"""How long a call that is over waits for a reader to take what was written."""
_KEEPALIVE = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms")
_MAX_STREAMS = 2**31 - 1
"""Per connection, as grpc.aio: admission is what limits."""


class NativeCall:
    """One call: the part of a servicer context that ``api/calls.py`` uses."""

    __slots__ = ("_deadline", "_front", "_held", "_metadata", "_trailing", "call_id", "task")

    def __init__(
        self, front: NativeGrpcFront, call_id: int, metadata: Metadata, seconds: float | None
    ) -> None:
        self._front = front
        self._metadata = metadata
        self._deadline = None if seconds is None else monotonic() + seconds
        self._trailing: Metadata = ()
        self._held: bytes | None = None
        self.call_id = call_id
        self.task: asyncio.Task[None] | None = None

    def invocation_metadata(self) -> Metadata:
        """What the caller sent."""
        return self._metadata

    def time_remaining(self) -> float | None:
        """Seconds until the deadline; None: the caller set none."""
        return None if self._deadline is None else max(0.0, self._deadline - monotonic())

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Set what goes out with the status."""
        self._trailing = metadata

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Open a stream towards the caller."""
        self._front.stream_send_initial_metadata(self.call_id, list(metadata))

    async def write(self, data: bytes) -> None:
        """Write one message to a stream; waits while the reader is behind.

        As in grpc.aio, a write that has begun is done, even when who waited for it gives up.

        Raises:
            aio.InternalError: the caller has left.
        """
        await self._hand_over()
        self._held = data
        await self._hand_over()

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> NoReturn:
        """End the call with an error, after what was written before.

        Raises:
            aio.AbortError: always.
            aio.InternalError: the caller has left.
        """
        await self._last_words()
        self._fail(code, details, trailing_metadata or self._trailing)
        raise aio.AbortError

    def answer(self, data: bytes) -> None:
        """End a call with its answer."""
        self._front.respond(self.call_id, data, None, list(self._trailing))

    async def end_stream(self) -> None:
        """End a stream well, after what was written before; raises as ``abort``."""
        await self._last_words()
        self._front.stream_end(self.call_id, list(self._trailing))

    def _fail(self, code: grpc.StatusCode, details: str, trailing: Metadata) -> None:
        self._front.fail(self.call_id, cast("int", code.value[0]), details, list(trailing))

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._hand_over()
        except TimeoutError:
            # Without metadata: a cursor in it would count what was not taken.
            self._fail(grpc.StatusCode.UNAVAILABLE, "the reader took nothing any more", ())
            raise aio.AbortError from None

    async def _hand_over(self) -> None:
        if self._held is None:
            return
        pause = _FIRST_PAUSE_SECONDS
        while (sent := self._front.stream_try_send(self.call_id, self._held)) == STREAM_FULL:
            # There is no bell for "there is room again"; who is behind may wait a little longer.
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)
        self._held = None
        if sent != STREAM_SENT:
            raise aio.InternalError("the caller has left")


class NativeFront:
    """Listens on one address.

    Args:
        address: ``host:port`` or ``unix:`` path.
        handlers: Those of all methods; it serves what has one request.
        behind: Path of the Unix socket of the server that takes the rest.
        options: Of a gRPC server; the keepalive is taken from them.

    Raises:
        StartupError: the address cannot be bound.
    """

    def __init__(
        self, address: str, handlers: Handlers, behind: str, options: ChannelOptions
    ) -> None:
        served = {
            path: handler for path, handler in handlers.items() if not handler.request_streaming
        }
        try:
            self._front = NativeGrpcFront(
                address,
                [(path, bool(handler.response_streaming)) for path, handler in served.items()],
                call_details=True,
                delay_stream_headers=True,
                max_concurrent_streams=_MAX_STREAMS,
                keepalive_permit_without_calls=True,
                **_keepalive(options),
            )
        except OSError as error:
            raise StartupError(f"{address}: cannot listen; is it in use?") from error
        self._front.set_fallback(behind)
        self._serve: list[tuple[bool, _Serve]] = [
            (bool(one.response_streaming), cast("_Serve", one.unary_stream or one.unary_unary))
            for one in served.values()
        ]
        self._calls: dict[int, NativeCall] = {}
        self._loop = asyncio.get_running_loop()
        self.port = int(self._front.bound_port)

    def start(self) -> None:
        """Take calls from now on."""
        self._front.start()
        threading.Thread(target=self._take, name="roomd-native", daemon=True).start()

    async def stop(self) -> None:
        """End what is left, then the connections."""
        tasks = [call.task for call in self._calls.values() if call.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._front.close)

    def _take(self) -> None:
        """Hand calls over to the loop, as many as there are; runs in a thread of its own."""
        while (events := self._front.recv_batch_details(_BATCH)) is not None:
            try:
                self._loop.call_soon_threadsafe(self._begin, events)
            except RuntimeError:  # the loop is closed, without a stop before
                self._front.close()
                return

    def _begin(self, events: list[tuple[Any, ...]]) -> None:
        for kind, call_id, method_id, data, _, details in events:
            if kind == EVENT_CANCEL:
                # Here, because a task that is cancelled before its first step never runs.
                left = self._calls.pop(call_id, None)
                if left is not None and left.task is not None:
                    left.task.cancel()
                continue
            metadata, _, seconds = details
            call = self._calls[call_id] = NativeCall(self._front, call_id, metadata, seconds)
            streams, serve = self._serve[method_id]
            run = self._stream if streams else self._unary
            call.task = self._loop.create_task(run(call, serve, data))

    async def _unary(self, call: NativeCall, serve: _Serve, data: bytes) -> None:
        try:
            call.answer(cast("bytes", await serve(data, call)))
        except aio.AbortError:
            pass  # told
        finally:
            self._calls.pop(call.call_id, None)

    async def _stream(self, call: NativeCall, serve: _Serve, data: bytes) -> None:
        try:
            await serve(data, call)
            await call.end_stream()
        except (aio.AbortError, aio.InternalError):
            pass  # told, or gone
        finally:
            self._calls.pop(call.call_id, None)


def _keepalive(options: ChannelOptions) -> dict[str, Any]:
    return {name.removeprefix("grpc."): value for name, value in options if name in _KEEPALIVE}
