"""What an AI provider is asked and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from pydantic import Field

from roomd.models.base import Metadata, Model
from roomd.models.channel import ChannelCapabilities
from roomd.models.enums import ChannelMediaType
from roomd.models.room import RoomContext
from roomd.models.task import Observation, Task


class AITool(Model):
    """A function that a model may call."""

    name: str
    description: str = ""
    parameters: Metadata = Field(default_factory=dict)


class AIToolCall(Model):
    """A call that a model wants made."""

    id: str
    name: str
    arguments: Metadata = Field(default_factory=dict)


class AITextPart(Model):
    """Words."""

    text: str


class AIImagePart(Model):
    """A picture."""

    url: str
    mime_type: str | None = None


class AIMessage(Model):
    """One message of the conversation."""

    role: str
    content: str | list[AITextPart | AIImagePart]


class AIContext(Model):
    """Everything for one answer."""

    messages: list[AIMessage]
    system_prompt: str | None = None
    temperature: float = 0.7
    max_tokens: int | None = None
    tools: list[AITool] = Field(default_factory=list)
    room: RoomContext | None = None
    target_capabilities: ChannelCapabilities | None = None
    target_media_types: list[ChannelMediaType] = Field(default_factory=list)


class AIResponse(Model):
    """A model's answer."""

    content: str
    finish_reason: str | None = None
    usage: dict[str, int] = Field(default_factory=dict)
    tool_calls: list[AIToolCall] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    observations: list[Observation] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)


class AIProvider(ABC):
    """A model."""

    @property
    def model_name(self) -> str:
        """Its name."""
        return type(self).__name__

    @property
    def supports_vision(self) -> bool:
        """Whether it sees pictures."""
        return False

    @property
    def supports_streaming(self) -> bool:
        """Whether ``generate_stream`` is to be used."""
        return False

    @abstractmethod
    async def generate(self, context: AIContext) -> AIResponse:
        """Answer."""

    def generate_stream(self, context: AIContext) -> AsyncIterator[str]:
        """Answer in pieces; asked only when ``supports_streaming``."""
        raise NotImplementedError(f"{self.model_name} does not stream")

    async def close(self) -> None:
        """Let go of everything."""


__all__ = [
    "AIContext",
    "AIImagePart",
    "AIMessage",
    "AIProvider",
    "AIResponse",
    "AITextPart",
    "AITool",
    "AIToolCall",
]
