"""Audit: an observer that writes down what was said.

An invocation may come twice, after a crash for example, and has the same id then: the id is the
key of the entry.
"""

import asyncio
import os
from uuid import uuid4

from roomd import (
    HookExecution,
    HookTrigger,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
    current_invocation,
)


async def main() -> None:
    """Show it."""
    room = f"audit-{uuid4()}"
    entries: dict[str, str] = {}

    async def record(event: RoomEvent, context: RoomContext) -> None:
        invocation = current_invocation()
        if invocation is not None and isinstance(event.content, TextContent):
            entries[invocation.id] = f"{event.source.participant_id}: {event.content.body}"

    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        web = WebSocketChannel(f"{room}-web")
        kit.register_channel(web)
        await kit.create_room(room)
        await kit.attach_channel(room, web.channel_id)
        kit.add_room_hook(room, HookTrigger.AFTER_BROADCAST, HookExecution.ASYNC, record)
        for who, words in (("ann", "please close my account"), ("bob", "done")):
            # Returns when everything that it starts has ended, observers among them.
            await kit.send_event(room, web.channel_id, TextContent(body=words), participant_id=who)
    for entry in entries.values():
        print(entry)


asyncio.run(main())
