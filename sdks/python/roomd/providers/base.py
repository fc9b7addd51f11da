"""The one method of a transport provider, and a provider that only remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from roomd.models.delivery import ProviderResult
from roomd.models.event import RoomEvent


class TransportProvider(Protocol):
    """Brings events to recipients."""

    async def send(self, event: RoomEvent, to: str, from_: str | None = None) -> ProviderResult:
        """Send one event; what became of it. Raising means that it did not work."""


@dataclass(frozen=True)
class Sent:
    """A message that a mock provider was given."""

    event: RoomEvent
    to: str
    from_: str | None

    def __getitem__(self, key: str) -> object:
        """By name, as the documents' tests read it: ``sent[0]["to"]``."""
        return {"event": self.event, "to": self.to, "from": self.from_}[key.rstrip("_")]


class MockProvider:
    """Remembers what it was to send.

    Args:
        fail_with: Answer every message with this error.
    """

    name = "mock"

    def __init__(self, *, fail_with: str | None = None) -> None:
        self.sent: list[Sent] = []
        self.fail_with = fail_with

    async def send(self, event: RoomEvent, to: str, from_: str | None = None) -> ProviderResult:
        """Remember it."""
        self.sent.append(Sent(event, to, from_))
        if self.fail_with is not None:
            return ProviderResult(success=False, error=self.fail_with)
        return ProviderResult(success=True, provider_message_id=f"{self.name}-{uuid4().hex}")
