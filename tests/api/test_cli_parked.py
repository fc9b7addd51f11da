"""``roomd hooks parked`` against a server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from test_serving import KEY, address_of, roomd, serve

from roomd import GiveUpError, HookExecution, HookTrigger, RoomKit, TextContent, WebSocketChannel


async def give_up(address: str, *texts: str) -> None:
    """Let the hook ``audit`` give up messages of the room ``support``."""
    seen: list[str] = []
    async with RoomKit(address=address, api_key=KEY) as kit:

        @kit.hook(HookTrigger.AFTER_BROADCAST, HookExecution.ASYNC, name="audit", durable=True)
        async def audit(event: Any) -> None:
            seen.append(event.content.body)
            raise GiveUpError("never")

        kit.register_channel(WebSocketChannel("web"))
        await kit.create_room(room_id="support")
        await kit.attach_channel("support", "web")
        for text in texts:
            await kit.send_event("support", "web", TextContent(body=text))
        while len(await kit.list_parked("audit")) < len(texts):
            pass  # each look is a call
    assert seen == list(texts)


def test_what_was_given_up_is_listed_replayed_and_purged(tmp_path: Path) -> None:
    server = serve(tmp_path / "a.db")
    try:
        address = address_of(server)
        at = ("--address", address, "--key", KEY)
        asyncio.run(give_up(address, "one", "two"))
        shown = roomd("hooks", "parked", "list", "audit", *at)
        assert "support" in shown.stdout
        lines = roomd("hooks", "parked", "list", "audit", "--json", *at).stdout.splitlines()
        listed = [json.loads(line) for line in lines]
        assert [one["last_status"]["message"] for one in listed] == ["GiveUpError: never"] * 2
        first = listed[0]["invocation_id"]
        purged = roomd("hooks", "parked", "purge", "audit", "--only", first, *at)
        assert purged.stdout.strip() == "purged 1"
        replayed = roomd("hooks", "parked", "replay", "audit", "--room", "support", *at)
        assert replayed.stdout.strip() == "replayed 1"
        assert json.loads(roomd("hooks", "list", "--json", *at).stdout)["backlog"] == "1"
        assert roomd("hooks", "delete", "audit", *at).stdout == "deleted audit\n"
        unknown = roomd("hooks", "delete", "audit", *at)
        assert unknown.returncode == 1
        assert "HOOK_NOT_FOUND" in unknown.stderr
    finally:
        server.terminate()
        server.communicate(timeout=30)
