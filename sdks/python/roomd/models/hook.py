"""What a hook answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from roomd.models.base import Metadata, Model
from roomd.models.enums import HookTrigger
from roomd.models.event import RoomEvent
from roomd.models.task import Observation, Task


class InjectedEvent(Model):
    """An event that a hook adds."""

    event: RoomEvent
    target_channel_ids: list[str] | None = None


class ParkedInvocation(Model):
    """What a durable hook gave up: it can be replayed or purged."""

    invocation_id: str
    room_id: str
    trigger: HookTrigger
    event_id: str | None = None
    """The event that it is about, when it is about one."""
    attempts: int
    """0: it was parked unseen, because too many waited."""
    error: str = ""
    """How the last attempt failed."""
    created_at: datetime
    parked_at: datetime


class HookResult(Model):
    """Allow, block or modify, and what to add."""

    action: Literal["allow", "block", "modify"]
    event: Any = None
    reason: str | None = None
    injected_events: list[InjectedEvent] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    observations: list[Observation] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    @classmethod
    def allow(cls, **extras: Any) -> HookResult:
        """Go on."""
        return cls(action="allow", **extras)

    @classmethod
    def block(cls, reason: str, **extras: Any) -> HookResult:
        """Stop; the event is stored BLOCKED with the reason."""
        return cls(action="block", reason=reason, **extras)

    @classmethod
    def modify(cls, event: RoomEvent, **extras: Any) -> HookResult:
        """Go on with a changed event."""
        return cls(action="modify", event=event, **extras)
