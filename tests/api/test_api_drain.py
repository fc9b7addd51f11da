"""What a server says of itself: health, reflection; and how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from api_fakes import (
    EVENT,
    ROOM,
    failure_of,
    routes_with,
    serving,
    until,
)
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_requests import Client as ReflectionClient

from roomd import v1 as pb
from roomd_server.api.methods import service_names
from roomd_server.core.ports import Caller
from roomd_server.security.credentials import DevKey

GET = f"{ROOM}GetRoom"
REQUEST = pb.GetRoomRequest(room_id="r")


async def _await(call: Any) -> Any:
    return await call


async def test_health_is_known_per_service_without_a_key() -> None:
    async with serving(credentials=DevKey()) as client:
        stub = health_pb2_grpc.HealthStub(client.channel)
        for service in ["", *service_names()]:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_generic_client_finds_and_calls_methods_by_reflection() -> None:
    async def get(caller: Caller, request: pb.GetRoomRequest) -> pb.GetRoomResponse:
        return pb.GetRoomResponse(room=pb.Room(room_id=request.room_id))

    key = DevKey()
    async with serving(routes_with({GET: get}), key) as client:
        (port,) = client.server.ports

        def explore() -> tuple[set[str], dict[str, Any]]:
            generic = ReflectionClient.get_by_endpoint(f"127.0.0.1:{port}")
            answer = generic.request(
                "roomd.v1.RoomService",
                "GetRoom",
                {"room_id": "r-77"},
                metadata=[("authorization", f"Bearer {key.key}")],
            )
            names = set(generic.service_names)
            generic.channel.close()
            return names, answer

        found, answer = await asyncio.to_thread(explore)
    assert found >= set(service_names())
    assert answer["room"]["room_id"] == "r-77"


async def test_drain_refuses_new_calls_lets_running_ones_finish_and_ends_streams() -> None:
    release = asyncio.Event()
    streams_end = asyncio.Event()
    hooks: list[float] = []

    async def wait(caller: Caller, request: Any) -> pb.GetRoomResponse:
        await release.wait()
        return pb.GetRoomResponse(room=pb.Room(room_id="done"))

    async def watch(caller: Caller, request: Any) -> AsyncIterator[Any]:
        yield b""
        await streams_end.wait()

    async def hook(grace_seconds: float) -> None:
        hooks.append(grace_seconds)
        streams_end.set()

    tail = "/roomd.v1.AdminService/TailFrameworkEvents"
    async with serving(routes_with({GET: wait, tail: watch}), drain_hooks=(hook,)) as client:
        running = asyncio.ensure_future(_await(client.unary(GET, REQUEST)))
        stream = client.stream(tail, pb.TailFrameworkEventsRequest())
        await stream.read()
        await until(lambda: client.server.admission.unary_calls)
        draining = asyncio.ensure_future(client.server.drain(10))
        await until(lambda: hooks)
        health = await health_pb2_grpc.HealthStub(client.channel).Check(
            health_pb2.HealthCheckRequest()
        )
        assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
        other = pb.GetEventRequest(room_id="r")
        refused = await failure_of(client.unary(f"{EVENT}GetEvent", other))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "NODE_DRAINING")
        # What a running hook needs is still served.
        await client.unary(f"{EVENT}GetEvent", other, (("roomd-invocation", "i"),))
        assert await stream.read() is aio.EOF
        release.set()
        assert (await running).room.room_id == "done"
        await asyncio.wait_for(draining, 5)
    assert hooks == [10]


async def test_drain_cancels_what_does_not_end_in_time() -> None:
    ended = asyncio.Event()

    async def forever(caller: Caller, request: Any) -> pb.GetRoomResponse:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return pb.GetRoomResponse()

    async with serving(routes_with({GET: forever})) as client:
        call = client.unary(GET, REQUEST, timeout=30)
        await until(lambda: client.server.admission.unary_calls)
        await asyncio.wait_for(client.server.drain(0.2), 10)
        await asyncio.wait_for(ended.wait(), 5)
        with pytest.raises((aio.AioRpcError, asyncio.CancelledError)):
            await call


async def test_a_drain_hook_that_fails_or_hangs_does_not_stop_the_drain(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[str] = []

    async def fails(grace_seconds: float) -> None:
        raise ZeroDivisionError

    async def hangs(grace_seconds: float) -> None:
        await asyncio.sleep(60)

    async def works(grace_seconds: float) -> None:
        ran.append("works")

    async with serving(drain_hooks=(fails, hangs, works)) as client:
        await asyncio.wait_for(client.server.drain(0.2), 5)
        await client.server.drain(0.2)
    assert ran == ["works"]
    assert len([record for record in caplog.records if record.name == "roomd.api"]) == 2
