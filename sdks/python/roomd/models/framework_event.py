"""Lifecycle notices."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from roomd.models.base import Metadata, Model, now


class FrameworkEvent(Model):
    """Something the framework did."""

    type: str
    room_id: str | None = None
    channel_id: str | None = None
    event_id: str | None = None
    timestamp: datetime = Field(default_factory=now)
    data: Metadata = Field(default_factory=dict)
