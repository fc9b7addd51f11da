"""Bad input: every rule of the proto files is enforced, nothing crashes the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from api_fakes import EVENT, METHODS, ROOM, Client, failure_of, names, refusal_of, serving
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import NullValue, Value
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.api.interceptors.decode import HARD_MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES
from roomd_server.api.methods import Shape
from roomd_server.api.validation import MAX_JSON_LEVELS, MAX_VIOLATIONS, check, plan_for


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving() as serving_client:
        yield serving_client


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


def send(**fields: Any) -> pb.SendEventRequest:
    return pb.SendEventRequest(
        **{"room_id": "r", "channel_id": "c", "content": text("hello"), **fields}
    )


def paths(message: Message) -> list[str]:
    return list(names(check(message)))


# ------------------------------------------------------------------ rules


def test_a_good_request_has_no_violations() -> None:
    request = send(type=pb.EVENT_TYPE_MESSAGE, idempotency_key="k", chain_depth=3)
    request.metadata.update({"a": 1, "b": {"c": ["x", None, True]}})
    assert check(request) == []


CASES: list[tuple[Message, list[str]]] = [
    (pb.GetRoomRequest(), ["room_id"]),
    (pb.GetRoomRequest(room_id="x" * 257), ["room_id"]),
    (pb.GetRoomRequest(room_id="a\0b"), ["room_id"]),
    (pb.SendEventRequest(), ["room_id", "channel_id", "content"]),
    (send(content=pb.Content()), ["content.kind"]),
    (send(type=999), ["type"]),
    (send(chain_depth=101), ["chain_depth"]),
    (send(chain_depth=-1), ["chain_depth"]),
    (send(visibility=pb.Visibility(scope=77)), ["visibility.scope"]),
    (send(visibility=pb.Visibility(channel_ids=["x"] * 257)), ["visibility.channel_ids"]),
    (send(visibility=pb.Visibility(channel_ids=["ok", "\0"])), ["visibility.channel_ids[1]"]),
    (send(content=text("x" * 200_001)), ["content.text.body"]),
    (
        send(content=pb.Content(media=pb.MediaContent(url="ftp://x"))),
        ["content.media.url"],
    ),
    (
        send(content=pb.Content(location=pb.LocationContent(latitude=91, longitude=-181))),
        ["content.location.latitude", "content.location.longitude"],
    ),
    (
        send(content=pb.Content(location=pb.LocationContent(latitude=float("nan")))),
        ["content.location.latitude"],
    ),
    (
        send(content=pb.Content(composite=pb.CompositeContent(parts=[text("a"), pb.Content()]))),
        ["content.composite.parts[1].kind"],
    ),
    (
        pb.AddParticipantRequest(room_id="r", participant=pb.Participant(display_name="x\0")),
        ["participant.display_name"],
    ),
    (pb.SubscribeRoomsRequest(), ["rooms"]),
    (
        pb.SubscribeRoomsRequest(
            rooms=[pb.RoomStart(room_id="a"), pb.RoomStart(), pb.RoomStart(room_id="b" * 300)]
        ),
        ["rooms[1].room_id", "rooms[2].room_id"],
    ),
    (
        pb.SubscribeRoomsRequest(rooms=[pb.RoomStart(room_id=str(i)) for i in range(1001)]),
        ["rooms"],
    ),
    (
        pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r"), heartbeat=Duration(seconds=301)),
        ["heartbeat"],
    ),
    (
        pb.SubscribeRoomRequest(
            room=pb.RoomStart(room_id="r"), heartbeat=Duration(seconds=5, nanos=-1)
        ),
        ["heartbeat"],
    ),
    (
        pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r", after_index=-2)),
        ["room.after_index"],
    ),
    (
        pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r"), event_types=[1, 888]),
        ["event_types[1]"],
    ),
    (pb.CreateRoomRequest(labels={str(i): "" for i in range(65)}), ["labels"]),
    (pb.CreateRoomRequest(labels={"key": "\0"}), ["labels['key'].value"]),
    (pb.CreateHookRequest(name="Bad Name", spec=pb.HookSpec()), ["name"]),
    (pb.PublishPresenceRequest(room_id="r", user_id="u"), ["presence"]),
    (
        pb.ProcessInboundRequest(
            message=pb.InboundMessage(channel_id="c", sender_id="s", content=text("x")),
            sent_time=Timestamp(seconds=10**15),
        ),
        ["sent_time"],
    ),
]


@pytest.mark.parametrize(("message", "fields"), CASES, ids=lambda case: str(case)[:40])
def test_a_broken_rule_is_named_by_its_path(message: Message, fields: list[str]) -> None:
    assert sorted(paths(message))[: len(fields)] == sorted(fields)


def test_all_violations_come_at_once_but_no_more_than_twenty() -> None:
    parts = [pb.Content()] * 32
    request = send(content=pb.Content(composite=pb.CompositeContent(parts=parts)))
    assert len(check(request)) == MAX_VIOLATIONS


def test_rules_that_need_the_whole_content_are_asked_too() -> None:
    edit = pb.EditContent(
        target_event_id="e", new_content=pb.Content(delete={"target_event_id": "x"})
    )
    assert paths(send(content=pb.Content(edit=edit))) == ["content.edit.new_content"]


def test_free_data_must_be_json() -> None:
    request = send()
    request.metadata.fields["x"].CopyFrom(Value())
    assert paths(request) == ["metadata"]
    for value in (
        Value(number_value=float("inf")),
        Value(string_value="\0"),
    ):
        request.metadata.fields["x"].CopyFrom(value)
        assert paths(request) == ["metadata"]
    request.metadata.fields["x"].CopyFrom(Value(null_value=NullValue.NULL_VALUE))
    assert paths(request) == []


def test_free_data_may_nest_only_so_deep() -> None:
    request = send()
    value: Any = "x"
    for _ in range(MAX_JSON_LEVELS - 1):
        value = {"k": value}
    request.metadata.update({"k": value})
    assert paths(request) == []
    request.metadata.update({"k": [value]})
    assert paths(request) == ["metadata"]


def test_the_servers_keys_are_not_the_callers() -> None:
    request = send()
    request.metadata.update({"_secret": 1})
    assert paths(request) == ["metadata._secret"]
    inbound = pb.ProcessInboundRequest(
        message=pb.InboundMessage(channel_id="c", sender_id="s", content=text("x"))
    )
    inbound.message.metadata.update({"_x": 1})
    assert paths(inbound) == ["message.metadata._x"]
    inbound.message.metadata.Clear()
    inbound.message.raw_payload.update({"_x": 1})
    assert paths(inbound) == []


def test_an_update_is_judged_by_what_it_takes() -> None:
    stored = pb.Room(room_id="r")
    stored.metadata.update({"_server": 1})
    request = pb.UpdateRoomRequest(room=stored)
    request.update_mask.paths.append("labels")
    assert paths(request) == []
    request.update_mask.paths.append("metadata")
    assert paths(request) == ["room.metadata._server"]
    channel = pb.UpdateChannelRequest(channel=pb.Channel(channel_id="c"))
    channel.update_mask.paths.append("settings")
    assert paths(channel) == []
    channel.channel.channel_id = ""
    assert paths(channel) == ["channel.channel_id"]


# ------------------------------------------------------------------ over the wire


async def test_violations_arrive_as_bad_request(client: Client) -> None:
    failure = await failure_of(client.unary(f"{EVENT}SendEvent", send(room_id="", type=99)))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "VALIDATION"
    violations = failure.details["BadRequest"].field_violations
    assert {v.field for v in violations} == {"room_id", "type"}
    assert "room_id" in failure.message


UNARY = sorted(path for path, method in METHODS.items() if method.shape is Shape.UNARY)
SINGLE = sorted(path for path, method in METHODS.items() if method.shape is not Shape.BIDI)


async def _failure(client: Client, path: str, data: bytes) -> Any:
    if METHODS[path].shape is Shape.UNARY:
        return await failure_of(client.unary(path, data))
    return await failure_of(client.stream(path, data).read())


@pytest.mark.parametrize("path", SINGLE)
async def test_garbage_and_deep_bytes_are_malformed(client: Client, path: str) -> None:
    deep = b""
    for _ in range(200):
        deep = b"\x0a" + _varint(len(deep)) + deep
    for data in (b"\xff\xff\xff\xff", b"\x0b" * 200):
        failure = await _failure(client, path, data)
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    # Where field 1 is no message, deep bytes are an unknown field or odd text: never a crash.
    call = client.unary if METHODS[path].shape is Shape.UNARY else client.stream
    answer = call(path, deep)
    reason = await refusal_of(answer if METHODS[path].shape is Shape.UNARY else answer.read())
    assert reason in (None, "MALFORMED", "VALIDATION")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


async def test_two_hundred_levels_are_malformed(client: Client) -> None:
    content = text("x").SerializeToString()
    for _ in range(100):
        part = b"\x0a" + _varint(len(content)) + content
        content = b"\x42" + _varint(len(part)) + part
    data = send(content=None).SerializeToString() + b"\x2a" + _varint(len(content)) + content
    with pytest.raises(DecodeError):
        pb.SendEventRequest.FromString(data)
    failure = await _failure(client, f"{EVENT}SendEvent", data)
    assert failure.reason == "MALFORMED"


@pytest.mark.parametrize("path", SINGLE)
async def test_a_message_over_the_limit_is_refused_unread(client: Client, path: str) -> None:
    failure = await _failure(client, path, bytes(MAX_MESSAGE_BYTES + 1))
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "MESSAGE_TOO_LARGE"
    assert "RetryInfo" not in failure.details


async def test_what_is_larger_still_is_not_received_at_all(client: Client) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await client.unary(f"{ROOM}GetRoom", bytes(HARD_MAX_MESSAGE_BYTES + 1))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("path", sorted(METHODS))
async def test_an_unknown_enum_value_anywhere_is_a_violation(client: Client, path: str) -> None:
    method = METHODS[path]
    for request, where in _with_unknown_enums(method.request_type):
        found = paths(request)
        assert where in found, f"{where} not in {found}"
        if method.shape is not Shape.BIDI:
            failure = await _failure(client, path, request.SerializeToString())
            assert failure.reason == "VALIDATION"


def _with_unknown_enums(kind: type[Message]) -> list[tuple[Message, str]]:
    """One message per enum field at the first two levels, with a value that nobody knows."""
    found = []
    for field in kind.DESCRIPTOR.fields:
        if field.enum_type is not None:
            message = kind()
            if field.is_repeated:
                getattr(message, field.name).append(4242)
                found.append((message, f"{field.name}[0]"))
            else:
                setattr(message, field.name, 4242)
                found.append((message, field.name))
        elif field.message_type is not None and not field.is_repeated:
            for inner in field.message_type.fields:
                if inner.enum_type is not None and not inner.is_repeated:
                    message = kind()
                    setattr(getattr(message, field.name), inner.name, 4242)
                    found.append((message, f"{field.name}.{inner.name}"))
    return found


@pytest.mark.parametrize("path", UNARY)
async def test_empty_ids_are_refused_where_they_are_required(client: Client, path: str) -> None:
    kind = METHODS[path].request_type
    required = [name for name, _ in plan_for(kind.DESCRIPTOR).required]
    if not required:
        await client.unary(path, kind())
        return
    failure = await failure_of(client.unary(path, kind()))
    assert failure.reason == "VALIDATION"
    fields = {v.field for v in failure.details["BadRequest"].field_violations}
    assert fields >= set(required)


# ------------------------------------------------------------------ properties

REQUEST_TYPES = sorted({m.request_type for m in METHODS.values()}, key=lambda t: t.DESCRIPTOR.name)

SCALARS: dict[int, Any] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=20) | st.just("x" * 3000) | st.just("\0"),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_ENUM: st.integers(-3, 40),
}


@st.composite
def any_message(draw: Any, kind: type[Message], levels: int = 4) -> Message:
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            continue
        if nested is not None:
            if levels:
                inner = draw(any_message(_class_of(nested), levels - 1))
                if field.is_repeated:
                    getattr(message, field.name).append(inner)
                else:
                    getattr(message, field.name).CopyFrom(inner)
        elif field.is_repeated:
            getattr(message, field.name).append(draw(SCALARS[field.type]))
        else:
            setattr(message, field.name, draw(SCALARS[field.type]))
    return message


def _class_of(descriptor: Any) -> type[Message]:
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(descriptor)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_message_is_judged_without_a_crash_and_the_same_twice(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(REQUEST_TYPES))
    message = data.draw(any_message(kind))
    before = message.SerializeToString(deterministic=True)
    found = check(message)
    assert len(found) <= MAX_VIOLATIONS
    assert all(field and description for field, description in found)
    assert check(kind.FromString(before)) == found
    assert message.SerializeToString(deterministic=True) == before


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(REQUEST_TYPES))
def test_any_bytes_are_a_message_that_can_be_judged_or_malformed(
    data: bytes, kind: type[Message]
) -> None:
    try:
        message = kind.FromString(data)
    except DecodeError:
        return
    check(message)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_a_room_id_is_valid_exactly_when_its_rule_holds(room_id: str) -> None:
    try:
        request = pb.GetRoomRequest(room_id=room_id)
    except UnicodeEncodeError:
        return
    valid = 0 < len(room_id) <= 256 and "\0" not in room_id
    assert (not check(request)) is valid
