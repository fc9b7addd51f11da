"""The demo's worker process: a moderation hook and a text-only channel, with the SDK.

``python -m roomd_server.cli.demo_worker ADDRESS KEY SCRIPT OUTBOX``: prints "attached" when it
serves; appends what the channel sends to OUTBOX, one JSON document per line.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from roomd import (
    HookResult,
    HookTrigger,
    ProviderResult,
    RoomContext,
    RoomEvent,
    RoomKit,
    SMSChannel,
    TextContent,
)


class OutboxProvider:
    """A provider that writes messages to a file instead of phones."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._sent = 0

    async def send(self, event: RoomEvent, to: str, from_: str | None = None) -> ProviderResult:
        """Write one message; its id is its number."""
        self._sent += 1
        text = event.content.body if isinstance(event.content, TextContent) else "?"
        line = json.dumps({"to": to, "text": text, "event_id": event.id})
        with self._outbox.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return ProviderResult(success=True, provider_message_id=f"outbox-{event.id}")


def moderation(rules: dict[str, Any]) -> Any:
    """Make the hook that blocks some words and replaces others."""

    async def moderate(event: RoomEvent, _context: RoomContext) -> HookResult:
        if not isinstance(event.content, TextContent):
            return HookResult.allow()
        body = event.content.body
        for word in rules["block"]:
            if word in body.lower():
                return HookResult.block(f"asks for a {word}")
        clean = body
        for word, replacement in rules["replace"].items():
            clean = clean.replace(word, replacement)
        if clean == body:
            return HookResult.allow()
        content = TextContent(body=clean)
        return HookResult.modify(event.model_copy(update={"content": content}))

    return moderate


async def main(address: str, key: str, script: Path, outbox: Path) -> None:
    """Attach, then serve until a signal says stop; the SDK reconnects by itself."""
    rules = json.loads(script.read_text(encoding="utf-8"))["hooks"]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with RoomKit(address, api_key=key) as kit:
        kit.hook(HookTrigger.BEFORE_BROADCAST, name="moderation")(moderation(rules))
        kit.register_channel(SMSChannel("sms", provider=OutboxProvider(outbox)))
        await kit.connect()
        print("attached", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
