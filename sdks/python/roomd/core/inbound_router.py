"""Choosing the room of a message, when the built-in rules are not what is wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomd.models.enums import ChannelType


class InboundRoomRouter(ABC):
    """Asked before the built-in rules."""

    @abstractmethod
    async def route(
        self, channel_id: str, channel_type: ChannelType | None, participant_id: str | None
    ) -> str | None:
        """The room's id; it is created when there is none. None: the built-in rules."""
