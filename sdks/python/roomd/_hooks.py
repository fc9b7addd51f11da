"""Functions of the application as hooks on the worker stream."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from roomd import v1 as pb
from roomd._convert import (
    CHANNEL_TYPES,
    DIRECTIONS,
    HOOK_TRIGGERS,
    context_from_pb,
    duration,
    event_from_pb,
    event_to_pb,
    observation_from_pb,
    observation_to_pb,
    status_from_pb,
    struct,
    task_to_pb,
)
from roomd._worker import MAX_ERROR_CHARS, Answer, Emit, Handler, Serve
from roomd.exceptions import GiveUpError
from roomd.models.enums import ChannelDirection, ChannelType, HookExecution, HookTrigger
from roomd.models.event import RoomEvent
from roomd.models.hook import HookResult

log = logging.getLogger(__name__)

HookFn = Callable[..., Any]

MAX_DECIDE_SECONDS = 10.0
"""The server's cap for hooks that hold a room up."""
MAX_OBSERVE_SECONDS = 300.0
DEFAULT_RECENT_EVENTS = 20

MUTABLE: Mapping[HookTrigger, tuple[str, ...]] = {
    HookTrigger.BEFORE_BROADCAST: (
        "content",
        "metadata",
        "visibility",
        "response_visibility",
        "addressed_to",
    ),
    HookTrigger.BEFORE_DELIVER: ("content", "metadata"),
}
"""Triggers whose hooks decide, and what of the event they may change. All others only watch,
whatever execution was asked for."""


@dataclass(frozen=True)
class HookOptions:
    """What a hook looks at, and when it runs."""

    priority: int = 0
    timeout: float = 30.0
    channel_types: Collection[ChannelType] | None = None
    channel_ids: Collection[str] | None = None
    directions: Collection[ChannelDirection] | None = None
    room_id: str | None = None
    recent_events: int = DEFAULT_RECENT_EVENTS
    durable: bool = False
    max_attempts: int = 0
    """0: as the server thinks best."""


def hook_handler(
    trigger: HookTrigger, execution: HookExecution, function: HookFn, options: HookOptions
) -> Handler:
    """A function as a hook.

    Raises:
        ValueError: an ASYNC hook on a trigger that only takes decisions; a durable one too.
    """
    decides = trigger in MUTABLE
    if decides and options.durable:
        raise ValueError(f"{trigger} hooks decide; only hooks that watch can be durable")
    if decides and execution == HookExecution.ASYNC:
        raise ValueError(
            f"{trigger} hooks decide, so they are SYNC; watch with AFTER_BROADCAST instead"
        )
    cap = MAX_DECIDE_SECONDS if decides else MAX_OBSERVE_SECONDS
    spec = pb.HookSpec(
        triggers=[HOOK_TRIGGERS.number(trigger)],
        mode=pb.HOOK_MODE_DECIDE if decides else pb.HOOK_MODE_OBSERVE,
        priority=options.priority,
        timeout=duration(min(options.timeout, cap)),
        lifetime=pb.LIFETIME_PERSISTENT if options.durable else pb.LIFETIME_SESSION,
        delivery=pb.HOOK_DELIVERY_DURABLE if options.durable else pb.HOOK_DELIVERY_UNSPECIFIED,
        max_attempts=options.max_attempts,
        filter=pb.HookFilter(
            channel_types=[CHANNEL_TYPES.number(one) for one in options.channel_types or ()],
            channel_ids=list(options.channel_ids or ()),
            directions=[DIRECTIONS.number(one) for one in options.directions or ()],
            room_ids=[options.room_id] if options.room_id else [],
        ),
        context=pb.ContextSelection(
            room=True, bindings=True, participants=True, recent_events=options.recent_events
        ),
    )
    wants_context = takes_second(function)

    async def serve(invocation: pb.Invocation, _emit: Emit) -> Answer:
        payload = payload_from_pb(invocation.hook)
        arguments = [payload]
        if wants_context:
            arguments.append(context_from_pb(invocation.context))
        outcome = function(*arguments)
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if not decides:
            return _done(outcome, invocation.handler)
        answer = decision_from(outcome, invocation.hook, trigger)
        if isinstance(answer, pb.Failure):
            log.error("hook %s: %s", invocation.handler, answer.status.message)
        return answer

    return Handler(pb.HandlerSpec(hook=spec), _retried(serve) if options.durable else serve)


def _retried(serve: Serve) -> Serve:
    """Let a durable observer that raises be asked again, unless it says that it is of no use."""

    async def attempt(invocation: pb.Invocation, emit: Emit) -> Answer:
        try:
            return await serve(invocation, emit)
        except Exception as error:  # boundary: the application's fault is its answer
            log.exception("hook %s failed, attempt %d", invocation.handler, invocation.attempt)
            status = pb.Status(
                code=13,
                message=f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS],
                reason=pb.ERROR_REASON_SERVER_FAULT,
            )
            return pb.Failure(status=status, retryable=not isinstance(error, GiveUpError))

    return attempt


def takes_second(function: HookFn) -> bool:
    """Whether a function takes more than one argument: a hook may do without the context, a
    tool without the call.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [
        one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return len(positional) > 1 or any(one.kind == one.VAR_POSITIONAL for one in parameters)


def payload_from_pb(payload: pb.HookPayload) -> Any:
    """What a hook gets as its first argument."""
    match payload.WhichOneof("kind"):
        case "event":
            return event_from_pb(payload.event)
        case "delivery":
            return status_from_pb(payload.delivery)
        case "observation":
            return observation_from_pb(payload.observation)
    return None


def _done(outcome: Any, hook: str) -> pb.Done:
    """An observer may answer with tasks and observations."""
    if not isinstance(outcome, HookResult):
        return pb.Done()
    if outcome.action != "allow":
        log.warning("hook %s watches what has happened: its %s has no effect", hook, outcome.action)
    return pb.Done(
        tasks=[task_to_pb(task) for task in outcome.tasks],
        observations=[observation_to_pb(one) for one in outcome.observations],
    )


def decision_from(outcome: Any, payload: pb.HookPayload, trigger: HookTrigger) -> Answer:
    """A hook's result as a decision; anything else is the hook's failure.

    Args:
        outcome: What the hook returned.
        payload: What it was given, as it came: the hook may have written into its own copy.
        trigger: Why it ran: says what it may change.
    """
    if not isinstance(outcome, HookResult):
        return _refused(f"a SYNC hook must return a HookResult, not {type(outcome).__name__}")
    decision = pb.HookDecision(
        tasks=[task_to_pb(task) for task in outcome.tasks],
        observations=[observation_to_pb(one) for one in outcome.observations],
        injected_events=[
            pb.InjectedEvent(
                event=event_to_pb(one.event), target_channel_ids=one.target_channel_ids or ()
            )
            for one in outcome.injected_events
        ],
    )
    if outcome.metadata:
        decision.metadata.CopyFrom(struct(outcome.metadata))
    if outcome.action == "block":
        decision.block.reason = outcome.reason or "blocked"
    elif outcome.action == "modify" and isinstance(outcome.event, RoomEvent):
        original, mutable = event_from_pb(payload.event), MUTABLE[trigger]
        if wrong := _changed_beside(outcome.event, original, mutable):
            return _refused(
                f"HookResult.modify changed {', '.join(wrong)}; "
                f"{trigger} lets change {', '.join(mutable)}",
                pb.ERROR_REASON_MASK_NOT_MUTABLE,
            )
        decision.modify.CopyFrom(_modify(outcome.event, original, mutable))
    elif outcome.action == "modify":
        return _refused("HookResult.modify needs an event")
    else:
        decision.allow.SetInParent()
    return decision


def _refused(message: str, reason: pb.ErrorReason = pb.ERROR_REASON_VALIDATION) -> pb.Failure:
    return pb.Failure(status=pb.Status(code=3, message=message, reason=reason))


def _changed_beside(changed: RoomEvent, original: RoomEvent, mutable: Collection[str]) -> list[str]:
    """What a hook changed and may not. What it left to defaults, in an event that it made
    itself, it did not change.
    """
    wrong = [
        name
        for name in sorted(changed.model_fields_set.difference(mutable))
        if getattr(changed, name) != getattr(original, name)
    ]
    wrong += [
        f"metadata.{key}"
        for key, value in changed.metadata.items()
        if key.startswith("_") and original.metadata.get(key) != value
    ]
    return wrong


def _modify(changed: RoomEvent, original: RoomEvent, mutable: Collection[str]) -> pb.Modify:
    """Only what differs is named in the mask, so that a hook changes nothing by accident."""
    event = event_to_pb(changed)
    paths = [
        f"event.{name}" for name in mutable if getattr(changed, name) != getattr(original, name)
    ]
    modify = pb.Modify(payload=pb.HookPayload(event=event))
    modify.update_mask.paths.extend(paths or ["event.content"])
    return modify
