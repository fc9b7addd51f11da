"""Keys that are taken back while streams are open: the streams end, and say why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from api_fakes import Client, failure_of, routes_with, serving
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.policy import SCOPES
from roomd_server.api.server import ApiOptions
from roomd_server.security import key_file
from roomd_server.security.key_file import KeyFile, new_key

WATCH = "/roomd.v1.HookService/WatchHooks"
CONNECT = "/roomd.v1.ChannelService/Connect"
OPTIONS = ApiOptions(standing_look_seconds=0.05)
LOOKS_SECONDS = 0.25
"""A few looks."""

Rows = dict[str, dict[str, Any]]


async def forever(_caller: Any, _request: Any) -> AsyncIterator[Any]:
    yield b""
    await asyncio.sleep(60)


ROUTES = routes_with({WATCH: forever, CONNECT: forever})


class Keys:
    """A file of keys, and what each of them shows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: Rows = {}
        self.shown: dict[str, tuple[tuple[str, str], ...]] = {}

    def add(self, key_id: str, **fields: Any) -> None:
        key, sha256 = new_key(key_id)
        self.rows[key_id] = {"id": key_id, "sha256": sha256, **fields}
        self.shown[key_id] = (("authorization", f"Bearer {key}"),)

    def write(self) -> None:
        self._path.write_text(json.dumps({"keys": list(self.rows.values())}), encoding="utf-8")

    def opened(self) -> KeyFile:
        self.write()
        return KeyFile(self._path, SCOPES, None)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setattr(key_file, "LOOK_SECONDS", 0.0)
    made = Keys(tmp_path / "keys.json")
    made.add("gone")
    made.add("stays")
    return made


async def opened(client: Client, shown: tuple[tuple[str, str], ...]) -> list[Any]:
    """A stream of the server and one both ways, open."""
    calls = [client.stream(WATCH, pb.WatchHooksRequest(), shown), client.bidi(CONNECT, shown)]
    await calls[1].write(pb.ChannelServiceConnectRequest(ping=1))
    for call in calls:
        assert await call.read() is not aio.EOF
    return calls


async def test_the_streams_of_a_key_that_was_taken_out_end(keys: Keys) -> None:
    async with serving(ROUTES, keys.opened(), OPTIONS) as client:
        gone = await opened(client, keys.shown["gone"])
        stay = await opened(client, keys.shown["stays"])
        await asyncio.sleep(LOOKS_SECONDS)
        assert not any(call.done() for call in (*gone, *stay))
        del keys.rows["gone"]
        keys.write()
        for call in gone:
            failure = await asyncio.wait_for(failure_of(call.read()), 5)
            assert (failure.code, failure.reason) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "CREDENTIAL_INVALID",
            )
            assert failure.message == "this key is not valid here"
        assert not any(call.done() for call in stay)
        for call in stay:
            call.cancel()


async def test_the_streams_of_a_key_that_expires_end(keys: Keys) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    keys.add("guest", expires=soon.isoformat())
    async with serving(ROUTES, keys.opened(), OPTIONS) as client:
        for call in await opened(client, keys.shown["guest"]):
            failure = await asyncio.wait_for(failure_of(call.read()), 5)
            assert failure.message == "this key has expired"


async def test_a_stream_whose_key_lost_its_scope_ends_and_the_others_go_on(keys: Keys) -> None:
    keys.rows["gone"]["scopes"] = ["hooks:read", "channels:connect"]
    async with serving(ROUTES, keys.opened(), OPTIONS) as client:
        watch, live = await opened(client, keys.shown["gone"])
        keys.rows["gone"]["scopes"] = ["channels:connect"]
        keys.write()
        failure = await asyncio.wait_for(failure_of(watch.read()), 5)
        assert (failure.code, failure.reason) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "SCOPE_MISSING",
        )
        assert not live.done()
        live.cancel()


async def test_nothing_is_looked_at_when_no_stream_is_open(keys: Keys) -> None:
    async with serving(ROUTES, keys.opened(), OPTIONS) as client:
        for call in await opened(client, keys.shown["stays"]):
            call.cancel()
        await asyncio.sleep(LOOKS_SECONDS)
        standing = client.server._concerns.standing
        assert standing._streams == {}
        assert standing._timer is None
