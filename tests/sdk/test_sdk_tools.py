"""Tools of the application: how they are served and answer, who may call them, what goes wrong."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from mission_rooms import ai, furnish, websocket
from server_process import KEY, ServerProcess

from roomd import (
    HookResult,
    HookTrigger,
    RoomKit,
    RoomNotFoundError,
    ServedTool,
    ServiceUnavailableError,
    Tool,
    ToolCall,
    ToolNotFoundError,
    ToolOutcome,
    ToolResult,
    ValidationFailedError,
    _client,
    _tools,
    current_invocation,
)
from roomd.exceptions import AlreadyExistsError, ChannelNotFoundError

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
PARIS = {"city": "Paris"}


class GetWeather(Tool):
    """As the documents write one."""

    name = "get_weather"
    description = "Get current weather for a city"
    parameters = WEATHER

    async def execute(self, arguments: dict[str, Any]) -> str:
        return f"sunny in {arguments['city']}"


# ------------------------------------------------------------------ what a tool gets


async def test_a_class_is_a_tool(kit: RoomKit) -> None:
    kit.register_tool(GetWeather())
    ran = await kit.call_tool("get_weather", PARIS)
    assert (ran.outcome, ran.text) == (ToolOutcome.ANSWERED, "sunny in Paris")
    assert (ran.structured, ran.is_error) == (None, False)
    assert ran.tool_call_id
    assert 0 < ran.took < 5


async def test_a_function_is_a_tool(kit: RoomKit) -> None:
    @kit.tool("twice", description="Doubles", parameters=None)
    async def twice(arguments: dict[str, Any]) -> str:
        return str(arguments["n"] * 2)

    seen: list[dict[str, Any]] = []

    @kit.tool("once", description="Does not double")
    def once(arguments: dict[str, Any]) -> str:
        seen.append(arguments)
        return ""

    assert (await kit.call_tool("twice", {"n": 21})).text == "42", "a whole number is an int"
    nested = {"n": 1, "list": [1, 2.5, None, {"deep": True}]}
    await kit.call_tool("once", nested)
    await kit.call_tool("once")
    assert seen == [nested, {}]
    assert await twice({"n": 1}) == "2", "the function stays a function"


async def test_a_second_parameter_is_the_call(kit: RoomKit) -> None:
    seen: list[ToolCall] = []

    class Curious(Tool):
        name, description = "curious", "Wants to know who asks"

        async def execute(
            self, arguments: dict[str, Any], call: ToolCall | None = None
        ) -> list[str]:
            invocation = current_invocation()
            assert invocation is not None
            assert call is not None
            seen.append(call)
            return [invocation.handler, invocation.room_id]

    kit.register_tool(Curious())

    @kit.tool("plain", description="The same as a function")
    def plain(arguments: dict[str, Any], call: ToolCall) -> str:
        seen.append(call)
        return call.id

    await furnish(kit, "room", ai("helper"))
    ran = await kit.call_tool("curious", {}, "room", "helper", "call-1")
    assert (ran.text, ran.tool_call_id) == ('["curious","room"]', "call-1")
    ran = await kit.call_tool("plain")
    assert ran.text == ran.tool_call_id
    assert seen == [
        ToolCall(id="call-1", name="curious", channel_id="helper", room_id="room"),
        ToolCall(id=ran.tool_call_id, name="plain", channel_id=None, room_id=None),
    ]


# ------------------------------------------------------------------ what it answers


@pytest.mark.parametrize(
    ("answer", "text", "structured"),
    [
        ("", "", None),
        ({"sky": "blau", "°C": 22}, '{"sky":"blau","°C":22}', {"sky": "blau", "°C": 22}),
        ({}, "{}", {}),
        ([1, "zwei", None], '[1,"zwei",null]', None),
        (ToolResult(text="see there", structured={"n": 1}), "see there", {"n": 1}),
        (ToolResult(text="words"), "words", None),
    ],
)
async def test_what_a_tool_may_answer(
    kit: RoomKit, answer: Any, text: str, structured: dict[str, Any] | None
) -> None:
    kit.tool("t", description="Answers")(lambda arguments: answer)
    ran = await kit.call_tool("t")
    assert (ran.outcome, ran.is_error) == (ToolOutcome.ANSWERED, False)
    assert (ran.text, ran.structured) == (text, structured)


async def test_a_tool_says_that_it_did_not_work(kit: RoomKit) -> None:
    answer = ToolResult(text="no such city", is_error=True)
    kit.tool("t", description="Answers")(lambda arguments: answer)
    ran = await kit.call_tool("t")
    assert (ran.outcome, ran.text, ran.is_error) == (ToolOutcome.ANSWERED, "no such city", True)


@pytest.mark.parametrize("answer", [None, 42, ("a",), float("nan"), b"words"])
async def test_any_other_answer_is_the_tools_failure(kit: RoomKit, answer: Any) -> None:
    kit.tool("t", description="Answers")(lambda arguments: answer)
    ran = await kit.call_tool("t")
    assert (ran.outcome, ran.is_error) == (ToolOutcome.FAILED, True)
    assert f"str, dict, list or ToolResult, not {type(answer).__name__}" in ran.text


async def test_an_exception_is_the_tools_failure_with_its_words(kit: RoomKit) -> None:
    @kit.tool("t", description="Fails")
    async def fails(arguments: dict[str, Any]) -> str:
        raise ConnectionError("the line is dead")

    ran = await kit.call_tool("t")
    assert (ran.outcome, ran.is_error) == (ToolOutcome.FAILED, True)
    assert "ConnectionError: the line is dead" in ran.text


async def test_what_json_cannot_say_is_the_tools_failure(kit: RoomKit) -> None:
    kit.tool("t", description="Fails")(lambda arguments: {"n": float("inf")})
    assert (await kit.call_tool("t")).outcome == ToolOutcome.FAILED


# ------------------------------------------------------------------ cancellation


class Endless:
    """A function that runs until it is cancelled."""

    def __init__(self) -> None:
        self.began, self.cancelled = asyncio.Event(), asyncio.Event()
        self.calls = 0

    async def __call__(self, arguments: dict[str, Any]) -> str:
        self.calls += 1
        self.began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "too late"


async def test_a_tool_that_takes_too_long_is_cancelled(kit: RoomKit) -> None:
    endless = Endless()
    kit.tool("t", description="Never ends", timeout=0.1)(endless)
    ran = await kit.call_tool("t")
    assert (ran.outcome, ran.is_error) == (ToolOutcome.TIMEOUT, True)
    async with asyncio.timeout(5):
        await endless.cancelled.wait()


async def test_a_call_that_nobody_waits_for_is_cancelled(kit: RoomKit) -> None:
    endless = Endless()
    kit.tool("t", description="Never ends")(endless)
    call = asyncio.ensure_future(kit.call_tool("t"))
    async with asyncio.timeout(5):
        await endless.began.wait()
        call.cancel()
        await endless.cancelled.wait()


# ------------------------------------------------------------------ who serves, who may call


async def names(kit: RoomKit, channel_id: str | None = None) -> list[str]:
    return [tool.name for tool in await kit.list_tools(channel_id)]


async def gone(kit: RoomKit, name: str) -> None:
    """Wait until the server has heard that it is served no more."""
    async with asyncio.timeout(5):
        while name in await names(kit):  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(0.01)


async def test_tools_are_listed_as_a_model_is_told_of_them(
    kit: RoomKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tools, "PAGE_SIZE", 1)
    assert await kit.list_tools() == []
    kit.register_tool(GetWeather())
    kit.tool("call_a_taxi", description="Calls one", channel_ids=["helper"])(str)
    assert await kit.list_tools() == [
        ServedTool(
            name="call_a_taxi",
            description="Calls one",
            channel_ids=["helper"],
            attached_workers=1,
        ),
        ServedTool(
            name="get_weather",
            description=GetWeather.description,
            parameters=WEATHER,
            attached_workers=1,
        ),
    ]
    assert await names(kit, "helper") == ["call_a_taxi", "get_weather"]
    assert await names(kit, "other") == ["get_weather"]


async def test_a_tool_is_for_its_channels(kit: RoomKit) -> None:
    class Taxi(GetWeather):
        channel_ids = ("helper",)

    kit.register_tool(Taxi())
    await furnish(kit, "room", ai("helper"), ai("other"))
    ran = await kit.call_tool("get_weather", PARIS, "room", "helper")
    assert ran.outcome == ToolOutcome.ANSWERED
    with pytest.raises(ToolNotFoundError, match="other"):
        await kit.call_tool("get_weather", PARIS, "room", "other")
    assert (await kit.call_tool("get_weather", PARIS)).outcome == ToolOutcome.ANSWERED


async def test_tools_come_and_go_while_the_kit_is_connected(kit: RoomKit) -> None:
    await kit.connect()
    kit.register_tool(GetWeather())
    assert await names(kit) == ["get_weather"]
    kit.tool("second", description="Another one")(lambda arguments: "second")
    runs = await asyncio.gather(kit.call_tool("second"), kit.call_tool("get_weather", PARIS))
    assert [ran.text for ran in runs] == ["second", "sunny in Paris"]
    assert await kit.unregister_tool("get_weather")
    assert not await kit.unregister_tool("get_weather")
    await gone(kit, "get_weather")
    kit.register_tool(GetWeather())
    assert (await kit.call_tool("get_weather", PARIS)).text == "sunny in Paris"


async def test_programs_share_a_tool_of_the_same_settings(server: ServerProcess) -> None:
    async def answer_of(worker: str, description: str = GetWeather.description) -> RoomKit:
        kit = RoomKit(server.address, api_key=KEY, worker_id=worker)
        kit.tool("get_weather", description=description)(lambda arguments: worker)
        return kit

    async with await answer_of("one") as one, await answer_of("two"):
        runs = [await one.call_tool("get_weather") for _ in range(4)]
        assert {ran.text for ran in runs} == {"one", "two"}
        assert [ran.worker_id for ran in runs] == [ran.text for ran in runs]
        other = await answer_of("three", "Something else")
        with pytest.raises(AlreadyExistsError) as refused:
            await other.connect()
        assert refused.value.reason == "HANDLER_CONFLICT"
        await other.close()


def test_the_settings_of_a_tool_reach_the_service() -> None:
    options = _tools.ToolOptions("t", "Does it", WEATHER, ["helper"], 1.5, True)
    spec = _tools.tool_handler(options, str).spec.tool
    assert (spec.description, spec.channel_ids, spec.idempotent) == ("Does it", ["helper"], True)
    assert spec.timeout.ToMilliseconds() == 1500
    plain = _tools.tool_handler(_tools.ToolOptions("t", "Does it"), str).spec.tool
    assert not plain.HasField("timeout")
    assert not plain.HasField("parameters")


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("name", ["", "GetWeather", "get weather", "1st", "x" * 64, "täg"])
def test_a_name_that_callers_could_not_say_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a tool"):
        RoomKit().tool(name, description="It")(str)


async def test_two_things_of_a_kit_never_share_a_name(kit: RoomKit) -> None:
    @kit.hook(HookTrigger.BEFORE_BROADCAST, name="hooked")
    def hooked(event: Any) -> HookResult:
        return HookResult.block("hooked")

    kit.register_tool(GetWeather())
    for name in ("get_weather", "hooked"):
        with pytest.raises(ValueError, match=f"'{name}' already"):
            kit.tool(name, description="It")(str)

    @kit.hook(HookTrigger.BEFORE_BROADCAST, name="get_weather")
    def late(event: Any) -> HookResult:
        return HookResult.allow()

    assert (await kit.call_tool("get_weather", PARIS)).text == "sunny in Paris"


# ------------------------------------------------------------------ what goes wrong


async def test_a_schema_that_is_none_is_told_to_the_user(kit: RoomKit) -> None:
    kit.tool("t", description="It", parameters={"type": "array"})(str)
    with pytest.raises(ValidationFailedError, match=r"spec\.tool\.parameters"):
        await kit.connect()
    assert await kit.list_tools() == []


async def test_a_tool_that_nobody_serves(kit: RoomKit) -> None:
    with pytest.raises(ToolNotFoundError, match="get_weather") as caught:
        await kit.call_tool("get_weather", PARIS)
    assert caught.value.reason == "TOOL_NOT_FOUND"


async def test_arguments_that_the_schema_does_not_describe(kit: RoomKit) -> None:
    kit.register_tool(GetWeather())
    with pytest.raises(ValidationFailedError) as caught:
        await kit.call_tool("get_weather", {"city": 3, "days": 1.5})
    assert set(caught.value.violations) == {"arguments.city", "arguments.days"}


async def test_a_room_or_a_channel_that_is_not_there(kit: RoomKit) -> None:
    kit.register_tool(GetWeather())
    with pytest.raises(RoomNotFoundError):
        await kit.call_tool("get_weather", PARIS, room_id="nowhere")
    await furnish(kit, "room", websocket("ws"))
    with pytest.raises(ChannelNotFoundError):
        await kit.call_tool("get_weather", PARIS, "room", "nobody")


async def test_nobody_takes_a_call_now(kit: RoomKit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.register_tool(GetWeather())
    await kit.connect()
    await kit.unregister_tool("get_weather")
    await gone(kit, "get_weather")
    monkeypatch.setattr(_client, "RETRY_SECONDS", 0.3)
    with pytest.raises(ServiceUnavailableError) as caught:
        await kit.call_tool("get_weather", PARIS)
    assert caught.value.reason == "NO_WORKER"


async def test_a_call_waits_for_somebody_to_take_it(kit: RoomKit) -> None:
    kit.register_tool(GetWeather())
    await kit.connect()
    await kit.unregister_tool("get_weather")
    await gone(kit, "get_weather")
    call = asyncio.ensure_future(kit.call_tool("get_weather", PARIS))
    await asyncio.sleep(0.05)
    kit.register_tool(GetWeather())
    await kit.connect()
    assert (await call).text == "sunny in Paris"


async def test_a_call_waits_for_the_server(server: ServerProcess) -> None:
    server.kill()
    async with RoomKit(server.address, api_key=KEY) as kit:
        call = asyncio.ensure_future(kit.call_tool("get_weather", PARIS))
        await asyncio.sleep(0.1)
        assert not call.done()
        await asyncio.to_thread(server.start)
        with pytest.raises(ToolNotFoundError):
            await call


async def test_a_server_that_does_not_come_is_unavailable(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.kill()
    monkeypatch.setattr(_client, "RETRY_SECONDS", 0.1)
    async with RoomKit(server.address, api_key=KEY) as kit:
        with pytest.raises(ServiceUnavailableError, match="no connection"):
            await kit.call_tool("get_weather", PARIS)


async def test_a_fault_of_the_server_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    async def broken(self: Any, caller: Any, request: Any) -> None:
        calls.append(request.tool_call_id)
        raise RuntimeError("a fault")

    monkeypatch.setattr("roomd_server.core.tools.Tools.call_tool", broken)
    async with RoomKit() as kit:
        with pytest.raises(ServiceUnavailableError) as caught:
            await kit.call_tool("get_weather", PARIS, tool_call_id="one")
    assert caught.value.reason == "SERVER_FAULT"
    assert calls == ["one"]


async def test_a_call_whose_connection_is_lost_is_not_made_again(server: ServerProcess) -> None:
    """It may have done something: nobody but the application knows whether it may run twice."""
    endless = Endless()
    async with (
        RoomKit(server.address, api_key=KEY) as serving,
        RoomKit(server.address, api_key=KEY) as calling,
    ):
        serving.tool("t", description="Never ends")(endless)
        await serving.connect()
        call = asyncio.ensure_future(calling.call_tool("t"))
        async with asyncio.timeout(5):
            await endless.began.wait()
        server.kill()
        began = time.monotonic()
        with pytest.raises(ServiceUnavailableError) as lost:
            await call
        assert lost.value.reason == "UNAVAILABLE"
        assert time.monotonic() - began < 5
        await asyncio.to_thread(server.start)
        await calling.create_room()
        assert endless.calls == 1
