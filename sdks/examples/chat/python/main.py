"""Chat: two people on live connections.

Each prints what reaches them; an event is acknowledged when the function that shows it returns.
"""

import asyncio
import os
from uuid import uuid4

from roomd import (
    EphemeralEvent,
    EphemeralEventType,
    InboundMessage,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
)


class Person:
    """Somebody with a channel of their own in the room."""

    def __init__(self, kit: RoomKit, room: str, name: str) -> None:
        self._kit = kit
        self._room = room
        self._name = name
        self._channel = WebSocketChannel(f"{room}-{name}")
        self.heard = asyncio.Event()

    async def join(self) -> None:
        """Come in, and read from now on."""
        self._kit.register_channel(self._channel)
        own = self._channel.channel_id
        await self._kit.attach_channel(self._room, own, participant_id=self._name)
        await self._kit.connect_websocket(own, own, self._show, self._room)

    async def _show(self, connection_id: str, event: RoomEvent) -> None:
        if event.source.participant_id != self._name and isinstance(event.content, TextContent):
            print(f"{self._name} reads: {event.content.body}")
            self.heard.set()

    async def say(self, words: str) -> None:
        """Say something."""
        content = TextContent(body=words)
        own = self._channel.channel_id
        message = InboundMessage(channel_id=own, sender_id=self._name, content=content)
        await self._kit.process_inbound(message, self._room)


async def main() -> None:
    """Show it."""
    room = f"chat-{uuid4()}"
    typed = asyncio.Event()

    def shows(event: EphemeralEvent) -> None:
        if event.type == EphemeralEventType.TYPING_START:
            print(f"bob sees that {event.user_id} types")
            typed.set()

    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        await kit.create_room(room)
        ann, bob = Person(kit, room, "ann"), Person(kit, room, "bob")
        for one in (ann, bob):
            await one.join()
        await kit.subscribe_room(room, shows)
        await kit.publish_typing(room, "ann")
        await typed.wait()
        await ann.say("Hi Bob, lunch?")
        await bob.heard.wait()
        await bob.say("Gladly.")
        await ann.heard.wait()


asyncio.run(main())
