"""Tasks and observations."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from roomd.models.base import Metadata, Model, new_id, now
from roomd.models.enums import TaskStatus


class Task(Model):
    """Something to be done."""

    id: str = Field(default_factory=new_id)
    room_id: str = ""
    title: str
    description: str | None = None
    assigned_to: str | None = None
    status: TaskStatus = TaskStatus.PENDING
    created_at: datetime = Field(default_factory=now)
    metadata: Metadata = Field(default_factory=dict)


class Observation(Model):
    """Something noticed."""

    id: str = Field(default_factory=new_id)
    room_id: str = ""
    channel_id: str = ""
    content: str
    category: str | None = None
    confidence: float = Field(1.0, ge=0, le=1)
    event_id: str | None = None
    created_at: datetime = Field(default_factory=now)
    metadata: Metadata = Field(default_factory=dict)
