"""One walk down the DECIDE and VALIDATE hooks of one call.

Hooks run by priority. Of one priority the DECIDE hooks run one after another by name, then
the VALIDATE hooks together, on what the others made of the payload.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import Clock, HookCall, Verdict
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.entries import Chain, HookEntry
from roomd_server.hooks.invocation import Fate, Invocation, Outcome
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.rulings import (
    CIRCUIT_OPEN,
    NO_WORKER,
    TIMEOUT,
    Check,
    Ruling,
    rule,
)

OnFault = Callable[[str, pb.Hook, str, str], None]
"""``(kind, hook, room_id, detail)``; kind is hook_error, hook_timeout or
hook_circuit_opened."""


class Step(NamedTuple):
    """What one hook did."""

    entry: HookEntry
    worker_id: str
    took_seconds: float
    ruling: Ruling


@dataclass(slots=True)
class ChainParts:
    """What walks are made of."""

    dispatcher: Dispatcher
    clock: Clock
    options: HookOptions
    check: Check
    on_fault: OnFault | None = None
    draining: bool = False
    """The server stops: with nobody left to ask nothing is decided any more."""


@dataclass(slots=True)
class _Shadow:
    """A hook whose decision is recorded and not applied."""

    entry: HookEntry
    invocation: Invocation
    payload: pb.HookPayload
    trace: pb.HookTrace
    ruling: Ruling | None = None
    took_seconds: float = 0.0


class ContextShare:
    """The room's context, built once for all hooks that asked for the same."""

    __slots__ = ("_built", "_call")

    def __init__(self, call: HookCall) -> None:
        self._call = call
        self._built: dict[bytes, tuple[pb.RoomContext, int]] = {}  # bounded: by the chain

    async def get(self, entry: HookEntry) -> tuple[pb.RoomContext, int]:
        """Context and its size in bytes."""
        known = self._built.get(entry.context_key)
        if known is None:
            assert entry.context is not None
            context = await self._call.context(entry.context)
            known = self._built[entry.context_key] = context, context.ByteSize()
        return known


class ChainWalk:
    """A walk; used once.

    Args:
        parts: What it is made of.
        call: The point in the pipeline.
        dry: Try only: failures do not count for circuits.
    """

    __slots__ = (
        "_call",
        "_context",
        "_deadline",
        "_dry",
        "_parts",
        "_payload_bytes",
        "_shadows",
        "steps",
        "verdict",
    )

    def __init__(self, parts: ChainParts, call: HookCall, *, dry: bool = False) -> None:
        self._parts = parts
        self._call = call
        self._dry = dry
        self._deadline = parts.clock.monotonic() + parts.options.chain_budget_seconds
        self._context: ContextShare | None = None
        self._payload_bytes = call.payload.ByteSize()
        self._shadows: list[_Shadow] = []
        self.verdict = Verdict(call.payload)
        self.steps: list[Step] = []
        """Filled when dry."""

    async def run(self, chain: Chain) -> Verdict:
        """Ask hook by hook until one blocks.

        Raises:
            Unavailable: HOOK_BUDGET_EXHAUSTED; NODE_DRAINING when the server stops.
        """
        position = 0
        while position < len(chain) and not self.verdict.blocked_by:
            entry = chain[position]
            position += 1
            if entry.removed:
                continue
            if entry.shadow:
                await self._start_shadow(entry)
            elif entry.mode == pb.HOOK_MODE_VALIDATE:
                together = [entry]
                while position < len(chain) and _runs_beside(chain[position], entry):
                    together.append(chain[position])
                    position += 1
                await self._validate(together)
            else:
                invocation = await self._start(entry)
                if invocation is not None:
                    await self._finish(entry, invocation)
        if self._shadows:
            await self._collect_shadows()
        return self.verdict

    # -------------------------------------------------------------- asking

    async def _validate(self, entries: list[HookEntry]) -> None:
        started: list[tuple[HookEntry, Invocation]] = []
        try:
            for entry in entries:
                invocation = await self._start(entry)
                if invocation is not None:
                    started.append((entry, invocation))
            for entry, invocation in started:
                await self._finish(entry, invocation)
        finally:
            for _, invocation in started:
                self._parts.dispatcher.cancel(invocation, pb.Cancel.REASON_CALLER_GONE)

    async def _start(self, entry: HookEntry) -> Invocation | None:
        """Offer it; None when its circuit is open and its policy was applied."""
        parts = self._parts
        left = self._deadline - parts.clock.monotonic()
        if left <= 0:
            raise self._exhausted(entry)
        if entry.circuit.is_open and not self._probes(entry):
            return None
        return await self._offer(entry, left)

    async def _offer(self, entry: HookEntry, most_seconds: float) -> Invocation:
        parts = self._parts
        invocation = Invocation(
            entry.group,
            parts.dispatcher.new_id(),
            min(entry.timeout_seconds, most_seconds),
            min(entry.longest_seconds, most_seconds),
            self._call.subject.room_id,
            self._call.trigger,
            self.verdict.payload,
            size=self._payload_bytes,
            replies=not entry.shadow,
            holds_lock=not entry.shadow,
            waits=not entry.shadow,
            max_attempts=parts.options.max_attempts,
        )
        if entry.context is not None:
            if self._context is None:
                self._context = ContextShare(self._call)
            invocation.context, extra = await self._context.get(entry)
            invocation.size += extra
        parts.dispatcher.offer(invocation)
        return invocation

    async def _finish(self, entry: HookEntry, invocation: Invocation) -> None:
        try:
            outcome = await invocation.future
        except asyncio.CancelledError:
            self._parts.dispatcher.cancel(invocation, pb.Cancel.REASON_CALLER_GONE)
            raise
        self._apply(entry, invocation, outcome)

    def _probes(self, entry: HookEntry) -> bool:
        now = self._parts.clock.monotonic()
        if not self._dry and entry.circuit.admits(now):
            return True
        wait = entry.circuit.seconds_to_probe(now)
        self._record(entry, "", 0.0, Ruling(CIRCUIT_OPEN, f"next try in {wait:.0f} s"))
        return False

    # -------------------------------------------------------------- deciding

    def _apply(self, entry: HookEntry, invocation: Invocation, outcome: Outcome) -> None:
        parts = self._parts
        deleted = entry.removed and entry.persistent and outcome.fate is Fate.NO_WORKER
        if outcome.fate is Fate.REMOVED or deleted:
            return
        took = parts.clock.monotonic() - invocation.began
        verdict = self.verdict
        ruling = rule(entry, self._call.trigger, verdict.payload, outcome, parts.check)
        if ruling.refused is not None:
            parts.dispatcher.refuse(invocation, ruling.refused)
        if ruling.decision == TIMEOUT and took < entry.timeout_seconds - 0.001:
            # Not its own timeout was over, but the chain's budget.
            if not self._dry:
                entry.tally.count(TIMEOUT, took)
            if took * 2 >= parts.options.chain_budget_seconds:
                self._count(entry, ruling)
            raise self._exhausted(entry)
        if ruling.decision == NO_WORKER and parts.draining:
            raise Unavailable(
                pb.ERROR_REASON_NODE_DRAINING,
                "this server is going away and its hook workers have left; try again",
            )
        self._count(entry, ruling)
        self._record(entry, outcome.worker_id, took, ruling)
        if ruling.payload is not None:
            verdict.payload = ruling.payload
            self._payload_bytes = ruling.payload.ByteSize()

    def _record(
        self, entry: HookEntry, worker_id: str, took_seconds: float, ruling: Ruling
    ) -> None:
        """Write the trace, and take what the ruling adds."""
        verdict = self.verdict
        trace = pb.HookTrace(hook=entry.name, worker_id=worker_id, decision=ruling.decision)
        if ruling.reason:
            trace.reason = ruling.reason
        _set_took(trace, took_seconds)
        verdict.traces.append(trace)
        if self._dry:
            self.steps.append(Step(entry, worker_id, took_seconds, ruling))
        elif ruling.decision == CIRCUIT_OPEN:
            entry.tally.skip(CIRCUIT_OPEN)
        else:
            entry.tally.count(ruling.decision, took_seconds)
        if ruling.plain:
            return
        answer = ruling.answer
        if answer is not None:
            verdict.injected.extend(answer.injected_events)
            verdict.tasks.extend(answer.tasks)
            verdict.observations.extend(answer.observations)
            if answer.HasField("metadata"):
                verdict.metadata[entry.name] = answer.metadata
        if verdict.blocked_by:
            return
        if ruling.decision == "block":
            verdict.blocked_by, verdict.reason = entry.name, ruling.reason
        elif ruling.failed and entry.blocks_on_failure:
            verdict.blocked_by = entry.name
            verdict.reason = f"hook {entry.name!r} failed closed: {ruling.reason}"

    def _count(self, entry: HookEntry, ruling: Ruling) -> None:
        """Let the outcome count for the circuit and tell about failures."""
        if self._dry:
            return
        if not ruling.failed:
            entry.circuit.succeeded()
            return
        kind = "hook_timeout" if ruling.decision == TIMEOUT else "hook_error"
        self._fault(kind, entry, ruling.reason)
        # Nobody there is no failure of a worker, and costs no time.
        if ruling.decision != NO_WORKER and entry.circuit.failed(self._parts.clock.monotonic()):
            self._fault("hook_circuit_opened", entry, ruling.reason)
            failures = self._parts.options.circuit_failures
            self._parts.dispatcher.notify(
                entry.group, "CIRCUIT_OPEN", failures, "failed too often in a row"
            )

    def _fault(self, kind: str, entry: HookEntry, detail: str) -> None:
        if self._parts.on_fault is not None:
            self._parts.on_fault(kind, entry.hook, self._call.subject.room_id, detail)

    def _exhausted(self, entry: HookEntry) -> Unavailable:
        budget = self._parts.options.chain_budget_seconds
        return Unavailable(
            pb.ERROR_REASON_HOOK_BUDGET_EXHAUSTED,
            f"the hooks took longer than {budget:g} s together; the last one was {entry.name!r}",
            metadata={"hook": entry.name},
        )

    # -------------------------------------------------------------- shadows

    async def _start_shadow(self, entry: HookEntry) -> None:
        trace = pb.HookTrace(hook=entry.name, decision=f"shadow:{CIRCUIT_OPEN}")
        self.verdict.traces.append(trace)
        if entry.circuit.is_open and not entry.circuit.admits(self._parts.clock.monotonic()):
            if self._dry:
                self.steps.append(Step(entry, "", 0.0, Ruling(CIRCUIT_OPEN)))
            else:
                entry.tally.skip(CIRCUIT_OPEN)
            return
        # It has its whole timeout: nobody waits for it that long.
        invocation = await self._offer(entry, math.inf)
        shadow = _Shadow(entry, invocation, self.verdict.payload, trace)
        self._shadows.append(shadow)
        invocation.future.add_done_callback(partial(self._shadow_ended, shadow))

    def _shadow_ended(self, shadow: _Shadow, future: asyncio.Future[Outcome]) -> None:
        if future.cancelled() or future.result().fate is Fate.REMOVED:
            return
        ruling = self._rule_shadow(shadow)
        if ruling.refused is not None:
            self._parts.dispatcher.refuse(shadow.invocation, ruling.refused)
        self._count(shadow.entry, ruling)
        if not self._dry:
            shadow.entry.tally.count(ruling.decision, shadow.took_seconds)

    def _rule_shadow(self, shadow: _Shadow) -> Ruling:
        if shadow.ruling is None:
            now = self._parts.clock.monotonic()
            shadow.took_seconds = now - shadow.invocation.began
            shadow.ruling = rule(
                shadow.entry,
                self._call.trigger,
                shadow.payload,
                shadow.invocation.future.result(),
                self._parts.check,
            )
        return shadow.ruling

    async def _collect_shadows(self) -> None:
        """Name the decisions that are there; the others are left to themselves."""
        waiting = [one.invocation.future for one in self._shadows]
        if not all(future.done() for future in waiting):
            patience = None if self._dry else self._parts.options.shadow_wait_seconds
            await asyncio.wait(waiting, timeout=patience)
        for shadow in self._shadows:
            future = shadow.invocation.future
            if not future.done():
                shadow.trace.decision = "shadow:pending"
            elif not future.cancelled() and future.result().fate is not Fate.REMOVED:
                ruling = self._rule_shadow(shadow)
                worker_id = future.result().worker_id
                shadow.trace.decision = f"shadow:{ruling.decision}"
                shadow.trace.reason = ruling.reason
                shadow.trace.worker_id = worker_id
                _set_took(shadow.trace, shadow.took_seconds)
                if self._dry:
                    step = Step(shadow.entry, worker_id, shadow.took_seconds, ruling)
                    self.steps.append(step)


def _set_took(trace: pb.HookTrace, seconds: float) -> None:
    whole = int(seconds)
    if whole:
        trace.took.seconds = whole
    trace.took.nanos = int((seconds - whole) * 1e6) * 1000


def _runs_beside(entry: HookEntry, first: HookEntry) -> bool:
    return entry.order[:2] == first.order[:2] and not entry.shadow and not entry.removed
