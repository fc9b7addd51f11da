"""Channel: a pager that this program serves.

The server calls `deliver` for every message that should reach it, in a form that it can show,
and tries again when it raises. What comes back from the pager enters with `process_inbound`.
"""

import asyncio
import os
from uuid import uuid4

from roomd import (
    Channel,
    ChannelBinding,
    ChannelCapabilities,
    ChannelOutput,
    ChannelType,
    EventSource,
    InboundMessage,
    RetryPolicy,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
)


class Pager(Channel):
    """Brings messages to pagers."""

    channel_type = ChannelType.WEBHOOK

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self._attempts = 0
        self.paged = asyncio.Event()

    def capabilities(self) -> ChannelCapabilities:
        """Say what a pager shows."""
        return ChannelCapabilities(max_length=80)

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """Turn what comes back into an event."""
        words = message.content.body if isinstance(message.content, TextContent) else ""
        source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
        content = TextContent(body=f"[pager] {words}")
        return RoomEvent(room_id=context.room.id, source=source, content=content)

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Page somebody."""
        self._attempts += 1
        if self._attempts == 1:
            raise ConnectionError("the line is busy")
        words = event.content.body if isinstance(event.content, TextContent) else ""
        who = binding.metadata["recipient_id"]
        print(f"pager of {who}, attempt {self._attempts}: {words}")
        self.paged.set()
        return ChannelOutput.empty()


async def main() -> None:
    """Show it."""
    room = f"pager-{uuid4()}"
    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        pager, desk = Pager(f"{room}-pager"), WebSocketChannel(f"{room}-desk")
        for channel in (pager, desk):
            kit.register_channel(channel)
        await kit.create_room(room)
        await kit.attach_channel(
            room,
            pager.channel_id,
            metadata={"recipient_id": "doctor"},
            retry_policy=RetryPolicy(base_delay_seconds=0.05),
        )
        await kit.attach_channel(room, desk.channel_id)
        await kit.send_event(room, desk.channel_id, TextContent(body="Room 4, please"))
        await pager.paged.wait()
        answer = InboundMessage(
            channel_id=pager.channel_id, sender_id="doctor", content=TextContent(body="on my way")
        )
        result = await kit.process_inbound(answer, room)
        if result.event is not None and isinstance(result.event.content, TextContent):
            print(f"the room reads: {result.event.content.body}")


asyncio.run(main())
