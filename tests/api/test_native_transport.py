"""What is special to the native transport.

``ROOMD_TEST_TRANSPORT=native`` runs the other tests on it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from api_fakes import METHODS, ROOM, Client, failure_of, read_failure, routes_with, serving, until
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pygrpc_native import EVENT_CALL, EVENT_CANCEL

from roomd import v1 as pb
from roomd_server.api import native
from roomd_server.api.fronts import StartupError
from roomd_server.api.methods import Shape
from roomd_server.api.native import NativeFront
from roomd_server.api.server import ApiOptions, ApiServer, TlsFiles
from roomd_server.config import Settings
from roomd_server.core.ports import Caller
from roomd_server.security.credentials import OpenLoopback
from roomd_server.wiring import Server

NATIVE = ApiOptions(front=NativeFront)


async def test_every_method_is_served_whatever_its_shape() -> None:
    async with serving(options=NATIVE) as client:
        for path, method in METHODS.items():
            outcome = await _outcome(client, path)
            # An empty request may break a rule.
            assert outcome in (method.response_type, "VALIDATION"), path


async def _outcome(client: Client, path: str) -> object:
    """The type of the first answer to an empty request, or the reason of the refusal."""
    method = METHODS[path]
    request = method.request_type()
    try:
        if method.shape is Shape.UNARY:
            return type(await client.unary(path, request))
        if method.shape is Shape.SERVER_STREAM:
            return type(await client.stream(path, request).read())
        call = client.bidi(path)
        await call.write(request)
        return type(await call.read())
    except aio.AioRpcError as error:
        return read_failure(error).reason


async def test_health_reflection_and_what_does_not_exist_are_answered_from_behind() -> None:
    async with serving(options=NATIVE) as client:
        health = await health_pb2_grpc.HealthStub(client.channel).Check(
            health_pb2.HealthCheckRequest()
        )
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        listing = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo()
        await listing.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = {one.name for one in (await listing.read()).list_services_response.service}
        assert "roomd.v1.RoomService" in names
        failure = await failure_of(client.unary(f"{ROOM}Nothing", b""))
        assert failure.reason == "METHOD_UNKNOWN"


@pytest.mark.parametrize("path", [f"{ROOM}GetRoom", f"{ROOM}SubscribeRoom"])
async def test_a_caller_that_leaves_cancels_the_handler(path: str) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hang(_caller: Caller, _request: object, *_: object) -> pb.Room:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return pb.Room()

    is_call = METHODS[path].shape is Shape.UNARY
    routes = routes_with({path: hang}) if is_call else routes_with(pushes={path: hang})
    async with serving(routes, options=NATIVE) as client:
        call = _room_call(client, path)
        await asyncio.wait_for(began.wait(), 5)
        call.cancel()
        await asyncio.wait_for(ended.wait(), 5)
        await until(lambda: not client.server._fronts[0]._calls)  # type: ignore[attr-defined]


def _room_call(client: Client, path: str) -> Any:
    if METHODS[path].shape is Shape.UNARY:
        return client.unary(path, pb.GetRoomRequest(room_id="r"))
    return client.stream(path, pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r")))


async def test_a_caller_that_leaves_at_once_leaves_nothing_behind() -> None:
    async with serving(options=NATIVE) as client:
        front: Any = client.server._fronts[0]
        details = ((), "", None)
        front._begin(
            [(EVENT_CALL, -1, 0, b"", None, details), (EVENT_CANCEL, -1, 0, None, None, None)]
        )
        await asyncio.sleep(0)
        assert not front._calls


async def test_who_never_reads_again_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_LAST_WORDS_SECONDS", 0.2)
    path = f"{ROOM}SubscribeRoom"

    async def write_on(_caller: Caller, _request: object, writer: Any) -> None:
        while True:
            await writer.write(b"\0" * 1_000_000)

    options = ApiOptions(front=NativeFront, write_timeout_seconds=0.2)
    async with serving(routes_with(pushes={path: write_on}), options=options) as client:
        front: Any = client.server._fronts[0]
        call = _room_call(client, path)
        await until(lambda: front._calls)
        await until(lambda: not front._calls)
        call.cancel()


async def test_several_addresses_are_served_and_nothing_stays_behind() -> None:
    options = ApiOptions(addresses=("127.0.0.1:0", "127.0.0.1:0"), front=NativeFront)
    server = ApiServer(routes_with(), OpenLoopback(), options)
    first, second = await server.start()
    assert first != second
    assert server._socket_folder is not None
    folder = Path(server._socket_folder.name)
    assert (folder / "behind.sock").is_socket()
    await server.drain(1)
    assert not folder.exists()


async def test_a_taken_port_is_a_startup_error() -> None:
    async with serving(options=NATIVE) as client:
        (port,) = client.server.ports
        taken = ApiOptions(addresses=(f"127.0.0.1:{port}",), front=NativeFront)
        with pytest.raises(StartupError, match="in use"):
            await ApiServer(routes_with(), OpenLoopback(), taken).start()


async def test_it_has_no_tls() -> None:
    files = TlsFiles(Path("certificate.pem"), Path("key.pem"))
    with pytest.raises(StartupError, match="no TLS"):
        await ApiServer(
            routes_with(), OpenLoopback(), ApiOptions(tls=files, front=NativeFront)
        ).start()


async def test_without_its_package_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pygrpc_native", None)
    monkeypatch.delitem(sys.modules, "roomd_server.api.native")
    settings = Settings(store="sqlite://:memory:", listen="127.0.0.1:0", transport="native")
    with pytest.raises(StartupError, match=r"roomd\[native\]"):
        await Server.start(settings)
