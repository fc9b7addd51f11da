"""The room's own bookkeeping as events: who came and went, which channels, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomd import v1 as pb


def system_event(
    type: pb.EventType,
    code: str,
    body: str,
    data: Mapping[str, object],
    *,
    channel_id: str = "",
    event_id: str = "",
) -> pb.RoomEvent:
    """Build an INTERNAL event of the service itself; it is delivered to nobody.

    Its source names no channel: the channel it is about goes into ``data``. Room, index
    and time are given by the draft that it is added to, with ``activity=False``.
    """
    event = pb.RoomEvent(
        event_id=event_id,
        type=type,
        status=pb.EVENT_STATUS_DELIVERED,
        source=pb.EventSource(channel_type=pb.CHANNEL_TYPE_SYSTEM, direction=pb.DIRECTION_OUTBOUND),
        content=pb.Content(system=pb.SystemContent(body=body, code=code)),
        visibility=pb.Visibility(scope=pb.Visibility.SCOPE_INTERNAL),
    )
    details: dict[str, Any] = dict(data)
    if channel_id:
        details.setdefault("channel_id", channel_id)
    if details:
        event.content.system.data.update(details)
    return event


def concerns(event: pb.RoomEvent, participant_id: str) -> bool:
    """Whether a participant wrote it, or it tells of one: who came and went, what changed."""
    if event.source.participant_id == participant_id:
        return True
    details = event.content.system.data
    return any(name in details and details[name] == participant_id for name in _PEOPLE)


def details_of(binding: pb.Binding) -> dict[str, object]:
    """What the timeline says of a binding; nothing personal."""
    kind = pb.ChannelType.Name(binding.channel_type).removeprefix("CHANNEL_TYPE_")
    category = pb.ChannelCategory.Name(binding.category).removeprefix("CHANNEL_CATEGORY_")
    details: dict[str, object] = {"channel_type": kind.lower(), "category": category.lower()}
    if binding.participant_id:
        details["participant_id"] = binding.participant_id
    return details


_PEOPLE = ("participant_id", "assigned_to")
"""Details that name a participant."""

EVENT_TYPES: Mapping[str, pb.EventType] = {
    "participant_joined": pb.EVENT_TYPE_PARTICIPANT_JOINED,
    "participant_left": pb.EVENT_TYPE_PARTICIPANT_LEFT,
    "participant_updated": pb.EVENT_TYPE_PARTICIPANT_UPDATED,
    "participant_identified": pb.EVENT_TYPE_PARTICIPANT_IDENTIFIED,
    "channel_attached": pb.EVENT_TYPE_CHANNEL_ATTACHED,
    "channel_detached": pb.EVENT_TYPE_CHANNEL_DETACHED,
    "channel_muted": pb.EVENT_TYPE_CHANNEL_MUTED,
    "channel_unmuted": pb.EVENT_TYPE_CHANNEL_UNMUTED,
    "channel_updated": pb.EVENT_TYPE_CHANNEL_UPDATED,
    "task_created": pb.EVENT_TYPE_TASK_CREATED,
}
"""Type of the event of each code; SYSTEM for all others."""
