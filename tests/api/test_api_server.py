"""The server: every method is served and has a policy; ids, limits, health, drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from api_fakes import (
    METHODS,
    ROOM,
    drained,
    failure_of,
    read_failure,
    refusal_of,
    routes_with,
    serving,
    until,
)
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.interceptors.limits import Limits
from roomd_server.api.interceptors.request_id import RequestIds
from roomd_server.api.methods import Shape
from roomd_server.api.policy import POLICIES
from roomd_server.api.routes import Routes
from roomd_server.api.server import (
    _CHANNEL_OPTIONS,
    ApiOptions,
    ApiServer,
    StartupError,
    is_loopback,
)
from roomd_server.core.ports import Caller
from roomd_server.security.credentials import DevKey, OpenLoopback, Principal

GET = f"{ROOM}GetRoom"
CONNECT = "/roomd.v1.ChannelService/Connect"
REQUEST = pb.GetRoomRequest(room_id="r")


# ------------------------------------------------------------------ tables


def test_every_method_has_a_policy_and_no_policy_is_left_over() -> None:
    assert set(POLICIES) == set(METHODS)
    assert all(policy.scope and policy.weight >= 1 for policy in POLICIES.values())


def test_a_method_without_a_handler_stops_the_start() -> None:
    routes = routes_with()
    unary = dict(routes.unary)
    del unary[GET]
    with pytest.raises(StartupError, match="GetRoom"):
        ApiServer(Routes(unary, routes.streams), OpenLoopback())


def test_a_handler_without_a_method_stops_the_start() -> None:
    routes = routes_with()
    unary = {**routes.unary, f"{ROOM}Nothing": routes.unary[GET]}
    with pytest.raises(StartupError, match="Nothing"):
        ApiServer(Routes(unary, routes.streams), OpenLoopback())


def test_a_method_without_a_policy_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(POLICIES, GET)
    with pytest.raises(StartupError, match="policy"):
        ApiServer(routes_with(), OpenLoopback())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:0", True),
        ("[::1]:5", True),
        ("unix:/tmp/x.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("example.org:1", False),
        (":1", False),
    ],
)
def test_loopback_addresses_are_known(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


async def test_unsafe_addresses_are_refused() -> None:
    options = ApiOptions(addresses=("0.0.0.0:0",), allow_plaintext_remote=True)
    with pytest.raises(StartupError, match="key"):
        await ApiServer(routes_with(), OpenLoopback(), options).start()
    with pytest.raises(StartupError, match="TLS"):
        await ApiServer(routes_with(), DevKey(), ApiOptions(addresses=("0.0.0.0:0",))).start()


async def test_a_taken_port_is_a_startup_error() -> None:
    async with serving() as client:
        (port,) = client.server.ports
        options = ApiOptions(addresses=(f"127.0.0.1:{port}",))
        with pytest.raises(StartupError, match="in use"):
            await ApiServer(routes_with(), OpenLoopback(), options).start()


# ------------------------------------------------------------------ calls


async def test_the_handler_sees_caller_and_message_and_its_answer_arrives() -> None:
    seen: list[Any] = []

    async def get(caller: Caller, request: pb.GetRoomRequest) -> pb.GetRoomResponse:
        seen.append((caller, request))
        return pb.GetRoomResponse(room=pb.Room(room_id=request.room_id))

    key = DevKey()
    async with serving(routes_with({GET: get}), key) as client:
        metadata = (
            ("authorization", f"Bearer {key.key}"),
            ("x-request-id", "req-1"),
            ("roomd-invocation", "inv-1"),
        )
        call = client.unary(GET, REQUEST, metadata)
        assert (await call).room.room_id == "r"
        assert dict(await call.trailing_metadata())["x-request-id"] == "req-1"
    assert seen == [(Caller("default", "dev", "req-1", "inv-1"), REQUEST)]


@pytest.mark.parametrize("shown", ["", "x" * 129])
async def test_a_request_id_that_is_no_good_is_replaced(shown: str) -> None:
    async with serving() as client:
        calls = [client.unary(GET, REQUEST, (("x-request-id", shown),)) for _ in range(2)]
        for call in calls:
            await call
        ids = {dict(await call.trailing_metadata())["x-request-id"] for call in calls}
    assert len(ids) == 2
    assert shown not in ids


@pytest.mark.parametrize("shown", [None, "", "x" * 129, "tab\tbed", "grüße", "nul\0"])
def test_only_printable_request_ids_are_taken(shown: str | None) -> None:
    ids = RequestIds()
    assert ids.accept("fine-1") == "fine-1"
    made = {ids.accept(shown) for _ in range(100)}
    assert len(made) == 100
    assert shown not in made


async def test_a_stream_says_its_request_id_at_once() -> None:
    async def silent(caller: Caller, request: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(30)
        yield b""

    path = f"{ROOM}SubscribeRoom"
    async with serving(routes_with({path: silent})) as client:
        request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r"))
        call = client.stream(path, request, (("x-request-id", "s-1"),))
        initial = dict(await asyncio.wait_for(call.initial_metadata(), 5))
        assert initial["x-request-id"] == "s-1"
        call.cancel()


@pytest.mark.parametrize("path", ["/roomd.v1.RoomService/Nothing", "/no.such.Service/Method"])
async def test_an_unknown_method_is_unimplemented_with_a_reason(path: str) -> None:
    async with serving() as client:
        failure = await failure_of(client.unary(path, b"", (("x-request-id", "u-1"),)))
    assert failure.code is grpc.StatusCode.UNIMPLEMENTED
    assert failure.reason == "METHOD_UNKNOWN"
    assert failure.request_id == "u-1"


async def test_a_call_after_its_deadline_never_reaches_the_handler() -> None:
    began = asyncio.Event()
    ended: list[str] = []

    async def slow(caller: Caller, request: Any) -> pb.GetRoomResponse:
        began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return pb.GetRoomResponse()

    async with serving(routes_with({GET: slow})) as client:
        with pytest.raises(aio.AioRpcError) as caught:
            await client.unary(GET, REQUEST, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert began.is_set()
        for _ in range(100):
            if ended and not client.server.admission.unary_calls:
                break
            await asyncio.sleep(0.02)
        assert ended == ["cancelled"]
        assert client.server.admission.unary_calls == 0


async def test_messages_of_a_stream_go_out_as_messages_or_bytes() -> None:
    path = "/roomd.v1.AdminService/TailFrameworkEvents"
    first = pb.TailFrameworkEventsResponse(dropped=1)
    second = pb.TailFrameworkEventsResponse(dropped=2)

    async def tail(caller: Caller, request: Any) -> AsyncIterator[Any]:
        yield first
        yield second.SerializeToString()

    async with serving(routes_with({path: tail})) as client:
        assert await drained(client.stream(path, pb.TailFrameworkEventsRequest())) == [
            first,
            second,
        ]


async def test_a_bidirectional_stream_carries_both_ways_and_closes_its_handler() -> None:
    closed = asyncio.Event()

    async def echo(caller: Caller, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for request in requests:
                yield pb.ChannelServiceConnectResponse(pong=request.ping)
        finally:
            closed.set()

    async with serving(routes_with({CONNECT: echo})) as client:
        call = client.bidi(CONNECT)
        for number in (1, 2, 3):
            await call.write(pb.ChannelServiceConnectRequest(ping=number))
            assert (await call.read()).pong == number
        call.cancel()
        await asyncio.wait_for(closed.wait(), 5)


async def test_the_first_message_of_a_stream_is_validated_and_garbage_ends_it() -> None:
    async with serving() as client:
        call = client.bidi(CONNECT)
        await call.write(pb.ChannelServiceConnectRequest(open=pb.Open()))
        failure = await failure_of(call.read())
        assert failure.reason == "VALIDATION"
        violations = failure.details["BadRequest"].field_violations
        assert [v.field for v in violations] == ["open.channel_id"]

        call = client.bidi(CONNECT)
        await call.write(pb.ChannelServiceConnectRequest(ping=1))
        await call.read()
        await call.write(b"\xff\xff\xff")
        assert (await failure_of(call.read())).reason == "MALFORMED"


async def test_refusals_are_logged_without_payload(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "roomd.api")
    async with serving() as client:
        await client.unary(GET, pb.GetRoomRequest(room_id="canary"), (("x-request-id", "l1"),))
        await failure_of(
            client.unary(GET, pb.GetRoomRequest(room_id="canary" * 99), (("x-request-id", "l2"),))
        )
    rows = {record.request_id: record for record in caplog.records if record.name == "roomd.api"}
    assert (rows["l1"].code, rows["l1"].reason, rows["l1"].org) == ("OK", "", "default")
    assert (rows["l2"].code, rows["l2"].reason) == ("INVALID_ARGUMENT", "VALIDATION")
    assert rows["l2"].took_ms >= 0
    assert "canary" not in caplog.text


async def test_who_is_turned_away_at_the_door_is_logged_under_the_request_id_that_was_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "roomd.api")
    async with serving(credentials=DevKey()) as client:
        told = [
            (await failure_of(client.unary(GET, pb.GetRoomRequest(room_id="r")))).request_id,
            (await failure_of(client.bidi(CONNECT).read())).request_id,
        ]
    assert all(told)
    assert [one.request_id for one in caplog.records if one.name == "roomd.api"] == told


# ------------------------------------------------------------------ credentials

CREDENTIALS = [
    (None, "CREDENTIAL_INVALID"),
    ("", "CREDENTIAL_INVALID"),
    ("Bearer", "CREDENTIAL_INVALID"),
    ("Bearer rd_dev_wrong", "CREDENTIAL_INVALID"),
    ("Basic abc", "CREDENTIAL_INVALID"),
]


@pytest.mark.parametrize("path", sorted(METHODS))
async def test_no_method_is_served_without_a_valid_key(path: str) -> None:
    async with serving(credentials=DevKey()) as client:
        for shown, reason in CREDENTIALS:
            metadata = () if shown is None else (("authorization", shown),)
            failure = await failure_of(_call(client, path, metadata))
            assert failure.code is grpc.StatusCode.UNAUTHENTICATED
            assert failure.reason == reason


class _Scoped:
    loopback_only = False

    def resolve(self, authorization: str | None) -> Principal:
        scopes = (authorization or "").removeprefix("Bearer ").split()
        return Principal("acme", "k1", frozenset(scopes))


async def test_every_method_asks_for_its_own_scope() -> None:
    everything = {policy.scope for policy in POLICIES.values()}
    async with serving(credentials=_Scoped()) as client:
        for path, policy in POLICIES.items():
            others = " ".join(sorted(everything - {policy.scope}))
            failure = await failure_of(
                _call(client, path, (("authorization", f"Bearer {others}"),))
            )
            assert failure.code is grpc.StatusCode.PERMISSION_DENIED
            assert failure.reason == "SCOPE_MISSING"
            assert failure.info.metadata["scope"] == policy.scope
            # With it, the call gets past the gate: an empty request is served or invalid.
            call = _call(client, path, (("authorization", f"Bearer {policy.scope}"),))
            assert await refusal_of(call) in (None, "VALIDATION")


async def _call(client: Any, path: str, metadata: Any) -> Any:
    match METHODS[path].shape:
        case Shape.UNARY:
            return await client.unary(path, b"", metadata)
        case Shape.SERVER_STREAM:
            return await client.stream(path, b"", metadata).read()
    call = client.bidi(path, metadata)
    try:
        await call.write(b"")
        await call.done_writing()
    except (aio.UsageError, asyncio.InvalidStateError):
        pass  # refused before anything was written
    return await call.read()


@pytest.mark.parametrize("key", ["", "rd_dev_", "rd_dev_short", "other_" + "x" * 32])
def test_a_weak_dev_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="rd_dev_"):
        DevKey(key)


def test_new_dev_keys_differ() -> None:
    assert DevKey().key != DevKey().key


# ------------------------------------------------------------------ limits


async def test_too_many_calls_are_shed_and_those_in_flight_finish() -> None:
    release = asyncio.Event()

    async def wait(caller: Caller, request: Any) -> pb.GetRoomResponse:
        await release.wait()
        return pb.GetRoomResponse()

    options = ApiOptions(limits=Limits(max_unary_units=2))
    async with serving(routes_with({GET: wait}), options=options) as client:
        taken = [asyncio.ensure_future(_await(client.unary(GET, REQUEST))) for _ in range(2)]
        await until(lambda: client.server.admission.unary_calls == 2)
        failure = await failure_of(client.unary(GET, REQUEST))
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "OVERLOADED"
        assert failure.details["RetryInfo"].retry_delay.nanos > 0
        release.set()
        await asyncio.gather(*taken)
        await client.unary(GET, REQUEST)
        assert client.server.admission.unary_units == 0


async def _await(call: Any) -> Any:
    return await call


async def test_too_many_streams_are_refused_and_a_closed_one_makes_room() -> None:
    options = ApiOptions(limits=Limits(max_streams=1))
    async with serving(options=options) as client:
        first = client.bidi(CONNECT)
        await first.write(pb.ChannelServiceConnectRequest(ping=1))
        await first.read()
        failure = await failure_of(_call(client, CONNECT, ()))
        assert failure.reason == "OVERLOADED"
        await first.done_writing()
        assert await first.read() is aio.EOF
        second = client.bidi(CONNECT)
        await second.write(pb.ChannelServiceConnectRequest(ping=1))
        await second.read()
        await second.done_writing()


def test_a_connection_whose_other_end_is_gone_is_closed_within_ten_seconds() -> None:
    """The longer of the two limits counts; R08 of the robustness tests freezes a client."""
    options = dict(_CHANNEL_OPTIONS)
    wait_ms = max(options["grpc.keepalive_timeout_ms"], options["grpc.http2.ping_timeout_ms"])
    assert options["grpc.keepalive_time_ms"] + wait_ms < 10_000


async def test_a_reader_that_stops_is_closed_and_told_so() -> None:
    path = "/roomd.v1.AdminService/TailFrameworkEvents"
    closed = asyncio.Event()
    page = pb.TailFrameworkEventsResponse(
        events=[pb.FrameworkEvent(type="x" * 60_000)]
    ).SerializeToString()

    async def flood(caller: Caller, request: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield page
        finally:
            closed.set()

    options = ApiOptions(write_timeout_seconds=0.4)
    async with serving(routes_with({path: flood}), options=options) as client:
        call = client.stream(path, pb.TailFrameworkEventsRequest())
        await asyncio.wait_for(closed.wait(), 20)
        assert client.server.admission.streams == 0
        with pytest.raises(aio.AioRpcError) as caught:
            await drained(call)
        assert read_failure(caught.value).reason == "SLOW_CONSUMER"
