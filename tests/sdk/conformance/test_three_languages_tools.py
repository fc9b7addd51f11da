"""Tools in Python, Go and TypeScript are one to who calls them; each of them may be killed.

The workers are those of the suite, at a real server.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from conform_client import ServerClient, fields_of, reason_of
from conform_matching import as_dict
from conform_process import WorkerProcess
from conform_together import LANGUAGES, PATIENCE_SECONDS, Handlers, Workers, seen, side_by_side
from grpc import aio
from server_process import KEY, ServerProcess

from roomd import v1 as pb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]

LOOK_SECONDS = 0.05
TIMEOUT = "1s"
REPORT = {"city": "Zürich", "degrees": 21.5, "days": [1, 2], "wind": {"from": "west"}}
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


def weather(name: str) -> Handlers:
    """A tool that does what its argument says."""
    spec = {"description": f"The weather in {name}", "parameters": SCHEMA, "timeout": TIMEOUT}
    behave = {
        "report": [{"tool_json": REPORT}],
        "Atlantis": [{"tool": {"text": "no such city", "is_error": True}}],
        "crash": [{"raise": f"{name} is out"}],
        "wait": [{"wait_cancel": True}],
        "*": [{"tool": {"text": f"sunny in {name}"}}],
    }
    return [{"name": f"{name}-weather", "spec": {"tool": spec}, "behave": behave}]


@pytest.fixture
async def workers(
    commands: Workers, server: ServerProcess
) -> AsyncIterator[dict[str, WorkerProcess]]:
    """A worker for each language, with one tool."""
    async with side_by_side(commands, server.address, weather) as made:
        yield made


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[ServerClient]:
    """Calls to the server."""
    made = ServerClient(server.address, KEY)
    yield made
    await made.close()


async def called(client: ServerClient, name: str, text: Any) -> pb.CallToolResponse:
    """Call the tool of a language."""
    request = {"name": f"{name}-weather", "arguments": {"text": text}}
    answer: pb.CallToolResponse = await client.call("AgentService/CallTool", request)
    return answer


async def gone(client: ServerClient, name: str) -> None:
    """Wait until nobody serves the tool of a language."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        listed = await client.call("AgentService/ListTools", {})
        if f"{name}-weather" not in {one.name for one in listed.tools}:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{name} still serves its tool")


async def test_a_tool_is_the_same_in_every_language(
    client: ServerClient, workers: dict[str, WorkerProcess]
) -> None:
    listed = await client.call("AgentService/ListTools", {})
    assert [one.name for one in listed.tools] == sorted(f"{name}-weather" for name in LANGUAGES)
    assert all(as_dict(one.parameters) == SCHEMA for one in listed.tools)
    for name, process in workers.items():
        answer = await called(client, name, "Paris")
        assert answer.outcome == pb.TOOL_OUTCOME_ANSWERED
        assert answer.result == pb.ToolResult(text=f"sunny in {name}")
        report = (await called(client, name, "report")).result
        assert json.loads(report.text) == as_dict(report.structured) == REPORT
        error = await called(client, name, "Atlantis")
        assert error.outcome == pb.TOOL_OUTCOME_ANSWERED
        assert error.result == pb.ToolResult(text="no such city", is_error=True)
        crash = await called(client, name, "crash")
        assert (crash.outcome, crash.result.is_error) == (pb.TOOL_OUTCOME_FAILED, True)
        assert f"{name} is out" in crash.result.text
        late = await called(client, name, "wait")
        assert late.outcome == pb.TOOL_OUTCOME_TIMEOUT
        await seen(process, saw="cancelled")
        with pytest.raises(aio.AioRpcError) as refused:
            await called(client, name, 3)
        assert fields_of(refused.value) == ["arguments.text"]


async def test_a_tool_whose_worker_is_killed_is_gone_and_the_others_stay(
    client: ServerClient, workers: dict[str, WorkerProcess]
) -> None:
    there = list(LANGUAGES)
    for killed in LANGUAGES:
        lost = asyncio.create_task(called(client, killed, "wait"))
        await seen(workers[killed], saw="invoked", text="wait")
        workers[killed].signal(signal.SIGKILL)
        assert (await lost).outcome == pb.TOOL_OUTCOME_LOST
        await gone(client, killed)
        there.remove(killed)
        with pytest.raises(aio.AioRpcError) as refused:
            await called(client, killed, "Paris")
        assert reason_of(refused.value) == "NO_WORKER"
        for name in there:
            assert (await called(client, name, "Paris")).outcome == pb.TOOL_OUTCOME_ANSWERED
