"""Fleeting events: typing, presence, receipts, reactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from pydantic import Field

from roomd.models.base import Metadata, Model, now
from roomd.models.enums import EphemeralEventType


class EphemeralEvent(Model):
    """Something fleeting in a room."""

    room_id: str
    type: EphemeralEventType
    user_id: str = ""
    channel_id: str | None = None
    data: Metadata = Field(default_factory=dict)
    sequence: int = 0
    created_at: datetime = Field(default_factory=now)

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON types."""
        return self.model_dump(mode="json")


EphemeralCallback = Callable[[EphemeralEvent], Awaitable[None] | None]

__all__ = ["EphemeralCallback", "EphemeralEvent", "EphemeralEventType"]
