"""TestHooks: a payload through a room's chain, with nothing stored, delivered or counted."""

from __future__ import annotations

from collections.abc import Mapping

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, invalid
from roomd_server.core.ports import ContextBuilder, HookCall, Subject
from roomd_server.core.times import duration
from roomd_server.core.triggers import TRIGGERS
from roomd_server.hooks.chain import ChainParts, ChainWalk, Step
from roomd_server.hooks.entries import Chain, HookEntry
from roomd_server.hooks.registry import HookRegistry, hook_not_found
from roomd_server.hooks.rulings import CIRCUIT_OPEN, ERROR, NO_WORKER, TIMEOUT, Ruling

# google.rpc.Code and reason of each failure.
_STATUS = {
    TIMEOUT: (4, pb.ERROR_REASON_DEADLINE),
    NO_WORKER: (9, pb.ERROR_REASON_NOT_ATTACHED),
    ERROR: (14, pb.ERROR_REASON_SERVER_FAULT),
}


async def run_trial(
    parts: ChainParts,
    registry: HookRegistry,
    org: str,
    request: pb.TestHooksRequest,
    room: tuple[Mapping[str, str], ContextBuilder],
) -> pb.TestHooksResponse:
    """Run the hooks that match and say of every hook what it did, or why it was not called.

    Raises:
        InvalidArgument: TRIGGER_MODE_MISMATCH, VALIDATION.
        NotFound: HOOK_NOT_FOUND, for a name in ``only``.
        Unavailable: HOOK_BUDGET_EXHAUSTED.
    """
    _check(request)
    chosen = _chosen(registry, org, request)
    subject = subject_of(request.room_id, request.payload)
    labels, context = room
    call = HookCall(org, request.trigger, request.payload, subject, dict(labels), context)
    skipped: dict[str, str] = {}
    for entry in chosen:
        if entry.paused:
            skipped[entry.name] = "paused"
        elif not entry.matches(subject, labels):
            skipped[entry.name] = "filter"
    walk = ChainWalk(parts, call, dry=True)
    verdict = await walk.run(tuple(one for one in chosen if one.name not in skipped))
    done = {step.entry.name: step for step in walk.steps}
    return pb.TestHooksResponse(
        steps=[_step(entry, done.get(entry.name), skipped) for entry in chosen],
        blocked=bool(verdict.blocked_by),
        final_payload=verdict.payload,
        reason=verdict.reason,
    )


def subject_of(room_id: str, payload: pb.HookPayload) -> Subject:
    """What filters look at in a payload that stands alone."""
    if payload.WhichOneof("kind") == "event":
        event = payload.event
        source = event.source
        return Subject(
            room_id, source.channel_id, source.channel_type, source.direction, event.type
        )
    return Subject(room_id)


def _check(request: pb.TestHooksRequest) -> None:
    row = TRIGGERS.get(request.trigger)
    if row is None:
        raise invalid("trigger", "is not a known trigger")
    if pb.HOOK_MODE_DECIDE not in row.modes:
        raise InvalidArgument(
            pb.ERROR_REASON_TRIGGER_MODE_MISMATCH,
            f"{pb.HookTrigger.Name(request.trigger)} decides nothing; try one that does",
        )
    if request.payload.WhichOneof("kind") != row.payload:
        raise invalid("payload", f"must be of the kind {row.payload}")


def _chosen(registry: HookRegistry, org: str, request: pb.TestHooksRequest) -> Chain:
    entries = registry.of_trigger(org, request.trigger)
    if not request.only:
        return entries
    wanted = set(request.only)
    missing = wanted - {entry.name for entry in entries}
    if missing:
        raise hook_not_found(min(missing), "does not exist or does not have this trigger")
    return tuple(entry for entry in entries if entry.name in wanted)


def _step(
    entry: HookEntry, step: Step | None, skipped: Mapping[str, str]
) -> pb.TestHooksResponse.Step:
    if step is None:
        return pb.TestHooksResponse.Step(
            hook=entry.name, skipped_because=skipped.get(entry.name, "chain_blocked")
        )
    ruling = step.ruling
    if ruling.decision == CIRCUIT_OPEN:
        return pb.TestHooksResponse.Step(hook=entry.name, skipped_because=CIRCUIT_OPEN)
    return pb.TestHooksResponse.Step(
        hook=entry.name,
        worker_id=step.worker_id,
        took=duration(step.took_seconds),
        decision=ruling.answer,
        status=_status(ruling),
    )


def _status(ruling: Ruling) -> pb.Status:
    if ruling.refused is not None:
        return ruling.refused
    if not ruling.failed:
        return pb.Status()
    code, reason = _STATUS[ruling.decision]
    return pb.Status(code=code, message=ruling.reason, reason=reason)
