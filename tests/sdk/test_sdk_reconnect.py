"""The server goes and comes back: workers, connections, subscriptions and calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from mission_rooms import furnish, say, until, websocket
from server_process import KEY, ServerProcess

from roomd import (
    EphemeralEvent,
    FrameworkEvent,
    HookExecution,
    HookResult,
    HookTrigger,
    MockSMSProvider,
    RoomEvent,
    RoomKit,
    SMSChannel,
    TextContent,
)
from roomd._client import _OPTIONS

AGAIN_SECONDS = 30.0
"""Full jitter below ten seconds; usually it is back at once."""


@pytest.fixture
async def remote(server: ServerProcess) -> AsyncIterator[RoomKit]:
    async with RoomKit(server.address, api_key=KEY) as kit:
        yield kit


def guard(kit: RoomKit) -> None:
    @kit.hook(HookTrigger.BEFORE_BROADCAST, name="guard")
    async def check(event: RoomEvent) -> HookResult:
        if event.content.body == "bad":
            return HookResult.block("no")
        return HookResult.allow()


async def until_blocked(kit: RoomKit) -> None:
    """A session hook is there again once its worker is."""
    async with asyncio.timeout(AGAIN_SECONDS):
        while not (await say(kit, "ws", "bad")).blocked:  # noqa: ASYNC110 - polls the service
            await asyncio.sleep(0.05)


async def test_everything_goes_on_after_a_kill(server: ServerProcess, remote: RoomKit) -> None:
    inbox: list[str] = []
    fleeting: list[EphemeralEvent] = []
    told: list[FrameworkEvent] = []
    provider = MockSMSProvider()
    viewer = websocket("ws-viewer")
    viewer.register_connection("conn", lambda _conn, event: inbox.append(event.content.body))
    guard(remote)
    remote.on("room_created")(told.append)
    await furnish(remote, "room", websocket("ws"), viewer, SMSChannel("sms", provider=provider))
    await remote.subscribe_room("room", fleeting.append)
    assert (await say(remote, "ws", "bad")).blocked
    await say(remote, "ws", "before")
    await until(lambda: "before" in inbox)

    server.kill()
    pending = asyncio.create_task(remote.send_event("room", "ws", TextContent(body="meanwhile")))
    await asyncio.sleep(0.3)
    assert not pending.done()
    server.start()

    event = await asyncio.wait_for(pending, AGAIN_SECONDS)
    assert event.content.body == "meanwhile"
    await until_blocked(remote)
    async with asyncio.timeout(AGAIN_SECONDS):
        while "after" not in inbox or not any(
            one.event.content.body == "after" for one in provider.sent
        ):
            await say(remote, "ws", "after")
            await asyncio.sleep(0.05)
        while not fleeting:
            await remote.publish_typing("room", "alice")
            await asyncio.sleep(0.05)
        number = 0
        while not any((one.room_id or "").startswith("later") for one in told):
            number += 1
            await remote.create_room(room_id=f"later-{number}")
            await asyncio.sleep(0.05)
    events = await remote.store.list_events("room", limit=10_000)
    assert [one.index for one in events] == list(range(len(events)))
    said = [one.content.body for one in events]
    assert said.count("before") == said.count("meanwhile") == 1


async def test_a_drain_moves_the_worker_without_a_lost_message(
    server: ServerProcess, remote: RoomKit
) -> None:
    guard(remote)
    await furnish(remote, "room", websocket("ws"))
    assert (await say(remote, "ws", "bad")).blocked
    await asyncio.to_thread(server.terminate)
    server.start()
    await until_blocked(remote)


async def test_a_message_is_not_stored_twice_when_its_answer_is_lost(
    server: ServerProcess, remote: RoomKit
) -> None:
    await furnish(remote, "room", websocket("ws"))
    bodies = [f"message {number}" for number in range(200)]
    sent = [
        asyncio.create_task(remote.send_event("room", "ws", TextContent(body=body)))
        for body in bodies
    ]
    await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
    server.kill()
    server.start()
    await asyncio.wait_for(asyncio.gather(*sent), AGAIN_SECONDS)
    events = await remote.store.list_events("room", limit=10_000, conversation_only=True)
    assert sorted(one.content.body for one in events) == sorted(bodies)


async def test_a_kit_waits_for_a_server_that_is_not_there_yet(server: ServerProcess) -> None:
    server.kill()
    kit = RoomKit(server.address, api_key=KEY)
    waiting = asyncio.create_task(kit.create_room(room_id="room"))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    server.start()
    assert (await asyncio.wait_for(waiting, AGAIN_SECONDS)).id == "room"
    await kit.close()


def test_a_server_that_is_gone_is_noticed_within_half_a_minute() -> None:
    """The longer of the two limits counts."""
    options = dict(_OPTIONS)
    wait_ms = max(options["grpc.keepalive_timeout_ms"], options["grpc.http2.ping_timeout_ms"])
    assert options["grpc.keepalive_time_ms"] + wait_ms <= 30_000


async def test_two_workers_of_one_name_share_the_work(server: ServerProcess) -> None:
    served: list[str] = []

    def watch(kit: RoomKit, name: str) -> None:
        @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC, name="shared-audit")
        async def audit(event: RoomEvent) -> None:
            served.append(name)
            await asyncio.sleep(0.02)

    async with (
        RoomKit(server.address, api_key=KEY) as first,
        RoomKit(server.address, api_key=KEY) as second,
    ):
        watch(first, "first")
        watch(second, "second")
        await second.connect()
        await furnish(first, "room", websocket("ws"))
        await asyncio.gather(*(say(first, "ws", str(number)) for number in range(20)))
        await until(lambda: len(served) == 20)
        assert set(served) == {"first", "second"}
        await first.close()
        await say(second, "ws", "one more", "room")
        await until(lambda: len(served) == 21)
        assert served[-1] == "second"


async def test_what_is_said_between_two_live_streams_is_in_the_timeline_only(kit: RoomKit) -> None:
    seen: list[RoomEvent] = []
    viewer = websocket("ws-viewer")
    viewer.register_connection("conn", lambda _conn, event: seen.append(event))
    await furnish(kit, "room", websocket("ws"), viewer)
    await say(kit, "ws", "before")
    await until(lambda: seen)
    await kit.disconnect_websocket("ws-viewer", "conn")
    await say(kit, "ws", "between")
    await kit.connect_websocket("ws-viewer", "conn", lambda _conn, event: seen.append(event))
    missed = await kit.get_timeline("room", after_index=seen[-1].index)
    assert [event.content.body for event in missed] == ["between"]
    await say(kit, "ws", "after")
    await until(lambda: len(seen) > 1)
    assert [event.content.body for event in seen] == ["before", "after"]
