"""Functions of the application as hooks on the worker stream."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
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
from roomd._worker import Answer, Emit, Handler
from roomd.models.enums import ChannelDirection, ChannelType, HookExecution, HookTrigger
from roomd.models.event import RoomEvent
from roomd.models.hook import HookResult

HookFn = Callable[..., Any]

MAX_DECIDE_SECONDS = 10.0
"""The server's cap for hooks that hold a room up."""
MAX_OBSERVE_SECONDS = 300.0
DEFAULT_RECENT_EVENTS = 20

DECIDING = frozenset((HookTrigger.BEFORE_BROADCAST, HookTrigger.BEFORE_DELIVER))
"""Triggers whose hooks decide. All others only watch, whatever execution was asked for."""


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


def hook_handler(
    trigger: HookTrigger, execution: HookExecution, function: HookFn, options: HookOptions
) -> Handler:
    """A function as a hook.

    Raises:
        ValueError: an ASYNC hook on a trigger that only takes decisions.
    """
    decides = trigger in DECIDING
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
        lifetime=pb.LIFETIME_SESSION,
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
    wants_context = _takes_context(function)

    async def serve(invocation: pb.Invocation, _emit: Emit) -> Answer:
        payload = payload_from_pb(invocation.hook)
        arguments = [payload]
        if wants_context:
            arguments.append(context_from_pb(invocation.context))
        outcome = function(*arguments)
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if not decides:
            return _done(outcome)
        return decision_from(outcome, invocation.hook)

    return Handler(pb.HandlerSpec(hook=spec), serve)


def _takes_context(function: HookFn) -> bool:
    """Whether a function takes the context beside the payload: delivery status handlers of
    the documents take only one argument.
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


def _done(outcome: Any) -> pb.Done:
    """An observer may answer with tasks and observations."""
    if not isinstance(outcome, HookResult):
        return pb.Done()
    return pb.Done(
        tasks=[task_to_pb(task) for task in outcome.tasks],
        observations=[observation_to_pb(one) for one in outcome.observations],
    )


def decision_from(outcome: Any, payload: pb.HookPayload) -> Answer:
    """A hook's result as a decision; anything else is the hook's failure.

    Args:
        outcome: What the hook returned.
        payload: What it was given, as it came: the hook may have written into its own copy.
    """
    if not isinstance(outcome, HookResult):
        message = f"a SYNC hook must return a HookResult, not {type(outcome).__name__}"
        return pb.Failure(status=pb.Status(code=3, message=message))
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
        decision.modify.CopyFrom(_modify(outcome.event, event_from_pb(payload.event)))
    elif outcome.action == "modify":
        message = "HookResult.modify needs an event"
        return pb.Failure(status=pb.Status(code=3, message=message))
    else:
        decision.allow.SetInParent()
    return decision


MUTABLE = ("content", "metadata", "visibility", "response_visibility", "addressed_to")


def _modify(changed: RoomEvent, original: RoomEvent) -> pb.Modify:
    """Only what differs is named in the mask, so that a hook changes nothing by accident."""
    event = event_to_pb(changed)
    paths = [
        f"event.{name}" for name in MUTABLE if getattr(changed, name) != getattr(original, name)
    ]
    modify = pb.Modify(payload=pb.HookPayload(event=event))
    modify.update_mask.paths.extend(paths or ["event.content"])
    return modify
