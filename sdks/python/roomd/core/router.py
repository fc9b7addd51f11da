"""Making content fit a channel, when the built-in rules are not what is wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomd.models.channel import ChannelBinding
from roomd.models.event import EventContent


class ContentTranscoder(ABC):
    """Replaces the built-in rules for channels that this application serves."""

    @abstractmethod
    async def transcode(
        self,
        content: EventContent,
        source_binding: ChannelBinding,
        target_binding: ChannelBinding,
    ) -> EventContent | None:
        """The content for the target; None: it cannot be shown there. What is returned still
        passes the built-in rules, so that a target never gets what it cannot show.
        """
