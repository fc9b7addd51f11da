"""Audit: an observer that writes down what was said.

The hook is stored and durable: nothing is missed, also while this program is away. An invocation
may come twice, after a crash for example, and has the same id then: the id is the key of the
entry. Such a hook stays on the server when the program ends, which is what it is for; here it is
deleted at the end, or it would go on collecting.
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
    written: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    entries: dict[str, str] = {}

    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        web = WebSocketChannel(f"{room}-web")
        kit.register_channel(web)
        await kit.create_room(room)
        await kit.attach_channel(room, web.channel_id)

        @kit.hook(
            HookTrigger.AFTER_BROADCAST,
            HookExecution.ASYNC,
            name=room,
            channel_ids={web.channel_id},
            durable=True,
        )
        async def record(event: RoomEvent, context: RoomContext) -> None:
            invocation = current_invocation()
            assert invocation is not None
            assert isinstance(event.content, TextContent)
            author = event.source.participant_id
            await written.put((invocation.id, f"{author}: {event.content.body}"))

        for who, words in (("ann", "please close my account"), ("bob", "done")):
            await kit.send_event(room, web.channel_id, TextContent(body=words), participant_id=who)
        while len(entries) < 2:
            invocation_id, line = await written.get()
            entries[invocation_id] = line
        await kit.delete_hook(room)
    for entry in entries.values():
        print(entry)


asyncio.run(main())
