"""Hooks in Python, Go and TypeScript decide messages of one room; each of them may be killed.

The workers are those of the suite, at a real server.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
from conform_client import ServerClient
from conform_process import WorkerProcess
from conform_together import LANGUAGES, PATIENCE_SECONDS, Handlers, Workers, side_by_side
from server_process import KEY, ServerProcess

from roomd import v1 as pb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]

LOOK_SECONDS = 0.05
ROOM, CHANNEL = "tower", "ws"


def gate(name: str) -> Handlers:
    """A hook that blocks what names its language, and allows everything else."""
    spec = {
        "hook": {
            "triggers": ["HOOK_TRIGGER_BEFORE_BROADCAST"],
            "mode": "HOOK_MODE_DECIDE",
            "priority": LANGUAGES.index(name),
            "timeout": "5s",
        }
    }
    behave = {f"not for {name}": [{"block": f"{name} says no"}], "*": [{"allow": {}}]}
    return [{"name": f"{name}-gate", "spec": spec, "behave": behave}]


@pytest.fixture
async def workers(
    commands: Workers, server: ServerProcess
) -> AsyncIterator[dict[str, WorkerProcess]]:
    """A worker for each language, with one hook."""
    async with side_by_side(commands, server.address, gate) as made:
        yield made


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[ServerClient]:
    """Calls to the server."""
    made = ServerClient(server.address, KEY)
    yield made
    await made.close()


async def decided(client: ServerClient, words: str) -> tuple[int, str, list[str]]:
    """What becomes of a message: outcome, who blocked it, and what each hook did."""
    content = {"text": {"body": words}}
    sent = await client.call(
        "EventService/SendEvent",
        {"room_id": ROOM, "channel_id": CHANNEL, "content": content},
    )
    trace = [f"{one.hook} {one.decision}" for one in sent.event.hook_trace]
    return sent.outcome, sent.blocked_by, trace


async def gone(client: ServerClient, hook: str) -> None:
    """Wait until a hook went with its session."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        listed = await client.call("HookService/ListHooks", {})
        if hook not in {one.name for one in listed.hooks}:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{hook} is still there")


async def test_hooks_of_three_languages_decide_and_each_may_be_killed(
    client: ServerClient, workers: dict[str, WorkerProcess]
) -> None:
    channel = {"channel_id": CHANNEL, "type": "CHANNEL_TYPE_WEBSOCKET"}
    await client.call("ChannelService/RegisterChannel", {"channel": channel})
    await client.call("RoomService/CreateRoom", {"room_id": ROOM})
    await client.call("ChannelService/AttachChannel", {"room_id": ROOM, "channel_id": CHANNEL})

    there = list(LANGUAGES)
    for killed in ("", "go", "python", "typescript"):
        if killed:
            workers[killed].signal(signal.SIGKILL)
            await gone(client, f"{killed}-gate")
            there.remove(killed)
            # A hook of a session goes with it: what it would have blocked passes.
            outcome, blocked_by, _ = await decided(client, f"not for {killed}")
            assert (outcome, blocked_by) == (pb.OUTCOME_ACCEPTED, "")
        allowed = [f"{name}-gate allow" for name in there]
        assert await decided(client, "hello") == (pb.OUTCOME_ACCEPTED, "", allowed)
        for place, name in enumerate(there):
            blocked = (pb.OUTCOME_BLOCKED, f"{name}-gate")
            trace = [*allowed[:place], f"{name}-gate block"]
            assert await decided(client, f"not for {name}") == (*blocked, trace)
