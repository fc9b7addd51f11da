"""What an answer means: allow, block, modify, or a failure with its reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, RoomdError, Violation, invalid
from roomd_server.core.triggers import apply_mask
from roomd_server.hooks.entries import HookEntry
from roomd_server.hooks.invocation import Fate, Outcome

Check = Callable[[Message], Sequence[Violation]]
"""The rules of a message's fields."""

PLAIN_ALLOW_BYTES = pb.HookDecision(allow=pb.Allow()).ByteSize()

MAX_REASON_CHARS = 2048

NO_WORKER, TIMEOUT, ERROR = "no_worker", "timeout", "error"
CIRCUIT_OPEN = "circuit_open"
ALLOW, BLOCK, MODIFY = "allow", "block", "modify"

_DECISION_OF_FATE = {
    Fate.TIMEOUT: TIMEOUT,
    Fate.NO_WORKER: NO_WORKER,
    Fate.FULL: ERROR,
    Fate.LOST: ERROR,
    Fate.BROKEN: ERROR,
}


class Ruling(NamedTuple):
    """What one hook's outcome means for the chain."""

    decision: str
    """As in ``HookTrace.decision``."""
    reason: str = ""
    payload: pb.HookPayload | None = None
    """The payload from here on, when it was modified."""
    answer: pb.HookDecision | None = None
    """The worker's own words, when they count."""
    plain: bool = False
    """Nothing but "go on"."""
    refused: pb.Status | None = None
    """Why an answer is not applied; the worker is told."""

    @property
    def failed(self) -> bool:
        """Whether the failure policy applies."""
        return self.decision not in (ALLOW, BLOCK, MODIFY)


def rule(
    entry: HookEntry, trigger: int, payload: pb.HookPayload, outcome: Outcome, check: Check
) -> Ruling:
    """Judge the outcome of one DECIDE or VALIDATE invocation."""
    result = outcome.result
    if result is not None and _is_plain_allow(result.decision):
        return Ruling(ALLOW, answer=result.decision, plain=True)
    if result is None:
        if outcome.fate is Fate.TIMEOUT:
            return Ruling(TIMEOUT, f"no answer within {entry.timeout_seconds:g} s")
        return Ruling(_DECISION_OF_FATE[outcome.fate], outcome.detail)
    kind = result.WhichOneof("outcome")
    if kind == "failure":
        if violations := check(result.failure):
            return _refusal(invalid(*violations[0]))
        return Ruling(ERROR, failure_message(result.failure))
    if kind == "done" and entry.shadow:
        # A worker that was told "no reply expected" may leave it at that.
        return Ruling(ALLOW)
    if kind != "decision":
        return _refusal(invalid("outcome", "must be a decision or a failure"))
    try:
        return _rule_decision(entry, trigger, payload, result.decision, check)
    except RoomdError as error:
        return _refusal(error)


def _is_plain_allow(decision: pb.HookDecision) -> bool:
    # Nearly all answers are this one, and nothing in it can be wrong.
    return decision.ByteSize() == PLAIN_ALLOW_BYTES and decision.HasField("allow")


def failure_message(failure: pb.Failure) -> str:
    """A worker's own words, not too many."""
    return failure.status.message[:MAX_REASON_CHARS] or "the worker failed"


def _rule_decision(
    entry: HookEntry,
    trigger: int,
    payload: pb.HookPayload,
    decision: pb.HookDecision,
    check: Check,
) -> Ruling:
    action = decision.WhichOneof("action")
    if action is None:
        raise invalid("action", "must be allow, block or modify")
    if entry.mode == pb.HOOK_MODE_VALIDATE:
        _check_only_validates(decision, action)
    violations = check(decision)
    if violations:
        raise invalid(*violations[0])
    check_titles(decision.tasks)
    for position, injected in enumerate(decision.injected_events):
        if injected.event.content.WhichOneof("kind") is None:
            raise invalid(f"injected_events[{position}].event.content", "is required")
    if action == "modify":
        changed = _modified(trigger, payload, decision.modify)
        return Ruling(MODIFY, payload=changed, answer=decision)
    if action == "block":
        return Ruling(BLOCK, decision.block.reason or decision.block.code, answer=decision)
    return Ruling(ALLOW, answer=decision)


def check_titles(tasks: Iterable[pb.Task]) -> None:
    """Refuse new tasks that do not say what is to be done.

    Raises:
        InvalidArgument: VALIDATION.
    """
    for position, task in enumerate(tasks):
        if not task.title:
            raise invalid(f"tasks[{position}].title", "is required")


def _check_only_validates(decision: pb.HookDecision, action: str) -> None:
    if action == "modify":
        raise invalid("action", "a VALIDATE hook allows or blocks, it does not modify")
    if decision.injected_events or decision.tasks or decision.observations:
        raise invalid("action", "a VALIDATE hook allows or blocks, it adds nothing")


def _modified(trigger: int, payload: pb.HookPayload, modify: pb.Modify) -> pb.HookPayload:
    changed = apply_mask(trigger, payload, modify)
    if changed.HasField("event"):
        if changed.event.content.WhichOneof("kind") is None:
            raise invalid("modify.payload.event.content", "must say something")
        _restore_reserved(payload.event, changed.event)
    return changed


def _restore_reserved(before: pb.RoomEvent, after: pb.RoomEvent) -> None:
    """Metadata keys with ``_`` are the server's: they stay as they were."""
    for key in [key for key in after.metadata.fields if key.startswith("_")]:
        del after.metadata.fields[key]
    for key, value in before.metadata.fields.items():
        if key.startswith("_"):
            after.metadata.fields[key].CopyFrom(value)


def _refusal(error: RoomdError) -> Ruling:
    wrong = error if isinstance(error, InvalidArgument) else invalid("decision", error.message)
    return Ruling(ERROR, f"invalid answer: {wrong.message}", refused=wrong.to_status())
