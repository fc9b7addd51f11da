"""One trace from a client through the server and a hook of the Python SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from mission_rooms import ai, furnish, say, sms, until, websocket
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pydantic import SecretStr

from roomd import (
    HookExecution,
    HookResult,
    HookTrigger,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
    current_invocation,
)
from roomd import v1 as pb
from roomd._client import Client
from roomd._tracing import current_trace
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub
from roomd_server.config import Settings
from roomd_server.wiring import Server

KEY = "rd_dev_0123456789abcdef0123"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BEFORE, AFTER = HookTrigger.BEFORE_BROADCAST, HookTrigger.AFTER_BROADCAST


class Collected:
    """Spans that have ended, of the server, its clients and workers."""

    def __init__(self, provider: TracerProvider) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = provider
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def of(self, root: trace.Span) -> dict[str, list[ReadableSpan]]:
        """The spans of a trace, by name."""
        found: dict[str, list[ReadableSpan]] = {}
        for span in self.spans:
            if span.context.trace_id == root.get_span_context().trace_id:
                found.setdefault(span.name, []).append(span)
        return found


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """A provider for all: OpenTelemetry lets a process set its own only once."""
    made = Collected(TracerProvider())
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: made.provider)
    yield made
    made.provider.shutdown()


@asynccontextmanager
async def traced(provider: TracerProvider | None) -> AsyncIterator[RoomKit]:
    settings = Settings(
        listen="127.0.0.1:0",
        store="sqlite://:memory:",
        api_key=SecretStr(KEY),
        drain_grace_seconds=2,
    )
    server = await Server.start(settings, provider)
    try:
        async with RoomKit(server.address, api_key=KEY) as kit:
            yield kit
    finally:
        await server.stop()


async def test_one_trace_from_the_client_through_a_hook(collected: Collected) -> None:
    async with traced(collected.provider) as kit:
        seen: list[str] = []

        @kit.hook(BEFORE, name="judge")
        async def judge(event: RoomEvent, _ctx: RoomContext) -> HookResult:
            if event.content.body == "bad":
                return HookResult.block("no")
            with trace.get_tracer("application").start_as_current_span("look it up"):
                await kit.get_room("other")
            return HookResult.allow()

        @kit.hook(AFTER, HookExecution.ASYNC, name="audit")
        async def audit(event: RoomEvent, _ctx: RoomContext) -> None:
            seen.append(event.id)

        await furnish(kit, "room", websocket("ws"), sms("phone"), ai("bot"))
        await kit.create_room(room_id="other")
        with collected.provider.get_tracer("client").start_as_current_span("client") as root:
            await say(kit, "ws", "hello")
        await until(lambda: len(collected.of(root).get("handle audit", [])) == 2)
        await until(lambda: len(collected.of(root).get("deliver", [])) == 4)
        spans = collected.of(root)
    rpc = spans["roomd.v1.EventService/ProcessInbound"][0]
    assert parent(rpc) == root.get_span_context().span_id
    assert rpc.attributes is not None
    assert rpc.attributes["roomd.code"] == "OK"
    for stage in ("route", "hooks", "commit"):
        assert own(rpc) in {parent(one) for one in spans[stage]}, stage
    stages = {own(one) for one in spans["hooks"]}
    assert all(parent(one) in stages for one in spans["hook judge"])
    assert spans["hook judge"][0].attributes["roomd.answer"] == "allow"
    calls = {own(one) for one in spans["hook judge"]}
    handled = spans["handle judge"]
    assert {parent(one) for one in handled} == calls
    assert {parent(one) for one in spans["look it up"]} == {own(one) for one in handled}
    inner = {own(one) for one in spans["look it up"]}
    assert {parent(one) for one in spans["roomd.v1.RoomService/GetRoom"]} == inner
    # What follows the commit belongs to the call: observers, deliveries, the AI's answer.
    assert {parent(one) for one in spans["hook audit"]} == {own(rpc)}
    delivered = {own(one) for one in spans["deliver"]}
    assert {parent(one) for one in spans["deliver"]} == {own(rpc)}
    assert {parent(one) for one in spans["deliver channel-phone"]} <= delivered
    assert parent(spans["respond channel-bot"][0]) in delivered


class Shouting:
    """A transcoder of the application."""

    async def transcode(self, content: Any, source: Any, target: Any) -> TextContent:
        return TextContent(body=content.body.upper())


async def test_whatever_a_worker_is_asked_for_is_in_its_message_s_trace(
    collected: Collected,
) -> None:
    """Also what follows the commit in nobody's task: each belongs to the message that it is
    about, though the lane that delivers and the observer's backlog serve many.
    """
    async with traced(collected.provider) as kit:
        kit.set_transcoder(Shouting())

        @kit.hook(AFTER, HookExecution.ASYNC, name="audit", durable=True)
        async def audit(event: RoomEvent, _ctx: RoomContext) -> None:
            pass

        @kit.hook(HookTrigger.ON_DELIVERY_STATUS, HookExecution.ASYNC, name="status")
        async def status(event: RoomEvent, _ctx: RoomContext) -> None:
            pass

        await furnish(kit, "room", websocket("ws"), sms("phone"))
        roots = []
        for _ in range(2):
            with collected.provider.get_tracer("client").start_as_current_span("client") as root:
                await say(kit, "ws", "hello")
            roots.append(root)
        asked = ("transcode channel-phone", "deliver channel-phone", "hook audit", "hook status")
        for root in roots:
            await until(lambda root=root: all(name in collected.of(root) for name in asked))
    for root in roots:
        spans = collected.of(root)
        assert {name: len(spans[name]) for name in asked} == dict.fromkeys(asked, 1)
        (rpc,) = spans["roomd.v1.EventService/ProcessInbound"]
        assert parent(spans["transcode channel-phone"][0]) == own(rpc)
        assert {parent(one) for one in spans["handle channel-phone"]} == {
            own(spans["transcode channel-phone"][0]),
            own(spans["deliver channel-phone"][0]),
        }


async def test_a_hook_without_its_own_spans_carries_the_trace_on(collected: Collected) -> None:
    async with traced(collected.provider) as kit:
        told: list[dict[str, str]] = []

        @kit.hook(BEFORE, name="judge")
        async def judge(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
            invocation = current_invocation()
            assert invocation is not None
            told.append(dict(invocation.trace_context))
            return HookResult.allow()

        await furnish(kit, "room", websocket("ws"))
        await say(kit, "ws", "hello")
    (context,) = told
    (call,) = [one for one in collected.spans if one.name == "hook judge"]
    assert context["traceparent"].split("-")[2] == f"{own(call):016x}"


async def test_what_fails_is_marked_without_words(collected: Collected) -> None:
    async with traced(collected.provider) as kit:

        @kit.hook(BEFORE, name="judge")
        async def judge(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
            raise ValueError("canary")

        await furnish(kit, "room", websocket("ws"))
        await say(kit, "ws", "hello")
        client = await kit._session.ready()
        with pytest.raises(grpc.aio.AioRpcError):
            await client.channel.unary_unary("/roomd.v1.RoomService/GetRoom")(
                b"", metadata=client.metadata()
            )
    by_name = {one.name: one for one in collected.spans}
    for name in ("hook judge", "handle judge", "roomd.v1.RoomService/GetRoom"):
        assert by_name[name].status.status_code is trace.StatusCode.ERROR
        assert not by_name[name].status.description
    attributes = by_name["roomd.v1.RoomService/GetRoom"].attributes
    assert attributes is not None
    assert attributes["roomd.code"] == "INVALID_ARGUMENT"
    assert attributes["roomd.reason"] == "VALIDATION"
    assert "canary" not in "".join(one.to_json() for one in collected.spans)


async def test_a_trace_that_is_not_sampled_is_still_told() -> None:
    unsampled = Collected(TracerProvider(sampler=ALWAYS_OFF))
    async with traced(unsampled.provider) as kit:
        told: list[str] = []

        @kit.hook(BEFORE, name="judge")
        async def judge(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
            invocation = current_invocation()
            assert invocation is not None
            told.append(invocation.trace_context["traceparent"])
            return HookResult.allow()

        await furnish(kit, "room", websocket("ws"))
        await say(kit, "ws", "hello")
    assert int(told[0].rpartition("-")[2], 16) & trace.TraceFlags.SAMPLED == 0
    assert not unsampled.spans


async def test_nobody_traces(kit: RoomKit) -> None:
    told: list[object] = []

    @kit.hook(BEFORE, name="judge")
    async def judge(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
        invocation = current_invocation()
        told.append((invocation and dict(invocation.trace_context), dict(current_trace())))
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "hello")
    assert told == [({}, {})]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"traceparent": TRACEPARENT}, {"traceparent": TRACEPARENT}),
        (
            {"traceparent": TRACEPARENT, "tracestate": "vendor=1"},
            {"traceparent": TRACEPARENT, "tracestate": "vendor=1"},
        ),
        (
            {"traceparent": TRACEPARENT, "tracestate": f"vendor={'1' * 600}"},
            {"traceparent": TRACEPARENT},
        ),
        ({"traceparent": "anything", "tracestate": "vendor=1"}, {}),
        ({"tracestate": "vendor=1"}, {}),
    ],
)
async def test_a_server_that_does_not_trace_passes_a_caller_s_trace_on(
    kit: RoomKit, sent: dict[str, str], told: dict[str, str]
) -> None:
    seen: list[dict[str, str]] = []

    @kit.hook(BEFORE, name="judge")
    async def judge(_event: RoomEvent, _ctx: RoomContext) -> HookResult:
        invocation = current_invocation()
        assert invocation is not None
        seen.append(dict(invocation.trace_context))
        return HookResult.allow()

    await furnish(kit, "room", websocket("ws"))
    client = await kit._session.ready()
    request = pb.SendEventRequest(
        room_id="room", channel_id="ws", content=pb.Content(text=pb.TextContent(body="hello"))
    )
    send = client.channel.unary_unary(
        "/roomd.v1.EventService/SendEvent",
        pb.SendEventRequest.SerializeToString,
        pb.SendEventResponse.FromString,
    )
    await send(request, metadata=(*client.metadata(), *sent.items()))
    assert seen == [told]


async def test_messages_of_a_live_connection_have_a_trace_each(collected: Collected) -> None:
    async with traced(collected.provider) as kit:
        await furnish(kit, "room", websocket("ws"))
        client = await kit._session.ready()
        await send_live(client, 2)
    sends = [one for one in collected.spans if one.name.endswith("Connect send")]
    assert len({one.context.trace_id for one in sends}) == 2
    for send in sends:
        mine = [one for one in collected.spans if one.context.trace_id == send.context.trace_id]
        assert {"route", "commit"} <= {one.name for one in mine}


async def send_live(client: Client, count: int) -> None:
    """Say something on a live connection, and wait until all of it is answered."""
    request = pb.ChannelServiceConnectRequest
    call = ChannelServiceStub(client.channel).Connect(metadata=client.metadata())
    await call.write(request(open=pb.Open(channel_id="ws")))
    items = [
        pb.SendItem(
            send_id=number,
            room_id="room",
            sender_id="ada",
            content=pb.Content(text=pb.TextContent(body="hello")),
        )
        for number in range(1, count + 1)
    ]
    await call.write(request(send=pb.SendBatch(items=items)))
    answered = 0
    while answered < count:
        response = await call.read()
        assert isinstance(response, pb.ChannelServiceConnectResponse)
        answered += len(response.batch.results)
    call.cancel()


def own(span: ReadableSpan) -> int:
    return span.context.span_id


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None
