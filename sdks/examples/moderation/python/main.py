"""Moderation: a hook that looks at every message before anybody sees it.

It blocks advertising and takes phone numbers out; three messages show it.
"""

import asyncio
import os
import re
from uuid import uuid4

from roomd import (
    HookExecution,
    HookResult,
    HookTrigger,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
)

PHONE_NUMBER = re.compile(r"\+?\d[\d -]{6,}\d")


async def moderate(event: RoomEvent, context: RoomContext) -> HookResult:
    """Decide about a message."""
    words = event.content.body if isinstance(event.content, TextContent) else ""
    if "buy now" in words:
        return HookResult.block("no advertising")
    masked = PHONE_NUMBER.sub("[number]", words)
    if masked == words:
        return HookResult.allow()
    return HookResult.modify(event.model_copy(update={"content": TextContent(body=masked)}))


async def main() -> None:
    """Show it."""
    room = f"moderation-{uuid4()}"
    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        web = WebSocketChannel(f"{room}-web")
        kit.register_channel(web)
        await kit.create_room(room)
        await kit.attach_channel(room, web.channel_id)
        kit.add_room_hook(room, HookTrigger.BEFORE_BROADCAST, HookExecution.SYNC, moderate)
        for words in ("hello everybody", "buy now!", "call me at 555 0142 77"):
            event = await kit.send_event(room, web.channel_id, TextContent(body=words))
            became = event.content.body if isinstance(event.content, TextContent) else ""
            if event.blocked_by:
                became = f"blocked: {event.block_reason}"
            print(f"{words} -> {became}")


asyncio.run(main())
