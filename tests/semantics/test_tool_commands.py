"""``roomd tool`` against a server with a worker."""

from __future__ import annotations

import json

import grpc
import pytest
from hook_kit import Behaviour
from pipeline_kit import House, ended, served
from test_section6_tools import WEATHER, says, sunny, tool

from roomd_server.cli.main import parser


async def roomd(house: House, *words: str) -> int:
    """Run a command in this process; its exit code."""
    at = ("--address", house.address, "--key", house.key[0][1].removeprefix("Bearer "))
    options = parser(words).parse_args([*words, *at])
    code: int = await options.run(options)
    return code


async def test_a_tool_is_listed_and_tried(capsys: pytest.CaptureFixture[str]) -> None:
    async with served() as house:
        worker = await house.worker(tool(schema=WEATHER), behave=sunny)
        assert await roomd(house, "tool", "list") == 0
        assert "The weather of a city" in capsys.readouterr().out
        assert await roomd(house, "tool", "list", "--json") == 0
        listed = json.loads(capsys.readouterr().out)
        assert (listed["name"], listed["attached_workers"]) == ("weather", 1)
        assert await roomd(house, "tool", "call", "weather", '{"city": "Paris"}') == 0
        said, how = capsys.readouterr().out.splitlines()
        assert said == "sunny in Paris"
        assert how.startswith("(answered by w, 0.")
        with pytest.raises(grpc.aio.AioRpcError, match=r"arguments\.city"):
            await roomd(house, "tool", "call", "weather", '{"city": 3}')
        await ended(worker)


@pytest.mark.parametrize("behave", [lambda _: says("no", is_error=True), lambda _: None])
async def test_a_tool_that_does_not_work_is_exit_code_1(
    behave: Behaviour, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served() as house:
        handler = tool()
        handler.spec.tool.timeout.FromMilliseconds(100)
        worker = await house.worker(handler, behave=behave)
        assert await roomd(house, "tool", "call", "weather", "--json") == 1
        assert json.loads(capsys.readouterr().out)["result"]["is_error"] is True
        await ended(worker)


@pytest.mark.parametrize("arguments", ["[1]", "{", '"text"'])
def test_arguments_that_are_no_object_are_refused_before_the_call(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("tool", "call", "weather", arguments)
    with pytest.raises(SystemExit):
        parser(words).parse_args(words)
    assert "must be a JSON object" in capsys.readouterr().err
