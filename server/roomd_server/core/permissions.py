"""Who may write, who hears, who sees, who is asked. Pure rules over messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from roomd import v1 as pb
from roomd_server.core.capabilities import SHOWN_WITH

Scope = pb.Visibility

MAX_TURNS = 1000
"""Channels whose last turn is remembered, in a room through which many come and go."""

_TO_ALL = frozenset((Scope.SCOPE_UNSPECIFIED, Scope.SCOPE_ALL))
_TO_NOBODY = frozenset((Scope.SCOPE_NONE, Scope.SCOPE_INTERNAL))

_WRITERS = frozenset((pb.ACCESS_UNSPECIFIED, pb.ACCESS_READ_WRITE, pb.ACCESS_WRITE_ONLY))
_HEARERS = frozenset((pb.ACCESS_UNSPECIFIED, pb.ACCESS_READ_WRITE, pb.ACCESS_READ_ONLY))

_REFUSALS: Mapping[int, str] = {
    pb.PARTICIPANT_STATUS_BANNED: "participant_banned",
    pb.PARTICIPANT_STATUS_LEFT: "participant_left",
}


def can_write(binding: pb.Binding) -> str:
    """Why a channel may not write: '', 'source_read_only' or 'source_muted'."""
    if binding.access not in _WRITERS or binding.direction == pb.DIRECTION_OUTBOUND:
        return "source_read_only"
    return "source_muted" if binding.muted else ""


def can_hear(binding: pb.Binding) -> bool:
    """Whether anything is delivered to a channel."""
    return binding.access in _HEARERS and binding.direction != pb.DIRECTION_INBOUND


def participant_refusal(participant: pb.Participant | None) -> str:
    """Why a participant may not write; '' for those who may and for unknown ones."""
    if participant is None:
        return ""
    if participant.role == pb.PARTICIPANT_ROLE_OBSERVER:
        return _REFUSALS.get(participant.status, "participant_observer")
    return _REFUSALS.get(participant.status, "")


def effective_visibility(
    own: pb.Visibility | None, source_binding: pb.Binding | None
) -> pb.Visibility:
    """The event's own visibility unless it is ALL; then the source binding's."""
    if own is not None and own.scope not in _TO_ALL:
        return own
    if source_binding is not None and source_binding.HasField("visibility"):
        return source_binding.visibility
    return _ALL


def sees(visibility: pb.Visibility, channel_id: str, category: int) -> bool:
    """Whether a channel sees what has this visibility."""
    scope = visibility.scope
    if scope in _TO_ALL:
        return True
    if scope == Scope.SCOPE_CHANNELS:
        return channel_id in visibility.channel_ids
    if scope == Scope.SCOPE_TRANSPORT:
        return category == pb.CHANNEL_CATEGORY_TRANSPORT
    if scope == Scope.SCOPE_INTELLIGENCE:
        return category == pb.CHANNEL_CATEGORY_INTELLIGENCE
    return False


def is_visible_to(visibility: pb.Visibility, binding: pb.Binding) -> bool:
    """Whether a bound channel hears and sees what has this visibility."""
    return can_hear(binding) and sees(visibility, binding.channel_id, binding.category)


def asked(event: pb.RoomEvent, binding: pb.Binding) -> bool:
    """Whether an intelligence channel is asked to answer an event."""
    if event.type not in (pb.EVENT_TYPE_UNSPECIFIED, pb.EVENT_TYPE_MESSAGE):
        return False
    if event.source.channel_id == binding.channel_id or event.blocked_by:
        return False
    if binding.muted and not binding.analyse_while_muted:
        return False
    return not event.HasField("addressed_to") or (
        binding.channel_id in event.addressed_to.channel_ids
    )


class Turns:
    """Whose turn it is among the channels of a room that take turns."""

    __slots__ = ("_count", "_served")

    def __init__(self) -> None:
        self._count = 0
        self._served: dict[str, int] = {}  # bounded: by MAX_TURNS

    def next(self, waiting: Sequence[pb.Binding]) -> pb.Binding:
        """The one whose last turn is the longest ago; of those who had none, the first."""
        chosen = min(waiting, key=lambda binding: self._served.get(binding.channel_id, 0))
        if len(self._served) >= MAX_TURNS:
            self._served.clear()
        self._count += 1
        self._served[chosen.channel_id] = self._count
        return chosen


def targets(
    event: pb.RoomEvent,
    source_binding: pb.Binding | None,
    bindings: Iterable[pb.Binding],
    turns: Turns,
    *,
    echoes: Callable[[str], bool],
    caps: Callable[[pb.Binding], pb.Capabilities],
) -> list[pb.Binding]:
    """The channels that get an event.

    Args:
        event: The event, not blocked.
        source_binding: Binding of the channel it came from.
        bindings: All bindings of the room.
        turns: Whose turn it is among those that take turns; one of them has had it then.
        echoes: Whether a channel shows its own messages to its other connections.
        caps: Effective capabilities of a binding.
    """
    visibility = effective_visibility(
        event.visibility if event.HasField("visibility") else None, source_binding
    )
    if visibility.scope in _TO_NOBODY:
        return []
    chosen: list[pb.Binding] = []
    in_turn: list[pb.Binding] = []
    needed = SHOWN_WITH.get(event.type)
    for binding in bindings:
        if not is_visible_to(visibility, binding):
            continue
        if binding.category == pb.CHANNEL_CATEGORY_INTELLIGENCE:
            if not asked(event, binding):
                continue
        elif binding.channel_id == event.source.channel_id and not echoes(binding.channel_id):
            continue
        capabilities = caps(binding)
        if needed is not None and not getattr(capabilities, needed):
            continue
        mode = capabilities.delivery_mode
        if mode == pb.DELIVERY_MODE_ROUND_ROBIN:
            in_turn.append(binding)
        elif mode != pb.DELIVERY_MODE_DIRECT or _is_addressed(event, visibility, binding):
            chosen.append(binding)
    if in_turn:
        chosen.append(turns.next(in_turn))
    return chosen


def _is_addressed(event: pb.RoomEvent, visibility: pb.Visibility, binding: pb.Binding) -> bool:
    return binding.channel_id in event.addressed_to.channel_ids or (
        visibility.scope == Scope.SCOPE_CHANNELS and binding.channel_id in visibility.channel_ids
    )


def may_see(
    event: pb.RoomEvent, binding: pb.Binding, bindings_by_id: Mapping[str, pb.Binding]
) -> bool:
    """Whether an event belongs to the history that a channel is shown: what it said itself,
    and what it hears and sees; nothing blocked or withdrawn.
    """
    if event.blocked_by or event.HasField("delete_time"):
        return False
    if event.source.channel_id == binding.channel_id:
        return True
    visibility = effective_visibility(
        event.visibility if event.HasField("visibility") else None,
        bindings_by_id.get(event.source.channel_id),
    )
    return is_visible_to(visibility, binding)


def may_edit(
    event: pb.RoomEvent, target: pb.RoomEvent, participants: Mapping[str, pb.Participant]
) -> str:
    """Why an edit or delete message may not change its target; '' when it may.

    The author may, and an OWNER of the room. An ADMIN delete needs an OWNER, a SYSTEM delete
    or edit needs a system channel.

    Args:
        event: The message with edit or delete content.
        target: The event it names.
        participants: Participants of the room by id.
    """
    content = event.content
    if event.source.channel_type == pb.CHANNEL_TYPE_SYSTEM:
        return ""
    needs_owner = False
    if content.HasField("delete"):
        if content.delete.delete_type == pb.DeleteContent.DELETE_TYPE_SYSTEM:
            return "not_authorized"
        needs_owner = content.delete.delete_type == pb.DeleteContent.DELETE_TYPE_ADMIN
    elif content.edit.edit_source == "system":
        return "not_authorized"
    else:
        needs_owner = content.edit.edit_source == "admin"
    actor_id = event.source.participant_id
    if not actor_id:
        return "identity_required_for_edit"
    actor = participants.get(actor_id)
    if actor is not None and actor.role == pb.PARTICIPANT_ROLE_OWNER:
        return ""
    if needs_owner:
        return "not_authorized"
    return "" if target.source.participant_id == actor_id else "not_original_author"


_ALL = pb.Visibility(scope=pb.Visibility.SCOPE_ALL)
