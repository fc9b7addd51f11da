"""The table of triggers: which modes a trigger takes, what it carries, what may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument


class Trigger(NamedTuple):
    """One row."""

    modes: frozenset[int]
    payload: str
    """Name of the payload's kind."""
    mutable: tuple[str, ...] = ()
    """Paths of the payload that a DECIDE hook may change."""
    failure_policy: pb.FailurePolicy = pb.FAILURE_POLICY_ALLOW
    """When a hook has none of its own."""


_GATE = frozenset((pb.HOOK_MODE_DECIDE, pb.HOOK_MODE_VALIDATE))
_WATCH = frozenset((pb.HOOK_MODE_OBSERVE,))
_EVENT = Trigger(_WATCH, "event")

TRIGGERS: Mapping[int, Trigger] = {
    pb.HOOK_TRIGGER_BEFORE_BROADCAST: Trigger(
        _GATE,
        "event",
        (
            "event.content",
            "event.metadata",
            "event.visibility",
            "event.response_visibility",
            "event.addressed_to",
        ),
    ),
    pb.HOOK_TRIGGER_AFTER_BROADCAST: _EVENT,
    pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED: _EVENT,
    pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED: _EVENT,
    pb.HOOK_TRIGGER_ON_CHANNEL_MUTED: _EVENT,
    pb.HOOK_TRIGGER_ON_CHANNEL_UNMUTED: _EVENT,
    pb.HOOK_TRIGGER_ON_ROOM_CREATED: _EVENT,
    pb.HOOK_TRIGGER_ON_ROOM_PAUSED: _EVENT,
    pb.HOOK_TRIGGER_ON_ROOM_RESUMED: _EVENT,
    pb.HOOK_TRIGGER_ON_ROOM_CLOSED: _EVENT,
    pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED: _EVENT,
    pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED: _EVENT,
    pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT: _EVENT,
    pb.HOOK_TRIGGER_ON_PARTICIPANT_UPDATED: _EVENT,
    pb.HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED: _EVENT,
    pb.HOOK_TRIGGER_ON_TASK_CREATED: _EVENT,
    pb.HOOK_TRIGGER_ON_DELIVERY_STATUS: Trigger(_WATCH, "delivery"),
    pb.HOOK_TRIGGER_ON_ERROR: _EVENT,
    pb.HOOK_TRIGGER_ON_EVENT_UPDATED: _EVENT,
    pb.HOOK_TRIGGER_ON_EVENT_DELETED: _EVENT,
    pb.HOOK_TRIGGER_BEFORE_DELIVER: Trigger(_GATE, "event", ("event.content", "event.metadata")),
    pb.HOOK_TRIGGER_AFTER_DELIVER: _EVENT,
    pb.HOOK_TRIGGER_ON_FEEDBACK: Trigger(_WATCH, "observation"),
    pb.HOOK_TRIGGER_ON_SESSION_STARTED: _EVENT,
}
"""A row for every trigger of the proto."""


def apply_mask(trigger: int, payload: pb.HookPayload, modify: pb.Modify) -> pb.HookPayload:
    """The payload with the masked paths taken from a modify; an empty mask takes all
    mutable ones.

    Raises:
        InvalidArgument: MASK_NOT_MUTABLE: another kind of payload, or a path that the
            trigger does not let change.
    """
    row = TRIGGERS[trigger]
    if modify.payload.WhichOneof("kind") != row.payload:
        raise InvalidArgument(
            pb.ERROR_REASON_MASK_NOT_MUTABLE, f"a modify must carry the payload kind {row.payload}"
        )
    paths = list(modify.update_mask.paths) or list(row.mutable)
    for path in paths:
        if not any(path == one or path.startswith(f"{one}.") for one in row.mutable):
            raise InvalidArgument(
                pb.ERROR_REASON_MASK_NOT_MUTABLE,
                f"{path!r} may not be changed; mutable: {', '.join(row.mutable) or 'nothing'}",
            )
    changed = pb.HookPayload()
    changed.CopyFrom(payload)
    for path in paths:
        # Below a mutable path everything is replaced together: half a content is none.
        top = next(one for one in row.mutable if path == one or path.startswith(f"{one}."))
        _replace(changed, modify.payload, top.split("."))
    return changed


def _replace(target: Message, source: Message, path: list[str]) -> None:
    *parents, leaf = path
    for name in parents:
        target, source = getattr(target, name), getattr(source, name)
    if source.HasField(leaf):
        getattr(target, leaf).CopyFrom(getattr(source, leaf))
    else:
        target.ClearField(leaf)
