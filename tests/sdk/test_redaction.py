"""R30 for logs, traces and errors: canaries go through the server, none comes out there."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from mission_rooms import until
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from roomd import (
    Channel,
    HookResult,
    HookTrigger,
    MockSMSProvider,
    RoomContext,
    RoomEvent,
    RoomKit,
    SMSChannel,
)
from roomd import v1 as pb
from roomd_server.config import Settings
from roomd_server.core.errors import invalid
from roomd_server.telemetry.logs import JsonLines, Logs, Redacting, TextLines
from roomd_server.telemetry.redaction import HIDDEN, redacted
from roomd_server.wiring import Server

KEY = "rd_dev_0123456789abcdef0123"
CONTENT = "canary-of-content"
NAME = "canary-of-a-name"
ADDRESS = "+15550canary"
METADATA = "canary-of-metadata"
SECRET = "canary-of-a-provider"
CANARIES = (CONTENT, NAME, ADDRESS, METADATA, SECRET, KEY)


class FailingSMS(MockSMSProvider):
    """Fails in the words of its provider, with what it was given."""

    async def send(self, *arguments: Any, **options: Any) -> Any:
        raise RuntimeError(f"{SECRET} refused {arguments} {options}")


@dataclass
class Seen:
    """Everything that operators and callers see."""

    kit: RoomKit
    log: io.StringIO
    spans: InMemorySpanExporter
    errors: list[str] = field(default_factory=list)

    async def call(self, path: str, request: Message) -> None:
        """Make a call; keep what its error says."""
        client = await self.kit._session.ready()
        call = client.channel.unary_unary(f"/roomd.v1.{path}")
        try:
            await call(request.SerializeToString(), metadata=client.metadata(), timeout=10)
        except grpc.aio.AioRpcError as error:
            self.errors.append(f"{error.details()} {error.trailing_metadata()}")


def free(**fields: Any) -> Struct:
    made = Struct()
    made.update(fields)
    return made


@asynccontextmanager
async def watched() -> AsyncIterator[Seen]:
    spans, log = InMemorySpanExporter(), io.StringIO()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    logs = Logs("debug", "json", log)
    before = logging.getLogger().level
    logs.start()
    try:
        settings = Settings(
            listen="127.0.0.1:0",
            store="sqlite://:memory:",
            api_key=SecretStr(KEY),
            drain_grace_seconds=2,
        )
        server = await Server.start(settings, provider)
        try:
            async with RoomKit(server.address, api_key=KEY) as kit:
                yield Seen(kit, log, spans)
        finally:
            await server.stop()
    finally:
        logs.close()
        logging.getLogger().setLevel(before)
        asyncio.get_running_loop().set_exception_handler(None)


async def furnish(seen: Seen) -> None:
    """A room with people, a phone whose provider fails, and a hook that fails."""

    @seen.kit.hook(HookTrigger.BEFORE_BROADCAST, name="judge")
    async def judge(event: RoomEvent, _ctx: RoomContext) -> HookResult:
        raise ValueError(f"cannot judge {event.content}")

    phone: Channel = SMSChannel("phone", provider=FailingSMS())
    seen.kit.register_channel(phone)
    ws = pb.Channel(channel_id="ws", type=pb.CHANNEL_TYPE_WEBSOCKET, settings=free(token=SECRET))
    await seen.call("ChannelService/RegisterChannel", pb.RegisterChannelRequest(channel=ws))
    room = pb.CreateRoomRequest(room_id="room", metadata=free(of=METADATA))
    await seen.call("RoomService/CreateRoom", room)
    for channel_id in ("ws", "phone"):
        binding = pb.Binding(metadata=free(phone_number=ADDRESS, of=METADATA))
        attach = pb.AttachChannelRequest(room_id="room", channel_id=channel_id, binding=binding)
        await seen.call("ChannelService/AttachChannel", attach)
    person = pb.Participant(participant_id="ada", display_name=NAME, metadata=free(of=METADATA))
    await seen.call(
        "RoomService/AddParticipant", pb.AddParticipantRequest(room_id="room", participant=person)
    )


async def talk(seen: Seen) -> None:
    """What goes well, what fails in a worker, and what is refused."""
    content = pb.Content(text=pb.TextContent(body=CONTENT))
    event = {"room_id": "room", "channel_id": "ws", "content": content}
    send = "EventService/SendEvent"
    await seen.call(send, pb.SendEventRequest(**event, metadata=free(of=METADATA)))
    await seen.call(send, pb.SendEventRequest(**event, idempotency_key="key"))
    other = pb.Content(text=pb.TextContent(body=f"{CONTENT} two"))
    event["content"] = other
    await seen.call(send, pb.SendEventRequest(**event, idempotency_key="key"))
    await seen.call(send, pb.SendEventRequest(**event, metadata=free(_reserved=METADATA)))
    event["content"] = pb.Content(text=pb.TextContent(body=CONTENT * 10_000))
    await seen.call(send, pb.SendEventRequest(**event))
    location = pb.LocationContent(latitude=999.0, label=CONTENT)
    event["content"] = pb.Content(location=location)
    await seen.call(send, pb.SendEventRequest(**event))
    message = pb.InboundMessage(channel_id="ws", sender_id=ADDRESS, content=content)
    await seen.call("EventService/ProcessInbound", pb.ProcessInboundRequest(message=message))
    message.channel_id = "nowhere"
    await seen.call("EventService/ProcessInbound", pb.ProcessInboundRequest(message=message))
    search = pb.SearchEventsRequest(query=f'"{CONTENT}', room_id="room")
    await seen.call("EventService/SearchEvents", search)


async def test_canaries_are_in_no_log_trace_or_error() -> None:
    async with watched() as seen:
        await furnish(seen)
        await talk(seen)
        await until(lambda: sum(one.name == "deliver" for one in seen.spans.get_finished_spans()))
        spans = "\n".join(one.to_json() for one in seen.spans.get_finished_spans())
    log = seen.log.getvalue()
    # It was there to be found: calls, faults and refusals were written down.
    assert "EventService/SendEvent" in log
    assert "handler judge failed" in log
    assert len(seen.errors) == 4
    assert "hook judge" in spans
    assert "deliver channel-phone" in spans
    for canary in CANARIES:
        assert canary not in log
        assert canary not in spans
        assert canary not in "\n".join(seen.errors)


def test_marked_fields_and_free_data_are_left_out() -> None:
    event = pb.RoomEvent(
        event_id="e1",
        room_id="room",
        content=pb.Content(text=pb.TextContent(body=CONTENT)),
        metadata=free(of=METADATA),
        source=pb.EventSource(channel_id="ws", raw_payload=free(of=METADATA)),
    )
    person = pb.Participant(participant_id="ada", display_name=NAME, channel_ids=["ws"])
    shown = redacted(pb.RoomContext(recent_events=[event], participants=[person]))
    assert all(canary not in shown for canary in CANARIES)
    assert shown.count(HIDDEN) == 4
    for kept in ("event_id: 'e1'", "channel_id: 'ws'", "participant_id: 'ada'", "['ws']"):
        assert kept in shown
    assert CONTENT in str(event), "the same without redaction shows it"


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_the_log_redacts_messages_and_errors(lines: logging.Formatter) -> None:
    def fault() -> None:
        raise ValueError(CONTENT) from invalid("content", CONTENT)

    event = pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=CONTENT)))
    try:
        fault()
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
        record = logging.LogRecord(
            "roomd", logging.ERROR, __file__, 1, "%s broke %s", (event, error), caught
        )
    Redacting().filter(record)
    line = lines.format(record)
    assert CONTENT not in line
    assert "RoomEvent{content: [redacted]} broke ValueError" in line
    assert "InvalidArgument: VALIDATION" in line
    assert "in fault" in line, "the traceback is there"


def test_lines_for_machines_have_the_fields() -> None:
    record = logging.makeLogRecord(
        {"name": "roomd.api", "levelname": "INFO", "msg": "done", "method": "M", "took_ms": 1.5}
    )
    line = json.loads(JsonLines().format(record))
    assert line | {"time": 0} == {
        "time": 0,
        "level": "info",
        "logger": "roomd.api",
        "message": "done",
        "method": "M",
        "took_ms": 1.5,
    }
