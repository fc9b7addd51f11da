"""The intelligence channel: a model of the application that answers in rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeGuard

from roomd.channels.base import Channel, plain_event
from roomd.channels.rendering import words_of
from roomd.channels.targets import common_capabilities, targets_of
from roomd.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomd.models.delivery import InboundMessage
from roomd.models.enums import ChannelCategory, ChannelMediaType, ChannelType, EventType
from roomd.models.event import CompositeContent, EventSource, MediaContent, RoomEvent, TextContent
from roomd.models.room import RoomContext
from roomd.providers.ai.base import (
    AIContext,
    AIImagePart,
    AIMessage,
    AIProvider,
    AITextPart,
    AITool,
)

MAX_CONTEXT_EVENTS = 200
"""The newest events that the service sends along at most."""


class AIChannel(Channel):
    """Answers messages with a provider.

    Args:
        channel_id: Its id.
        provider: The model.
        system_prompt: What the model is told first; a binding's metadata overrides it, as it
            does ``temperature``, ``max_tokens`` and ``tools``.
        temperature: Sampling temperature.
        max_tokens: Longest answer.
        max_context_events: Newest messages the model sees, at most 200.

    Raises:
        ValueError: more than 200 messages.
    """

    channel_type = ChannelType.AI
    category = ChannelCategory.INTELLIGENCE

    def __init__(
        self,
        channel_id: str,
        *,
        provider: AIProvider,
        system_prompt: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
        max_context_events: int = 50,
    ) -> None:
        super().__init__(channel_id)
        if not 1 <= max_context_events <= MAX_CONTEXT_EVENTS:
            raise ValueError(f"max_context_events must be between 1 and {MAX_CONTEXT_EVENTS}")
        self.provider = provider
        self.system_prompt = system_prompt
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.max_context_events = max_context_events

    def capabilities(self) -> ChannelCapabilities:
        """Text and rich text; media when the model sees."""
        types = [ChannelMediaType.TEXT, ChannelMediaType.RICH]
        if self.provider.supports_vision:
            types.append(ChannelMediaType.MEDIA)
        return ChannelCapabilities(
            media_types=types,
            supports_buttons=True,
            supports_cards=True,
            supports_quick_replies=True,
        )

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """The message as it is."""
        return plain_event(self, message, context.room.id)

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """An AI is asked, not delivered to."""
        return ChannelOutput.empty()

    async def on_event(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Answer an event, in pieces when the provider can."""
        asked = self.build_context(event, binding, context)
        if self.provider.supports_streaming:
            stream: AsyncIterator[str] = self.provider.generate_stream(asked)
            return ChannelOutput(responded=True, response_stream=stream)
        answer = await self.provider.generate(asked)
        events = []
        if answer.content:
            source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
            metadata = dict(answer.metadata)
            if answer.tool_calls:
                metadata["tool_calls"] = [call.model_dump() for call in answer.tool_calls]
            content = TextContent(body=answer.content)
            events.append(
                RoomEvent(room_id=event.room_id, source=source, content=content, metadata=metadata)
            )
        return ChannelOutput(
            responded=bool(events),
            response_events=events,
            tasks=answer.tasks,
            observations=answer.observations,
        )

    def build_context(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> AIContext:
        """Everything the model is told for one answer."""
        history = [one for one in context.recent_events if self._is_said(one, event)]
        history = [*history[-self.max_context_events :], event]
        speakers = {one.source.participant_id for one in history if one.source.participant_id}
        names = {who.id: who.display_name or who.id for who in context.participants}
        messages = [self._message(one, names, name_them=len(speakers) > 1) for one in history]
        overrides = binding.metadata
        shown_to = targets_of(context.bindings, event.response_visibility or "all")
        hints = common_capabilities(shown_to)
        return AIContext(
            messages=[message for message in messages if message is not None],
            system_prompt=overrides.get("system_prompt", self.system_prompt),
            temperature=float(overrides.get("temperature", self.temperature)),
            max_tokens=overrides.get("max_tokens", self.max_tokens),
            tools=[AITool.model_validate(tool) for tool in overrides.get("tools", ())],
            room=context,
            target_capabilities=hints,
            target_media_types=hints.media_types if hints is not None else [],
        )

    def _is_said(self, one: RoomEvent, trigger: RoomEvent) -> bool:
        return (
            one.type == EventType.MESSAGE
            and one.id != trigger.id
            and one.blocked_by is None
            and not one.metadata.get("deleted")
        )

    def _message(
        self, event: RoomEvent, names: dict[str, str], *, name_them: bool
    ) -> AIMessage | None:
        """An event as the model reads it; None when it says nothing to read."""
        parts = _parts(event.content)
        images = [part for part in parts if self._is_seen(part)]
        text = "\n".join(filter(None, (self._words(part) for part in parts)))
        if not text and not images:
            return None
        if event.source.channel_id == self.channel_id:
            return AIMessage(role="assistant", content=text or "…")
        who = event.source.participant_id or event.source.channel_id
        if text and name_them:
            text = f"{names.get(who, who)}: {text}"
        if not images:
            return AIMessage(role="user", content=text)
        words = [AITextPart(text=text)] if text else []
        shown = [AIImagePart(url=one.url, mime_type=one.mime_type) for one in images]
        return AIMessage(role="user", content=[*words, *shown])

    def _is_seen(self, part: object) -> TypeGuard[MediaContent]:
        """Whether the model gets a picture itself."""
        return (
            self.provider.supports_vision
            and isinstance(part, MediaContent)
            and part.mime_type.startswith("image/")
        )

    def _words(self, part: object) -> str:
        return (part.caption or "") if self._is_seen(part) else words_of(part)


def _parts(content: object) -> list[object]:
    if isinstance(content, CompositeContent):
        return [inner for part in content.parts for inner in _parts(part)]
    return [content]
