"""One worker stream as a state machine. It knows no gRPC: frames in, frames out.

NEW --Hello/Welcome--> OPEN --Attach/Attached--> SERVING --Goodbye | Drain--> DRAINING
--settled or grace over--> CLOSED. A frame that the stream does not take ends it with a
reason; a wrong answer does not, it gets a Settled.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    ResourceExhausted,
    RoomdError,
    Unavailable,
    invalid,
)
from roomd_server.core.ports import Caller, Cancellable, Clock, Grant
from roomd_server.core.times import duration, seconds_of
from roomd_server.hooks import grants
from roomd_server.hooks.attaching import Attaching
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.rulings import Check
from roomd_server.hooks.seats import Seat, SeatState

log = logging.getLogger(__name__)

PROTOCOL_REVISION = 1
RECONNECT_JITTER_SECONDS = 1.0
"""All workers of a server that stops dial again within this time, not at once."""
MAX_ATTACH_HANDLERS = 1024
MAX_ECHO_CHARS = 256


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What sessions are made of."""

    dispatcher: Dispatcher
    attaching: Attaching
    clock: Clock
    options: HookOptions
    check: Check


class WorkerSession:
    """One worker stream.

    Feed it with ``read``; write what ``seat.outbox.next()`` gives; call ``close`` when the
    stream is gone. ``error`` is what the stream ends with, if anything.
    """

    def __init__(self, caller: Caller, session_id: str, parts: SessionParts) -> None:
        self._ = parts
        self.error: RoomdError | None = None
        self.seat = Seat(
            caller.org, session_id, parts.clock, parts.options, self._overflowed, caller.grant
        )
        self._bounds = grants.bounded(caller.grant)
        self.seat.on_idle = self._idle
        self._greeted = False
        self._closed = False
        self._closes_when_idle = False
        self._heard = parts.clock.monotonic()
        self._timers: dict[str, Cancellable] = {}
        self._takes: dict[str, Callable[..., None]] = {
            "detach": self._take_detach,
            "results": self._take_results,
            "result_chunk": self._take_chunk,
            "extend": self._take_extend,
            "set_window": self._take_window,
            "goodbye": self._take_goodbye,
            "ping": self._take_ping,
            "pong": self._take_pong,
        }
        late = DeadlineExceeded(pb.ERROR_REASON_DEADLINE, "no Hello came; send it first")
        self._set_timer("hello", parts.options.hello_timeout_seconds, partial(self.fail, late))

    # -------------------------------------------------------------- the stream

    async def read(self, incoming: AsyncIterator[pb.ConnectRequest]) -> None:
        """Take frames until the peer ends the stream or breaks its rules; never raises but
        for a cancellation.
        """
        try:
            async for frame in incoming:
                await self.take(frame)
                if self._closed:
                    return
        except RoomdError as error:
            self.fail(error)
        except Exception:  # boundary: a fault here must end this stream only
            log.exception("session %s", self.seat.session_id)
            fault = Unavailable(pb.ERROR_REASON_SERVER_FAULT, "the stream failed; dial again")
            self.fail(fault)
        else:
            # No answer can come any more: others do the work.
            self.close()

    async def take(self, frame: pb.ConnectRequest) -> None:
        """Take one frame.

        Raises:
            FailedPrecondition: PROTOCOL_VIOLATION, PROTOCOL_TOO_OLD.
            InvalidArgument: VALIDATION.
        """
        self._heard = self._.clock.monotonic()
        kind = frame.WhichOneof("message")
        if kind == "results" and self._greeted:
            self._take_results(frame.results)
        elif kind == "hello":
            self._take_hello(frame.hello)
        elif kind is None:
            raise _violation("a message without content")
        elif not self._greeted:
            raise _violation(f"{kind} came before Hello")
        elif kind == "attach":
            await self._take_attach(frame.attach)
        else:
            self._takes[kind](getattr(frame, kind))

    def drain(self, reason: pb.Drain.Reason, grace_seconds: float) -> None:
        """Ask the worker to dial again; it gets no new work and may finish what it holds.

        When only this stream is old, work waits for the worker's next stream; when the
        server stops, the stream ends as soon as it is settled.
        """
        if self._closed or self.seat.state is not SeatState.SERVING:
            return
        stops = reason == pb.Drain.REASON_NODE_SHUTDOWN
        jitter = duration(RECONNECT_JITTER_SECONDS if stops else 0.0)
        self.send(
            drain=pb.Drain(reason=reason, grace=duration(grace_seconds), reconnect_jitter=jitter)
        )
        self._.dispatcher.retire(self.seat, SeatState.DRAINING)
        self._closes_when_idle = stops
        self._set_timer("grace", grace_seconds, self.close)
        if not self.seat.held:
            self._idle()

    def fail(self, error: RoomdError) -> None:
        """End the stream with an error."""
        if not self._closed:
            self.error = error
            self.close()

    def close(self) -> None:
        """End the stream; what it held is offered to others at once."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._.dispatcher.leave(self.seat)
        self.seat.outbox.close()

    def send(self, **frame: Message) -> None:
        """Send a control frame, named by its field."""
        self.seat.outbox.push(pb.ConnectResponse(**frame))  # type: ignore[arg-type]

    # -------------------------------------------------------------- frames

    def _take_hello(self, hello: pb.Hello) -> None:
        if self._greeted:
            raise _violation("a second Hello")
        self._require(hello)
        if hello.protocol_revision < PROTOCOL_REVISION:
            raise FailedPrecondition(
                pb.ERROR_REASON_PROTOCOL_TOO_OLD,
                f"this server speaks revision {PROTOCOL_REVISION}; update the SDK",
            )
        options, seat = self._.options, self.seat
        self._greeted = True
        seat.worker_id = hello.worker_id or seat.session_id
        seat.sdk = f"{hello.sdk_name} {hello.sdk_version}".strip()
        seat.set_window(hello.window, options)
        self._timers.pop("hello").cancel()
        self._set_timer("ping", options.ping_interval_seconds, self._tick)
        spread = options.max_age_spread * (2.0 * options.jitter() - 1.0)
        self._set_timer("age", options.max_age_seconds * (1.0 + spread), self._grew_old)
        self.send(
            welcome=pb.Welcome(
                session_id=seat.session_id,
                protocol_revision=PROTOCOL_REVISION,
                ping_interval=duration(options.ping_interval_seconds),
                max_message_bytes=options.max_message_bytes,
                node_id=options.node_id,
                server_version=options.server_version,
            )
        )

    async def _take_attach(self, attach: pb.Attach) -> None:
        if len(attach.handlers) > MAX_ATTACH_HANDLERS:
            raise invalid("attach.handlers", f"at most {MAX_ATTACH_HANDLERS} at once")
        if self.seat.state is not SeatState.SERVING:
            # It crossed our Drain on its way: no fault of the worker, which attaches all it
            # serves on its next stream and must not be turned away for good.
            return
        attached = await self._.attaching.attach(self.seat, attach)
        self.send(attached=attached)

    def _take_detach(self, detach: pb.Detach) -> None:
        self._require(detach)
        detached = self._.attaching.detach(self.seat, list(detach.names))
        self.send(detached=detached)

    def _take_results(self, batch: pb.ResultBatch) -> None:
        settle, seat = self._.dispatcher.settle, self.seat
        for result in batch.results:
            if self._bounds is not None:
                self._bound(self._bounds, result)
            refused = settle(seat, result)
            if refused:
                self._settled(result.invocation_id, refused)

    def _bound(self, grant: Grant, result: pb.Result) -> None:
        """Make a failure of an answer that says more than the worker may."""
        excess = grants.excess(grant, result)
        if excess is not None:
            result.failure.status.CopyFrom(excess.to_status())
            self._settled(result.invocation_id, pb.Settled.DISPOSITION_INVALID, excess)

    def _take_chunk(self, chunk: pb.ResultChunk) -> None:
        refused, why = self._.dispatcher.chunk(self.seat, chunk)
        if refused:
            self._settled(chunk.invocation_id, refused, invalid("chunk", why) if why else None)

    def _take_extend(self, extend: pb.Extend) -> None:
        self._require(extend)
        refused = self._.dispatcher.extend(self.seat, extend, seconds_of(extend.timeout))
        if refused:
            self._settled(extend.invocation_id, refused)

    def _take_window(self, window: pb.SetWindow) -> None:
        self._require(window)
        self.seat.set_window(window, self._.options)
        self._.dispatcher.pump()

    def _take_goodbye(self, goodbye: pb.Goodbye) -> None:
        log.info("session %s says goodbye: %.256s", self.seat.session_id, goodbye.reason)
        self._.dispatcher.retire(self.seat, SeatState.LEAVING)
        self._closes_when_idle = True
        self._set_timer("grace", self._.options.drain_grace_seconds, self.close)
        if not self.seat.held:
            self._idle()

    def _take_ping(self, ping: pb.Ping) -> None:
        self.send(pong=pb.Pong(nonce=ping.nonce))

    def _take_pong(self, pong: pb.Pong) -> None:
        """Being heard is all that it is for."""

    def _settled(self, invocation_id: str, disposition: int, why: RoomdError | None = None) -> None:
        settled = pb.Settled(
            invocation_id=invocation_id[:MAX_ECHO_CHARS],
            disposition=disposition,  # type: ignore[arg-type]
        )
        if why is not None:
            settled.status.CopyFrom(why.to_status())
        self.send(settled=settled)

    def _require(self, message: Message) -> None:
        violations = self._.check(message)
        if violations:
            raise invalid(*violations[0])

    # -------------------------------------------------------------- time

    def _tick(self) -> None:
        options = self._.options
        if self._.clock.monotonic() - self._heard >= options.silence_seconds:
            self.fail(
                DeadlineExceeded(
                    pb.ERROR_REASON_DEADLINE,
                    f"nothing was heard for {options.silence_seconds:g} s; dial again",
                )
            )
            return
        self._set_timer("ping", options.ping_interval_seconds, self._tick)
        # A sign of life both ways: proxies keep the stream open, a worker sees a dead server.
        self.send(ping=pb.Ping())

    def _grew_old(self) -> None:
        self.drain(pb.Drain.REASON_MAX_AGE, self._.options.drain_grace_seconds)

    def _idle(self) -> None:
        if self._closes_when_idle:
            self.close()

    def _overflowed(self) -> None:
        if "overflow" in self._timers:
            return
        # Later: the dispatcher may be in the middle of something with this session.
        error = ResourceExhausted(
            pb.ERROR_REASON_SLOW_CONSUMER, "the worker does not read what it is told; dial again"
        )
        self._set_timer("overflow", 0.0, partial(self.fail, error))

    def _set_timer(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self._timers[name] = self._.clock.call_later(seconds, callback)


def _violation(what: str) -> FailedPrecondition:
    return FailedPrecondition(
        pb.ERROR_REASON_PROTOCOL_VIOLATION, f"{what} is not taken here; see the protocol"
    )
