"""Bad input over every RPC of the descriptors: the documented code and reason, never INTERNAL
or UNKNOWN, and nothing that the server keeps is changed by it."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from roomd import v1 as pb
from roomd_server.api.methods import Method, Shape, methods
from roomd_server.wiring import EmbeddedServer, start_embedded

METHODS = list(methods())
UNARY = [method for method in METHODS if method.shape is Shape.UNARY]
CALLS = [method for method in METHODS if method.shape is not Shape.BIDI]
BIDI = [method for method in METHODS if method.shape is Shape.BIDI]
FORBIDDEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)

GARBAGE = b"\xff\xff\xff\xff\xff\xff"
# Groups nest in every message, whatever its fields are: 200 open ones, 200 closed ones.
DEEP = b"\x0b" * 200 + b"\x0c" * 200
OVERSIZE = b"\x0a" + b"\x80\x80\xc0\x02" + b"x" * (5 * 1024 * 1024)


def name_of(method: Method) -> str:
    return method.path.removeprefix("/roomd.v1.")


class Caller:
    """Sends raw bytes and says what came back."""

    def __init__(self, server: EmbeddedServer) -> None:
        options = [("grpc.max_send_message_length", -1)]
        self.channel = grpc.aio.insecure_channel(server.address, options=options)
        self.metadata = (("authorization", f"Bearer {server.key}"),)

    async def outcome(self, method: Method, data: bytes) -> tuple[grpc.StatusCode, str, list[str]]:
        """(code, reason, violated fields); OK has no reason."""
        try:
            if method.shape is Shape.UNARY:
                await self.channel.unary_unary(method.path)(
                    data, metadata=self.metadata, timeout=10
                )
            else:
                await self._first(method, data)
        except grpc.aio.AioRpcError as error:
            return explain(error)
        return grpc.StatusCode.OK, "", []

    async def _first(self, method: Method, data: bytes) -> None:
        if method.shape is Shape.SERVER_STREAM:
            call = self.channel.unary_stream(method.path)(data, metadata=self.metadata)
        else:
            call = self.channel.stream_stream(method.path)(metadata=self.metadata)
            await call.write(data)
        try:
            await asyncio.wait_for(call.read(), 10)
        finally:
            call.cancel()


def explain(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, list[str]]:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
                detail.Unpack(bad)
    return error.code(), info.reason, [one.field for one in bad.field_violations]


def content_of(path: Path) -> str:
    """Hash of every row of the database."""
    with sqlite3.connect(path) as database:
        return hashlib.sha256("\n".join(database.iterdump()).encode(errors="replace")).hexdigest()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[Caller, Path]]:
    path = tmp_path / "bad.db"
    server = await start_embedded(str(path))
    caller = Caller(server)
    for method, request in (
        ("RoomService/CreateRoom", pb.CreateRoomRequest(room_id="r")),
        (
            "ChannelService/RegisterChannel",
            pb.RegisterChannelRequest(
                channel=pb.Channel(channel_id="c", type=pb.CHANNEL_TYPE_WEBSOCKET)
            ),
        ),
        ("ChannelService/AttachChannel", pb.AttachChannelRequest(room_id="r", channel_id="c")),
    ):
        await caller.channel.unary_unary(f"/roomd.v1.{method}")(
            request.SerializeToString(), metadata=caller.metadata
        )
    yield caller, path
    await caller.channel.close()
    await server.stop()


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (GARBAGE, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED"),
        (DEEP, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED"),
        (OVERSIZE, grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    ],
    ids=["garbage", "depth 200", "oversize"],
)
async def test_bytes_that_are_no_request(
    world: tuple[Caller, Path], data: bytes, code: grpc.StatusCode, reason: str
) -> None:
    caller, path = world
    before = content_of(path)
    for method in METHODS:
        assert (name_of(method), (await caller.outcome(method, data))[:2]) == (
            name_of(method),
            (code, reason),
        )
    assert content_of(path) == before


async def test_an_empty_request_names_what_is_missing(world: tuple[Caller, Path]) -> None:
    caller, path = world
    before = content_of(path)
    allowed_empty = {
        "RoomService/CreateRoom",
        "RoomService/ListRooms",
        "RoomService/CheckAllTimers",
        "ChannelService/ListChannels",
        "HookService/ListHooks",
        "HookService/ListWorkers",
        "HookService/WatchHooks",
        "AgentService/ListTools",
        "AdminService/GetServerInfo",
        "AdminService/TailFrameworkEvents",
    }
    for method in CALLS:
        name = name_of(method)
        if name == "RoomService/CreateRoom":
            continue  # an empty one makes a room with a given id
        code, reason, fields = await caller.outcome(method, b"")
        if name in allowed_empty:
            assert (name, code) == (name, grpc.StatusCode.OK)
        else:
            assert (name, code, reason) == (
                name,
                grpc.StatusCode.INVALID_ARGUMENT,
                "VALIDATION",
            )
            assert fields, name
    assert content_of(path) == before


def enum_requests() -> list[tuple[Method, str, bytes]]:
    """For every enum field of every request, also one level down, a value it does not have."""
    cases = []
    for method in CALLS:
        for field in method.request_type.DESCRIPTOR.fields:
            if field.type == FieldDescriptor.TYPE_ENUM:
                cases.append((method, field.name, one(method.request_type(), field)))
            elif field.message_type is not None and not field.is_repeated:
                if not field.message_type.full_name.startswith("roomd."):
                    continue
                for inner in field.message_type.fields:
                    if inner.type == FieldDescriptor.TYPE_ENUM:
                        request = method.request_type()
                        one(getattr(request, field.name), inner)
                        path = f"{field.name}.{inner.name}"
                        cases.append((method, path, request.SerializeToString()))
    return cases


def one(message: Message, field: FieldDescriptor) -> bytes:
    if field.is_repeated:
        getattr(message, field.name).append(999)
    else:
        setattr(message, field.name, 999)
    return message.SerializeToString()


async def test_an_unknown_enum_value_is_named(world: tuple[Caller, Path]) -> None:
    caller, path = world
    before = content_of(path)
    cases = enum_requests()
    assert len(cases) > 20
    for method, field, data in cases:
        code, reason, fields = await caller.outcome(method, data)
        where = f"{name_of(method)} {field}"
        assert (where, code, reason) == (
            where,
            grpc.StatusCode.INVALID_ARGUMENT,
            "VALIDATION",
        )
        assert any(one.startswith(field) for one in fields), (where, fields)
    assert content_of(path) == before


async def test_strings_that_are_too_long_or_hold_nul(world: tuple[Caller, Path]) -> None:
    caller, path = world
    before = content_of(path)
    checked = 0
    for method in CALLS:
        for field in method.request_type.DESCRIPTOR.fields:
            if field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
                continue
            for value in ("x" * 300_000, "a\0b"):
                request = method.request_type(**{field.name: value})
                code, reason, fields = await caller.outcome(method, request.SerializeToString())
                where = f"{name_of(method)} {field.name}"
                assert (where, code, reason) == (
                    where,
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "VALIDATION",
                )
                assert field.name in fields, (where, fields)
                checked += 1
    assert checked > 100
    assert content_of(path) == before


async def test_a_foreign_cursor_or_page_token_is_refused(world: tuple[Caller, Path]) -> None:
    caller, path = world
    before = content_of(path)
    paged = [m for m in UNARY if "page_token" in m.request_type.DESCRIPTOR.fields_by_name]
    assert len(paged) >= 10
    for method in paged:
        request = method.request_type(page_token="AAAAforeign")
        for name in ("room_id", "query", "hook"):
            if name in request.DESCRIPTOR.fields_by_name:
                setattr(request, name, "r")
        outcome = await caller.outcome(method, request.SerializeToString())
        assert (name_of(method), *outcome[:2]) == (
            name_of(method),
            grpc.StatusCode.INVALID_ARGUMENT,
            "BAD_CURSOR",
        )
    subscribe = next(method for method in CALLS if method.name == "SubscribeRoom")
    start = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r", cursor="AQforeign"))
    outcome = await caller.outcome(subscribe, start.SerializeToString())
    assert outcome[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_CURSOR")
    assert content_of(path) == before


async def test_what_is_not_there_is_not_found(world: tuple[Caller, Path]) -> None:
    """Every request filled with ids that name nothing: a NOT_FOUND with its reason, or a
    plain answer; never a fault."""
    caller, path = world
    before = content_of(path)
    for method in CALLS:
        request = filled(method.request_type())
        if method.name in ("CreateRoom", "RegisterChannel", "CreateHook", "ProcessInbound"):
            continue  # these make what is not there
        code, reason, _ = await caller.outcome(method, request.SerializeToString())
        assert code not in FORBIDDEN, (name_of(method), reason)
        assert code is grpc.StatusCode.OK or reason, name_of(method)
        if code is grpc.StatusCode.NOT_FOUND:
            assert reason.endswith("_NOT_FOUND"), (name_of(method), reason)
    assert content_of(path) == before


def filled(message: Message, depth: int = 0) -> Message:
    """Set every string and number, and messages of ours two levels down."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated or (field.containing_oneof is not None and depth):
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, "nothing")
        elif field.type == FieldDescriptor.TYPE_ENUM:
            setattr(message, field.name, field.enum_type.values[1].number)
        elif field.message_type is not None:
            name = field.message_type.full_name
            if name == "google.protobuf.FieldMask":
                getattr(message, field.name).paths.append("metadata")
            elif name == "roomd.v1.Content":
                getattr(message, field.name).text.body = "words"
            elif name.startswith("roomd.") and depth < 2:
                filled(getattr(message, field.name), depth + 1)
    if "page_token" in message.DESCRIPTOR.fields_by_name:
        message.page_token = ""  # type: ignore[attr-defined]
    return message


async def test_a_wrong_state_is_said(world: tuple[Caller, Path]) -> None:
    caller, _ = world

    async def call(name: str, request: Message) -> tuple[grpc.StatusCode, str]:
        method = next(method for method in METHODS if name_of(method) == name)
        return (await caller.outcome(method, request.SerializeToString()))[:2]

    precondition = grpc.StatusCode.FAILED_PRECONDITION
    archive = pb.ArchiveRoomRequest(room_id="r")
    assert await call("RoomService/ArchiveRoom", archive) == (precondition, "WRONG_STATE")
    closed = await call("RoomService/CloseRoom", pb.CloseRoomRequest(room_id="r"))
    assert closed[0] is grpc.StatusCode.OK
    for name, request, reason in (
        ("RoomService/PauseRoom", pb.PauseRoomRequest(room_id="r"), "WRONG_STATE"),
        ("RoomService/ResumeRoom", pb.ResumeRoomRequest(room_id="r"), "WRONG_STATE"),
        (
            "ChannelService/UnregisterChannel",
            pb.UnregisterChannelRequest(channel_id="c"),
            "CHANNEL_IN_USE",
        ),
    ):
        assert (name, await call(name, request)) == (name, (precondition, reason))


async def test_the_server_serves_on_and_keeps_nothing(world: tuple[Caller, Path]) -> None:
    """After a thousand bad calls nothing is in flight, and a good one is answered."""
    caller, _ = world
    for round_ in range(10):
        await asyncio.gather(
            *(caller.outcome(method, GARBAGE + bytes([round_])) for method in UNARY)
        )
    info = pb.GetServerInfoResponse.FromString(
        await caller.channel.unary_unary("/roomd.v1.AdminService/GetServerInfo")(
            b"", metadata=caller.metadata
        )
    )
    assert info.gauges["lane_backlog"] == 0
    assert info.gauges["store_pending"] == 0
    assert info.gauges["live_rooms"] <= 1
