"""The README of the Go SDK tells the truth: its programs run against a real server."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from programs import BUILDS, EXAMPLES, GO_SDK, finished, go, needs
from server_process import KEY, ServerProcess

from roomd import InboundMessage, RoomKit, TextContent, WebSocketChannel

README = (GO_SDK / "README.md").read_text(encoding="utf-8")
HOOK, ROOMS, TOOLS, ERRORS, TRACING, TESTING = re.findall(r"^```go\n(.*?)^```", README, re.M | re.S)
ATTACH_SECONDS = 20.0
pytestmark = BUILDS


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module that has the SDK and nothing else."""
    needs("go")
    requirements = (EXAMPLES / "go.mod").read_text(encoding="utf-8")
    assert "=> ../go" in requirements
    (tmp_path / "go.mod").write_text(requirements.replace("=> ../go", f"=> {GO_SDK}"))
    shutil.copy(EXAMPLES / "go.sum", tmp_path)
    return tmp_path


def built(program: str, folder: Path) -> str:
    """Build a program; its path."""
    (folder / "main.go").write_text(program, encoding="utf-8")
    go(folder, "build", "-o", "program", ".")
    return str(folder / "program")


@pytest.fixture
async def lobby(server: ServerProcess) -> AsyncIterator[RoomKit]:
    """The server with a room "lobby" and a live channel in it."""
    async with RoomKit(server.address, api_key=KEY) as kit:
        kit.register_channel(WebSocketChannel("ws"))
        await kit.create_room(room_id="lobby")
        await kit.attach_channel("lobby", "ws")
        yield kit


async def reason(kit: RoomKit, text: str) -> str:
    """Say something; why it was blocked, or nothing."""
    message = InboundMessage(channel_id="ws", sender_id="ann", content=TextContent(body=text))
    return (await kit.process_inbound(message, "lobby")).reason or ""


async def test_the_hook_decides_until_it_is_told_to_end(
    module: Path, server: ServerProcess, lobby: RoomKit
) -> None:
    assert len([line for line in HOOK.splitlines() if line.strip()]) <= 20
    assert HOOK.count("127.0.0.1:7777") == HOOK.count("rd_dev_…") == 1
    hook = HOOK.replace("127.0.0.1:7777", server.address).replace("rd_dev_…", KEY)
    program = await asyncio.create_subprocess_exec(built(hook, module))
    try:
        async with asyncio.timeout(ATTACH_SECONDS):
            while not await reason(lobby, "buy spam"):  # until it is attached
                continue
        assert [await reason(lobby, text) for text in ("hello", "buy spam")] == ["", "spam"]
        program.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.wait(), ATTACH_SECONDS) == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (
            ROOMS,
            "OUTCOME_ACCEPTED 1\nOUTCOME_ACCEPTED 2\n"
            "heard ws attached\nheard hello\nheard goodbye\n",
        ),
        (
            TOOLS,
            "weather - The weather of a city, for so many days\n"
            'TOOL_OUTCOME_ANSWERED false {"city":"Rome","skies":["sunny","sunny"]}\n'
            "TOOL_OUTCOME_ANSWERED true it is under water\n"
            "refused: arguments.days\n",
        ),
        (ERRORS, "true\nInvalidArgument VALIDATION [{room_id is required}]\n"),
        (TRACING, "in trace 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"),
    ],
    ids=["rooms", "tools", "errors", "tracing"],
)
def test_a_program_prints_what_it_should(
    program: str, printed: str, module: Path, server: ServerProcess
) -> None:
    command = [built(program, module)]
    assert finished(command, module, address=server.address, key=KEY) == printed


def test_the_unit_tests_pass(module: Path) -> None:
    (module / "main_test.go").write_text(TESTING, encoding="utf-8")
    assert go(module, "test", "-v", ".").count("--- PASS") == 2


def test_every_name_of_the_readme_exists() -> None:
    folder = GO_SDK / "roomd"
    sources = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.go"))
    names = set(re.findall(r"`(?:roomd\.)?((?:Err|With)\w+)`", README))
    assert len(names) > 15
    missing = {name for name in names if not re.search(rf"(func |\t){name}\b", sources)}
    assert not missing
