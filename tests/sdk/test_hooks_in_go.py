"""Hooks in Go and in Python decide the messages of one room together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
import pytest
from programs import BUILDS, GO_SDK, go, needs
from server_process import KEY, ServerProcess

from roomd import (
    HookResult,
    HookTrigger,
    InboundMessage,
    RoomEvent,
    RoomKit,
    TextContent,
    WebSocketChannel,
)
from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub

pytestmark = BUILDS
END_SECONDS = 20.0

Gate = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hook in Go: blocks messages with a word."""
    needs("go")
    path = str(tmp_path_factory.mktemp("gate") / "gate")
    go(GO_SDK, "build", "-o", path, "./internal/gate")
    return path


@pytest.fixture
def gate(binary: str, server: ServerProcess) -> Iterator[Gate]:
    """Starts the hook in Go; returns once it is attached."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "ROOMD_ADDRESS": server.address, "ROOMD_API_KEY": KEY}
        command = [binary, "--word", "go-bad", *options]
        made = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        running.append(made)
        assert made.stdout is not None
        assert made.stdout.readline() == "attached\n"
        return made

    yield start
    for one in running:
        one.kill()
        one.wait(END_SECONDS)
        if one.stdout is not None:
            one.stdout.close()


@pytest.fixture
async def lobby(server: ServerProcess) -> AsyncIterator[RoomKit]:
    """A room whose messages a hook in Python decides."""
    async with RoomKit(server.address, api_key=KEY) as kit:
        kit.register_channel(WebSocketChannel("ws"))
        await kit.create_room(room_id="lobby")
        await kit.attach_channel("lobby", "ws")

        @kit.hook(HookTrigger.BEFORE_BROADCAST, name="python-gate")
        async def decide(event: RoomEvent) -> HookResult:
            assert isinstance(event.content, TextContent)
            if "python-bad" in event.content.body:
                return HookResult.block("python says no")
            return HookResult.allow()

        yield kit


async def verdict(kit: RoomKit, text: str) -> tuple[str, str]:
    """Which hook blocked a text, and why; two empty words when it passed."""
    message = InboundMessage(channel_id="ws", sender_id="ann", content=TextContent(body=text))
    result = await kit.process_inbound(message, "lobby")
    blocked_by = result.event.blocked_by if result.event is not None else None
    return blocked_by or "", result.reason or ""


PASSED = ("", "")


async def test_both_decide_and_a_killed_one_takes_only_its_own_hook_along(
    lobby: RoomKit, gate: Gate
) -> None:
    worker = gate()
    assert await verdict(lobby, "fine") == PASSED
    assert await verdict(lobby, "go-bad") == ("go-gate", "go says no")
    assert await verdict(lobby, "python-bad") == ("python-gate", "python says no")
    worker.kill()
    worker.wait(END_SECONDS)
    # A SESSION hook goes with its last session.
    assert await verdict(lobby, "go-bad") == PASSED
    assert await verdict(lobby, "python-bad") == ("python-gate", "python says no")


async def test_the_policy_of_a_stored_hook_holds_when_its_worker_is_killed(
    lobby: RoomKit, gate: Gate, server: ServerProcess
) -> None:
    await create(server, "go-gate", pb.FAILURE_POLICY_BLOCK)
    worker = gate("--stored")
    assert await verdict(lobby, "fine") == PASSED
    assert await verdict(lobby, "go-bad") == ("go-gate", "go says no")
    worker.kill()
    worker.wait(END_SECONDS)
    blocked_by, reason = await verdict(lobby, "fine")
    assert blocked_by == "go-gate"
    assert "no worker" in reason
    gate("--stored")
    assert await verdict(lobby, "fine") == PASSED


async def test_work_goes_on_with_the_other_worker_of_the_name(lobby: RoomKit, gate: Gate) -> None:
    first, _second = gate(), gate()
    first.send_signal(signal.SIGTERM)
    assert first.wait(END_SECONDS) == 0
    assert await verdict(lobby, "go-bad") == ("go-gate", "go says no")


async def create(server: ServerProcess, name: str, policy: pb.FailurePolicy) -> None:
    """Store a deciding hook."""
    spec = pb.HookSpec(
        triggers=[pb.HOOK_TRIGGER_BEFORE_BROADCAST],
        mode=pb.HOOK_MODE_DECIDE,
        failure_policy=policy,
    )
    async with grpc.aio.insecure_channel(server.address) as channel:
        await HookServiceStub(channel).CreateHook(
            pb.CreateHookRequest(name=name, spec=spec),
            metadata=(("authorization", f"Bearer {KEY}"),),
        )
