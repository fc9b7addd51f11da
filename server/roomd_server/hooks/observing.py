"""Telling OBSERVE hooks, without anybody waiting: what nobody can take is dropped and
counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, RoomdError, invalid
from roomd_server.core.ports import HookCall, ObserverResult
from roomd_server.core.times import seconds_of
from roomd_server.hooks.chain import ChainParts, ContextShare
from roomd_server.hooks.entries import HookEntry
from roomd_server.hooks.invocation import Fate, Invocation, Outcome
from roomd_server.hooks.rulings import ERROR, TIMEOUT, Check, check_titles, failure_message
from roomd_server.hooks.tallies import DONE, DROPPED

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
LONGEST_REST_SECONDS = 3600.0
"""What a worker may ask for, and what a clock that jumped may claim."""


class Observation:
    """One call, told to all observers that match; ``done`` when all have ended."""

    __slots__ = ("_call", "_found", "_left", "_parts", "_payload_bytes", "done")

    def __init__(self, parts: ChainParts, call: HookCall, count: int) -> None:
        self._parts = parts
        self._call = call
        self._left = count
        self._found = ObserverResult([], [])
        self._payload_bytes = call.payload.ByteSize()
        self.done: asyncio.Future[ObserverResult] = asyncio.get_running_loop().create_future()

    def tell(self, entry: HookEntry, context: tuple[pb.RoomContext, int] | None = None) -> None:
        """Offer it to one observer."""
        parts = self._parts
        invocation = Invocation(
            entry.group,
            parts.dispatcher.new_id(),
            entry.timeout_seconds,
            entry.longest_seconds,
            self._call.subject.room_id,
            self._call.trigger,
            self._call.payload,
            size=self._payload_bytes,
            replies=False,
            waits=False,
            max_attempts=parts.options.max_attempts,
        )
        if context is not None:
            invocation.context = context[0]
            invocation.size += context[1]
        parts.dispatcher.offer(invocation)
        invocation.future.add_done_callback(partial(self._ended, entry, invocation))

    async def tell_with_context(self, entries: list[HookEntry]) -> None:
        """Offer it to observers that asked for context; never raises."""
        share = ContextShare(self._call)
        for entry in entries:
            try:
                context = await share.get(entry)
            except asyncio.CancelledError:
                # The server stops: who waits for the observers must not wait for ever.
                self._left = 1
                self._one_less()
                raise
            except RoomdError as error:
                self._drop(entry, error.message)
                self._one_less()
            except Exception:  # boundary: the room's owner failed, the observers must end
                log.exception("context for observers of room %s", self._call.subject.room_id)
                self._drop(entry, "the room's context could not be read")
                self._one_less()
            else:
                self.tell(entry, context)

    def _ended(
        self, entry: HookEntry, invocation: Invocation, future: asyncio.Future[Outcome]
    ) -> None:
        if not future.cancelled():
            self._take(entry, invocation, future.result())
        self._one_less()

    def _take(self, entry: HookEntry, invocation: Invocation, outcome: Outcome) -> None:
        result, tally = outcome.result, entry.tally
        took = self._parts.clock.monotonic() - invocation.began
        if result is None:
            if outcome.fate in (Fate.NO_WORKER, Fate.FULL, Fate.LOST):
                self._drop(entry, outcome.detail)
            elif outcome.fate is Fate.TIMEOUT:
                tally.count(TIMEOUT, took)
                self._fault("hook_timeout", entry, f"no answer within {entry.timeout_seconds:g} s")
            return
        wrong = problem_of(result, self._parts.check)
        if wrong is not None:
            tally.count(ERROR, took)
            self._parts.dispatcher.refuse(invocation, wrong.to_status())
            self._fault("hook_error", entry, f"invalid answer: {wrong.message}")
            return
        if result.WhichOneof("outcome") == "failure":
            tally.count(ERROR, took)
            self._fault("hook_error", entry, failure_message(result.failure))
            return
        tally.count(DONE, took)
        self._found.tasks.extend(result.done.tasks)
        self._found.observations.extend(result.done.observations)

    def _drop(self, entry: HookEntry, detail: str) -> None:
        entry.dropped += 1
        entry.tally.skip(DROPPED)
        self._parts.dispatcher.dropped(entry.group)
        log.debug("hook %s missed an event: %s", entry.name, detail)

    def _fault(self, kind: str, entry: HookEntry, detail: str) -> None:
        if self._parts.on_fault is not None:
            self._parts.on_fault(kind, entry.hook, self._call.subject.room_id, detail)

    def _one_less(self) -> None:
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(self._found)


def problem_of(result: pb.Result, check: Check) -> InvalidArgument | None:
    """Why an observer's answer cannot be taken; None: it can."""
    kind = result.WhichOneof("outcome")
    if kind not in ("done", "failure"):
        return invalid("outcome", "must be done or a failure")
    violations = check(result.done if kind == "done" else result.failure)
    if violations:
        return invalid(*violations[0])
    try:
        check_titles(result.done.tasks)
    except InvalidArgument as error:
        return error
    return None


class Fault(NamedTuple):
    """Why an attempt to tell a durable observer failed."""

    kind: str
    """Of the framework event."""
    status: pb.Status
    retryable: bool = True
    retry_after_seconds: float = 0.0
    """0: as the server thinks best."""
    refused: pb.Status | None = None
    """What the worker is told of its answer."""
    lost: bool = False
    """Its worker went away."""

    @property
    def verdict(self) -> str:
        """As it is counted."""
        return TIMEOUT if self.kind == "hook_timeout" else ERROR


def fault_of(entry: HookEntry, outcome: Outcome, check: Check) -> Fault | None:
    """Judge an attempt; None: it is acknowledged."""
    result = outcome.result
    if result is None:
        if outcome.fate is Fate.TIMEOUT:
            message = f"no answer within {entry.timeout_seconds:g} s"
            status = pb.Status(code=_DEADLINE, message=message, reason=pb.ERROR_REASON_DEADLINE)
            return Fault("hook_timeout", status)
        status = pb.Status(
            code=_UNAVAILABLE, message=outcome.detail, reason=pb.ERROR_REASON_NO_WORKER
        )
        return Fault("hook_error", status, lost=True)
    wrong = problem_of(result, check)
    if wrong is not None:
        refused = wrong.to_status()
        status = pb.Status(
            code=refused.code, message=f"invalid answer: {wrong.message}", reason=refused.reason
        )
        return Fault("hook_error", status, refused=refused)
    if result.WhichOneof("outcome") == "done":
        return None
    failure = result.failure
    status = pb.Status(code=failure.status.code, reason=failure.status.reason)
    status.message = failure_message(failure)
    return Fault("hook_error", status, failure.retryable, seconds_of(failure.retry_after))


def retry_wait_seconds(attempts: int, fault: Fault, jitter: Callable[[], float]) -> float:
    """How long a durable observer is left alone after so many attempts."""
    if fault.retry_after_seconds:
        return min(fault.retry_after_seconds, LONGEST_REST_SECONDS)
    if fault.lost and attempts == 1:
        return 0.0
    longest = min(FIRST_RETRY_SECONDS * 2.0 ** (attempts - 1), LONGEST_RETRY_SECONDS)
    return longest * (0.75 + 0.25 * jitter())


_DEADLINE, _UNAVAILABLE = 4, 14
"""google.rpc.Code."""
