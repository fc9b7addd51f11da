"""Channels that a worker serves (``ports.Driver``): deliveries, and answers that stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

from roomd import v1 as pb
from roomd_server.core.capabilities import described, effective
from roomd_server.core.errors import invalid
from roomd_server.core.ports import Ask, ResponderFailed
from roomd_server.hooks.chunks import ChunkBuffer
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.handlers import Asked, HandlerEntry, Handlers, Unanswered
from roomd_server.hooks.invocation import Fate
from roomd_server.hooks.options import HookOptions

DEFAULT_RECENT_EVENTS = 50

# google.rpc.Code of a worker's failure without a reason.
_CODE_NAMES = {
    3: "invalid_argument",
    4: "timeout",
    5: "not_found",
    7: "permission_denied",
    8: "resource_exhausted",
    9: "failed_precondition",
    13: "internal",
    14: "unavailable",
    16: "unauthenticated",
}

_FINAL_STATES = frozenset(
    (pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_FAILED)
)

_CODE_OF_FATE = {
    Fate.TIMEOUT: "timeout",
    Fate.NO_WORKER: "no_worker",
    Fate.FULL: "overloaded",
    Fate.LOST: "worker_lost",
    Fate.REMOVED: "no_worker",
    Fate.BROKEN: "invalid_answer",
    Fate.OUTDATED: "event_changed",
}


class RemoteDriver:
    """Brings events to workers."""

    def __init__(self, handlers: Handlers, dispatcher: Dispatcher, options: HookOptions) -> None:
        self._handlers = handlers
        self._dispatcher = dispatcher
        self._options = options

    def attached(self, org: str, channel: pb.Channel) -> int:
        """See ``ports.Driver.attached``."""
        entry = self._handlers.provider(org, channel)
        return entry.group.serving if entry is not None else 0

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """See ``ports.Driver.deliver``."""
        entry = self._handlers.provider(ask.org, ask.channel)
        if entry is None:
            return _failed("no_worker", Fate.NO_WORKER.value, retryable=True)
        call = pb.HandlerCall(deliver=_delivery(ask))
        asked = _died_over(await self._handlers.ask(entry, call, ask.event.room_id))
        try:
            outcome = self._handlers.value(asked, "delivery").delivery
        except Unanswered as unanswered:
            return _failure(unanswered)
        if outcome.result.state not in _FINAL_STATES:
            return self._refuse_outcome(asked)
        return outcome

    def _refuse_outcome(self, asked: Asked) -> pb.DeliveryOutcome:
        wrong = invalid("delivery.result.state", "must be SENT, DELIVERED or FAILED")
        self._dispatcher.refuse(asked.invocation, wrong.to_status())
        return _failed("invalid_answer", wrong.message, retryable=False)

    async def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """See ``ports.Driver.respond``."""
        entry = self._handlers.provider(ask.org, ask.channel)
        if entry is None:
            raise ResponderFailed("no_worker", Fate.NO_WORKER.value, retryable=True)
        chunks = ChunkBuffer(
            max_entries=self._options.chunk_entries, max_bytes=self._options.chunk_bytes
        )
        context = await ask.context(_selection(entry))
        call = pb.HandlerCall(respond=_delivery(ask))
        invocation = self._handlers.invocation(entry, call, ask.event.room_id, context, chunks)
        invocation.future.add_done_callback(lambda _: chunks.wake())
        self._dispatcher.offer(invocation)
        try:
            while (delta := await chunks.next(invocation.future)) is not None:
                yield delta
            asked = _died_over(Asked(invocation, invocation.future.result()))
            try:
                yield self._handlers.value(asked, "response").response
            except Unanswered as unanswered:
                raise _responder_failed(unanswered) from None
        finally:
            # When the answer is blocked half-way nobody takes the rest.
            self._dispatcher.cancel(invocation, pb.Cancel.REASON_SUPERSEDED)


def _died_over(asked: Asked) -> Asked:
    """Tell work whose last worker went away with it in hand from work that nobody ever had:
    an event that kills its only worker must not be waited for like a worker that is away.
    """
    if asked.outcome.fate is not Fate.NO_WORKER or not asked.invocation.attempt:
        return asked
    lost = asked.outcome._replace(fate=Fate.LOST, detail=Fate.LOST.value)
    return asked._replace(outcome=lost)


def _selection(entry: HandlerEntry) -> pb.ContextSelection:
    recent = entry.spec.channel_provider.recent_events or DEFAULT_RECENT_EVENTS
    return pb.ContextSelection(room=True, bindings=True, participants=True, recent_events=recent)


def _delivery(ask: Ask) -> pb.ChannelDelivery:
    return pb.ChannelDelivery(
        event=ask.event,
        binding=described(ask.binding, effective(ask.channel, ask.binding)),
        delivery_id=ask.delivery_id,
        recipient=ask.recipient,
        part=ask.part,
        parts=ask.parts,
    )


def _code(unanswered: Unanswered) -> str:
    failure = unanswered.failure
    if failure is None:
        return _CODE_OF_FATE[unanswered.fate]
    if failure.status.reason:
        return pb.ErrorReason.Name(failure.status.reason).removeprefix("ERROR_REASON_").lower()
    return _CODE_NAMES.get(failure.status.code, "worker_failed")


def _retryable(unanswered: Unanswered) -> bool:
    if unanswered.failure is not None:
        return unanswered.failure.retryable
    return unanswered.fate is not Fate.BROKEN


def _failure(unanswered: Unanswered) -> pb.DeliveryOutcome:
    outcome = _failed(_code(unanswered), unanswered.message, retryable=_retryable(unanswered))
    if unanswered.failure is not None and unanswered.failure.HasField("retry_after"):
        outcome.result.retry_after.CopyFrom(unanswered.failure.retry_after)
    return outcome


def _failed(code: str, message: str, *, retryable: bool) -> pb.DeliveryOutcome:
    return pb.DeliveryOutcome(
        result=pb.DeliveryResult(
            state=pb.DELIVERY_STATE_FAILED,
            error_code=code,
            error_message=message,
            retryable=retryable,
        )
    )


def _responder_failed(unanswered: Unanswered) -> ResponderFailed:
    return ResponderFailed(_code(unanswered), unanswered.message, retryable=_retryable(unanswered))
