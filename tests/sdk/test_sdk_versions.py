"""Processes of several versions of an application beside each other."""

from __future__ import annotations

import pytest
from mission_rooms import furnish, say, websocket
from server_process import KEY, ServerProcess

from roomd import AlreadyExistsError, HookResult, HookTrigger, RoomEvent, RoomKit


def guarded(kit: RoomKit, word: str, priority: int) -> RoomKit:
    """A version of an application: its hook knows a word, and has a priority."""

    @kit.hook(HookTrigger.BEFORE_BROADCAST, name="guard", priority=priority)
    async def check(event: RoomEvent) -> HookResult:
        return HookResult.block(word) if event.content.body == "bad" else HookResult.allow()

    return kit


async def test_a_name_with_other_settings_is_refused(server: ServerProcess) -> None:
    async with guarded(RoomKit(server.address, api_key=KEY), "first", 1) as first:
        await furnish(first, "room", websocket("ws"))
        second = guarded(RoomKit(server.address, api_key=KEY), "second", 2)
        with pytest.raises(AlreadyExistsError) as caught:
            await second.connect()
        assert caught.value.reason == "HANDLER_CONFLICT"
        assert "priority" in str(caught.value)
        await second.close()
        assert (await say(first, "ws", "bad")).reason == "first"


async def test_the_same_settings_share_the_work(server: ServerProcess) -> None:
    async with (
        guarded(RoomKit(server.address, api_key=KEY), "guard", 1) as first,
        guarded(RoomKit(server.address, api_key=KEY), "guard", 1) as second,
    ):
        await furnish(first, "room", websocket("ws"))
        await second.connect()
        assert (await say(first, "ws", "bad")).reason == "guard"


async def test_a_new_version_takes_over(server: ServerProcess) -> None:
    async with guarded(RoomKit(server.address, api_key=KEY), "old", 1) as old:
        await furnish(old, "room", websocket("ws"))
        new = guarded(RoomKit(server.address, api_key=KEY, takeover=True), "new", 2)
        async with new:
            await old.close()
            assert (await say(new, "ws", "bad")).reason == "new"
