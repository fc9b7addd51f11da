"""Semantics 6: tools are checked by their schema, run by workers, and seen by the room."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hook_kit import ORG, Behaviour, Worker
from pipeline_kit import House, ended, room_in, served

from roomd import v1 as pb
from roomd_server.core.ports import WriteSet
from roomd_server.core.times import duration
from roomd_server.core.tools import SHOWN_ARGUMENT_BYTES, SHOWN_RESULT_CHARS

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
        "days": {"type": "integer", "minimum": 1},
        "units": {"enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with served() as house:
        yield house


def struct(values: dict[str, Any] | None) -> Struct | None:
    if values is None:
        return None
    made = Struct()
    made.update(values)
    return made


def tool(name: str = "weather", schema: dict[str, Any] | None = None, **spec: Any) -> pb.Handler:
    spec = {"description": "The weather of a city"} | spec
    return pb.Handler(
        name=name, spec=pb.HandlerSpec(tool=pb.ToolSpec(parameters=struct(schema), **spec))
    )


def says(text: str, **fields: Any) -> pb.HandlerResult:
    return pb.HandlerResult(tool=pb.ToolResult(text=text, **fields))


def sunny(invocation: pb.Invocation) -> pb.HandlerResult:
    return says(f"sunny in {invocation.call.tool.arguments['city']}")


async def called(h: House, arguments: dict[str, Any] | None = None, **fields: Any) -> Any:
    fields = {"name": "weather"} | fields
    return await h.call("CallTool", arguments=struct(arguments or {"city": "Paris"}), **fields)


async def failed(h: House, arguments: dict[str, Any] | None = None, **fields: Any) -> Any:
    fields = {"name": "weather"} | fields
    return await h.fails("CallTool", arguments=struct(arguments or {"city": "Paris"}), **fields)


def wrong_fields(error: Any) -> set[str]:
    return {one.field for one in error.details["BadRequest"].field_violations}


# ------------------------------------------------------------------ what a worker is asked


async def test_s6_a_worker_runs_the_tool_and_its_answer_is_the_calls(h: House) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    answer = await called(h, {"city": "Paris", "days": 2}, tool_call_id="t1")
    assert answer.outcome == pb.TOOL_OUTCOME_ANSWERED
    assert answer.result == pb.ToolResult(text="sunny in Paris")
    assert (answer.tool_call_id, answer.worker_id) == ("t1", "w")
    assert answer.took.nanos > 0
    (asked,) = worker.invocations
    assert asked.reply_expected
    call = asked.call.tool
    assert (call.tool_call_id, call.name) == ("t1", "weather")
    assert MessageToDict(call.arguments) == {"city": "Paris", "days": 2}
    await ended(worker)


async def test_s6_a_tool_knows_the_room_and_the_channel_that_call_it(h: House) -> None:
    worker = await h.worker(tool(), behave=sunny)
    async with room_in(h) as room:
        await called(h, room_id=room.room_id, channel_id=room.id("ws"))
        (asked,) = worker.invocations
        assert (asked.room_id, asked.call.tool.channel_id) == (room.room_id, room.id("ws"))
        assert (await failed(h, room_id="nowhere")).reason == "ROOM_NOT_FOUND"
        wrong = await failed(h, room_id=room.room_id, channel_id="other")
        assert wrong.reason == "BINDING_NOT_FOUND"
    await ended(worker)


async def test_s6_an_error_of_the_tool_is_an_answer(h: House) -> None:
    worker = await h.worker(tool(), behave=lambda _: says("no such city", is_error=True))
    answer = await called(h)
    assert (answer.outcome, answer.result.is_error) == (pb.TOOL_OUTCOME_ANSWERED, True)
    await ended(worker)


# ------------------------------------------------------------------ schemas


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"town": "Paris"}, {"arguments"}),
        ({"city": 3}, {"arguments.city"}),
        ({"city": "paris"}, {"arguments.city"}),
        ({"city": "Paris", "days": 1.5}, {"arguments.days"}),
        ({"city": "", "days": 0}, {"arguments.city", "arguments.days"}),
        ({"city": "Paris", "units": "kelvin"}, {"arguments.units"}),
    ],
)
async def test_s6_arguments_that_the_schema_does_not_describe_reach_nobody(
    h: House, arguments: dict[str, Any], fields: set[str]
) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    error = await failed(h, arguments)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION")
    assert fields <= wrong_fields(error)
    assert not worker.invocations
    await ended(worker)


async def test_s6_a_whole_number_is_an_integer_however_it_came(h: House) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    assert (await called(h, {"city": "Rome", "days": 3.0})).outcome == pb.TOOL_OUTCOME_ANSWERED
    await ended(worker)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"type": "nonsense"},
        {"properties": {}},
        {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}},
        {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"type": "object", "properties": {"a": {"pattern": "(?=b)a"}}},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "properties": {"a": {"enum": ["x" * 70_000]}}},
    ],
)
async def test_s6_what_is_no_schema_of_an_object_is_refused(
    h: House, schema: dict[str, Any]
) -> None:
    worker = await h.worker()
    (status,) = await worker.attach(tool(schema=schema))
    assert status.status.reason == pb.ERROR_REASON_VALIDATION
    assert "spec.tool.parameters" in status.status.message
    assert (await failed(h)).reason == "TOOL_NOT_FOUND"
    await ended(worker)


async def test_s6_a_pattern_cannot_hold_the_server(h: House) -> None:
    evil = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    worker = await h.worker(tool(schema=evil), behave=lambda _: says("ok"))
    async with asyncio.timeout(2):
        error = await failed(h, {"a": "a" * 50_000 + "!"})
    assert wrong_fields(error) == {"arguments.a"}
    await ended(worker)


async def test_s6_the_words_say_numbers_as_they_were_meant(h: House) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    error = await failed(h, {"city": 3})
    assert error.message == 'arguments.city: 3 is not of type "string"'
    await ended(worker)


async def test_s6_a_value_without_a_kind_is_refused(h: House) -> None:
    worker = await h.worker(tool(), behave=sunny)
    empty = Struct()
    empty.fields["city"].SetInParent()
    error = await h.fails("CallTool", name="weather", arguments=empty)
    assert wrong_fields(error) == {"arguments"}
    await ended(worker)


async def test_s6_a_number_that_json_cannot_say_is_refused(h: House) -> None:
    worker = await h.worker(tool(), behave=sunny)
    for number in (float("nan"), float("inf")):
        assert wrong_fields(await failed(h, {"city": [number]})) == {"arguments"}
    await ended(worker)


# ------------------------------------------------------------------ who may call what


async def test_s6_tools_are_listed_while_somebody_serves_them(h: House) -> None:
    async def names(**fields: Any) -> list[str]:
        return [one.name for one in (await h.call("ListTools", **fields)).tools]

    one = await h.worker(tool("b", WEATHER), tool("a", channel_ids=["ai"]))
    two = await h.worker(tool("b", WEATHER))
    assert await names() == ["a", "b"]
    assert await names(channel_id="other") == ["b"]
    page = await h.call("ListTools", page_size=1)
    assert [tool.name for tool in page.tools] == ["a"]
    rest = await h.call("ListTools", page_size=1, page_token=page.next_page_token)
    (shown,) = rest.tools
    assert (shown.name, shown.attached_workers, rest.next_page_token) == ("b", 2, "")
    assert shown.description == "The weather of a city"
    assert json.loads(json.dumps(MessageToDict(shown.parameters))) == WEATHER
    await ended(one)
    await eventually(names, ["b"])
    await ended(two)
    await eventually(names, [])


async def eventually(read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Read until it is so; a worker's end takes a moment to reach the server."""
    async with asyncio.timeout(5):
        for pause in itertools.repeat(0.01):
            if await read() == wanted:
                return
            await asyncio.sleep(pause)


async def test_s6_a_channel_calls_its_own_tools_only(h: House) -> None:
    worker = await h.worker(tool(channel_ids=["ai"]), behave=sunny)
    assert (await called(h, channel_id="ai")).outcome == pb.TOOL_OUTCOME_ANSWERED
    assert (await failed(h, channel_id="other")).reason == "TOOL_NOT_FOUND"
    assert (await called(h)).outcome == pb.TOOL_OUTCOME_ANSWERED, "an operator may try it"
    await ended(worker)


async def test_s6_a_hook_is_no_tool(h: House) -> None:
    async with room_in(h) as room:
        await room.hook("weather", lambda _: pb.HookDecision(allow=pb.Allow()), pb.HOOK_MODE_DECIDE)
        assert (await failed(h, name=room.id("weather"))).reason == "TOOL_NOT_FOUND"


# ------------------------------------------------------------------ what goes wrong


async def test_s6_a_tool_that_nobody_serves_now_did_not_run(h: House) -> None:
    assert (await failed(h)).reason == "TOOL_NOT_FOUND"
    worker = await h.worker(tool(), behave=sunny)
    await ended(worker)

    async def why() -> tuple[grpc.StatusCode, str]:
        error = await failed(h)
        return error.code, error.reason

    await eventually(why, (grpc.StatusCode.UNAVAILABLE, "NO_WORKER"))


async def test_s6_a_tool_is_known_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "rooms.db")
    async with served(path) as house:
        worker = await house.worker(tool(schema=WEATHER), behave=sunny)
        await ended(worker)
    async with served(path) as house:
        assert not (await house.call("ListTools")).tools
        assert (await failed(house)).reason == "NO_WORKER"
        assert (await failed(house, {"city": 3})).reason == "VALIDATION"
        worker = await house.worker(tool(), behave=sunny)
        assert (await called(house)).outcome == pb.TOOL_OUTCOME_ANSWERED
        await ended(worker)


async def test_s6_a_stored_tool_that_cannot_be_read_does_not_keep_the_server_from_starting(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "rooms.db")
    async with served(path) as house:
        worker = await house.worker(tool("fine"), behave=sunny)
        await ended(worker)
        odd = [tool("odd", {"type": "nonsense"}), pb.Handler(name="newer")]
        await house.store.commit(WriteSet(ORG, handlers=odd))
    async with served(path) as house:
        assert (await failed(house, name="fine")).reason == "NO_WORKER"
        for name in ("odd", "newer"):
            assert (await failed(house, name=name)).reason == "TOOL_NOT_FOUND"
        worker = await house.worker(tool("odd"), behave=sunny)
        assert (await called(house, name="odd")).outcome == pb.TOOL_OUTCOME_ANSWERED
        await ended(worker)


def broken(_: pb.Invocation) -> pb.Failure:
    return pb.Failure(status=pb.Status(code=13, message="the line is dead"))


def wrong(_: pb.Invocation) -> pb.HandlerResult:
    return pb.HandlerResult(route=pb.RouteAnswer(room_id="r"))


def endless(_: pb.Invocation) -> pb.HandlerResult:
    return says("x" * 262_145)


@pytest.mark.parametrize(
    ("behave", "words"),
    [(broken, "the line is dead"), (wrong, "must be a tool"), (endless, "262144")],
)
async def test_s6_a_handler_that_fails_is_an_outcome_with_words(
    h: House, behave: Behaviour, words: str
) -> None:
    worker = await h.worker(tool(), behave=behave)
    answer = await called(h)
    assert answer.outcome == pb.TOOL_OUTCOME_FAILED
    assert answer.result.is_error
    assert words in answer.result.text
    if behave is not broken:
        settled = (await worker.told("settled")).settled
        assert settled.disposition == pb.Settled.DISPOSITION_INVALID
    await ended(worker)


async def test_s6_a_tool_that_does_not_answer_is_cancelled(h: House) -> None:
    worker = await h.worker(tool(timeout=duration(0.1)), behave=lambda _: None)
    answer = await called(h)
    assert (answer.outcome, answer.result.is_error) == (pb.TOOL_OUTCOME_TIMEOUT, True)
    assert (await worker.told("cancel")).cancel.reason == pb.Cancel.REASON_DEADLINE
    await ended(worker)


async def test_s6_a_call_that_nobody_waits_for_is_cancelled(h: House) -> None:
    worker = await h.worker(tool(), behave=lambda _: None)
    call = asyncio.ensure_future(called(h))
    await worker.asked()
    call.cancel()
    assert (await worker.told("cancel")).cancel.reason == pb.Cancel.REASON_CALLER_GONE
    await ended(worker)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_s6_a_lost_worker_ends_the_call_unless_it_may_run_twice(
    h: House, idempotent: bool
) -> None:
    first = await h.worker(tool(idempotent=idempotent), behave=lambda _: None)
    call = asyncio.ensure_future(called(h))
    lost = await first.asked()
    second = await h.worker(tool(idempotent=idempotent), behave=sunny)
    await ended(first)
    answer = await call
    if idempotent:
        assert answer.outcome == pb.TOOL_OUTCOME_ANSWERED
        (again,) = second.invocations
        assert (again.invocation_id, again.attempt) == (lost.invocation_id, 2)
        assert again.call.tool.tool_call_id == lost.call.tool.tool_call_id
    else:
        assert answer.outcome == pb.TOOL_OUTCOME_LOST
        assert "may have done something" in answer.result.text
        assert not second.invocations
    await ended(second)


async def test_s6_busy_workers_are_told_apart_from_slow_tools(h: House) -> None:
    worker = await h.worker(tool(timeout=duration(0.2)), behave=lambda _: None)
    await worker.send(set_window=pb.SetWindow(reply_window=1))
    first = asyncio.ensure_future(called(h))
    asked = await worker.asked()
    longer = pb.Extend(invocation_id=asked.invocation_id, lease=asked.lease, timeout=duration(5.0))
    await worker.send(extend=longer)
    error = await failed(h)
    assert error.reason == "NO_WORKER"
    assert "busy" in error.message
    await worker.answer(asked, says("at last"))
    assert (await first).result.text == "at last"
    await ended(worker)


# ------------------------------------------------------------------ who sees it


async def watched(h: House, room_id: str) -> AsyncIterator[pb.EphemeralEvent]:
    request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id=room_id), ephemeral=True)
    call = h.client.stream("/roomd.v1.RoomService/SubscribeRoom", request, h.key)
    async for response in call:
        for item in response.items:
            if item.WhichOneof("item") == "subscribed":
                yield pb.EphemeralEvent()
            elif item.HasField("ephemeral"):
                yield item.ephemeral


async def test_s6_the_room_sees_that_a_tool_runs(h: House) -> None:
    worker = await h.worker(tool(), behave=lambda _: says("y" * 2 * SHOWN_RESULT_CHARS))
    async with room_in(h) as room:
        seen = watched(h, room.room_id)
        await anext(seen)
        about = {"room_id": room.room_id, "channel_id": room.id("ws"), "tool_call_id": "t1"}
        answer = await called(h, **about)
        begun, done = await anext(seen), await anext(seen)
        assert begun.type == pb.EPHEMERAL_TYPE_TOOL_CALL_START
        assert begun.channel_id == room.id("ws")
        assert MessageToDict(begun.data) == {
            "tool_calls": [{"id": "t1", "name": "weather", "arguments": {"city": "Paris"}}]
        }
        assert done.type == pb.EPHEMERAL_TYPE_TOOL_CALL_END
        (shown,) = MessageToDict(done.data)["tool_calls"]
        assert shown["result"] == answer.result.text[:SHOWN_RESULT_CHARS]
        assert done.data["duration_ms"] >= 0
        await called(h, {"city": "x" * SHOWN_ARGUMENT_BYTES}, **about)
        assert "arguments" not in MessageToDict((await anext(seen)).data)["tool_calls"][0]
        await seen.aclose()
    await ended(worker)


async def test_s6_what_never_ran_is_shown_to_nobody(h: House) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    async with room_in(h) as room:
        seen = watched(h, room.room_id)
        await anext(seen)
        await failed(h, {"city": 1}, room_id=room.room_id)
        await failed(h, name="unknown", room_id=room.room_id)
        await h.call("PublishTyping", room_id=room.room_id, user_id="ann", typing=True)
        assert (await anext(seen)).type == pb.EPHEMERAL_TYPE_TYPING_START
        await seen.aclose()
    await ended(worker)


# ------------------------------------------------------------------ an AI that uses one


def script(*responses: str, **arguments: Any) -> pb.ChannelImplementation:
    use = pb.ChannelImplementation.Script.Use(tool="weather", arguments=struct(arguments))
    return pb.ChannelImplementation(
        script=pb.ChannelImplementation.Script(responses=responses, uses=[use])
    )


async def test_s6_an_ai_answers_with_what_a_tool_said(h: House) -> None:
    worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    async with room_in(h) as room:
        made = script("Look: {weather}.", city="{message}")
        await room.add("ai", pb.CHANNEL_TYPE_AI, implementation=made)
        await room.say("Paris", wait=pb.WAIT_DELIVERED)
        assert await room.texts() == ["Paris", "Look: sunny in Paris."]
        (asked,) = worker.invocations
        assert asked.room_id == room.room_id
        assert asked.call.tool.channel_id == room.id("ai")
    await ended(worker)


async def test_s6_an_ai_is_told_why_a_tool_did_not_run(h: House) -> None:
    async with room_in(h) as room:
        made = script("{weather}", city="{message}")
        await room.add("ai", pb.CHANNEL_TYPE_AI, implementation=made)
        await room.say("Paris", wait=pb.WAIT_DELIVERED)
        assert "no tool 'weather'" in (await room.texts())[1]
        worker = await h.worker(tool(schema=WEATHER), behave=sunny)
        await room.say("paris", wait=pb.WAIT_DELIVERED)
        assert "arguments.city" in (await room.texts())[3]
        await ended(worker)


async def test_s6_how_calls_ended_is_counted(h: House) -> None:
    worker: Worker = await h.worker(tool(schema=WEATHER), behave=sunny)
    await called(h)
    await called(h)
    await failed(h, {"city": 1})
    tallies = h.engine.tools.tallies
    assert dict(tallies.outcomes) == {"answered": 2}
    assert sum(tallies.times.counts) == 2
    await ended(worker)
