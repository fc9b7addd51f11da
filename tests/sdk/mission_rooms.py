"""Rooms and channels for the examples, and waiting for what comes later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mission_runner import Act, Names

from roomd import (
    AIChannel,
    Channel,
    InboundMessage,
    InboundResult,
    MockAIProvider,
    MockSMSProvider,
    RoomKit,
    SMSChannel,
    TextContent,
    WebSocketChannel,
)

WAIT_SECONDS = 5.0


def websocket(channel_id: str) -> WebSocketChannel:
    return WebSocketChannel(channel_id)


def sms(channel_id: str) -> Channel:
    return SMSChannel(channel_id, provider=MockSMSProvider())


def ai(channel_id: str, *answers: str) -> AIChannel:
    return AIChannel(channel_id, provider=MockAIProvider(responses=list(answers or ("Yes.",))))


async def furnish(kit: RoomKit, room_id: str, *channels: Channel, attach: bool = True) -> None:
    """A room with channels."""
    await kit.create_room(room_id=room_id)
    for channel in channels:
        kit.register_channel(channel)
        if attach:
            number = {"phone_number": "+15550001111"}
            await kit.attach_channel(room_id, channel.channel_id, metadata=number)


def furnished(room_id: str, *channels: Channel, attach: bool = True) -> Act:
    """Furnish the kit that an example has made by now."""

    async def act(names: Names) -> None:
        await furnish(names["kit"], room_id, *channels, attach=attach)

    return act


async def say(
    kit: RoomKit, channel_id: str, body: str, room_id: str | None = None
) -> InboundResult:
    message = InboundMessage(
        channel_id=channel_id, sender_id="user-1", content=TextContent(body=body)
    )
    return await kit.process_inbound(message, room_id)


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds that is on its way."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - anything may be waited for
            await asyncio.sleep(0.01)


class Recorder:
    """Stands for the documents' ``analytics``, ``metrics``, ``logger`` …: remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def plain(*arguments: Any) -> None:
            self.calls.append((name, arguments))

        async def waited(*arguments: Any) -> None:
            self.calls.append((name, arguments))

        return plain if name in ("info", "error") else waited
