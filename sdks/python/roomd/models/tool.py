"""Tools as they are served and called."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from roomd.models.base import Metadata, Model
from roomd.models.enums import ToolOutcome


class ToolCall(Model):
    """The call that a tool answers."""

    id: str
    """The caller's own; the same when it calls again."""
    name: str
    channel_id: str | None = None
    """The AI that calls; None: somebody who tries it."""
    room_id: str | None = None
    """The room that it is called for, if there is one."""


class ToolResult(Model):
    """What a tool answers."""

    text: str
    """What the model reads."""
    structured: dict[str, Any] | None = None
    """The same for programs, if there is more to say."""
    is_error: bool = False
    """It did not work; ``text`` says why, and the model decides what to do about it."""


class ToolRun(Model):
    """What became of a call."""

    outcome: ToolOutcome
    text: str
    """The answer; without one, words that a model can read."""
    structured: dict[str, Any] | None = None
    is_error: bool = False
    tool_call_id: str
    worker_id: str = ""
    """Who answered."""
    took: float
    """Seconds."""


class ServedTool(Model):
    """A tool that somebody serves now, as a model is told of it."""

    name: str
    description: str
    parameters: Metadata = Field(default_factory=dict)
    """JSON Schema of the arguments; empty: any object."""
    channel_ids: list[str] = Field(default_factory=list)
    """Channels whose AI may call it; empty: all."""
    attached_workers: int
    """Streams of programs that serve it."""
