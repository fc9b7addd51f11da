"""Processes: the server as it is started, stopped and refused."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from api_fakes import METHODS
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.methods import Shape

KEY = "rd_dev_0123456789abcdef0123"
STREAMS = {
    "RoomService/SubscribeRoom": pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="support")),
    "RoomService/SubscribeRooms": pb.SubscribeRoomsRequest(rooms=[{"room_id": "support"}]),
    "HookService/WatchHooks": pb.WatchHooksRequest(),
    "AdminService/TailFrameworkEvents": pb.TailFrameworkEventsRequest(),
}
"""What people and scripts watch, as they ask for it."""


def serve(store: Path, *options: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "roomd_server.cli",
        "serve",
        f"--store=sqlite:///{store}",
        "--listen=127.0.0.1:0",
        f"--api-key={KEY}",
        *options,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def address_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().split()[-1]


def roomd(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "roomd_server.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_against_a_server(tmp_path: Path) -> None:
    server = serve(tmp_path / "a.db")
    try:
        at = ("--address", address_of(server), "--key", KEY)
        assert roomd("doctor", *at).returncode == 0
        assert roomd("doctor", "--address", at[1], "--key", "wrong").returncode == 1
        assert roomd("room", "create", "support", "--label", "team=a", *at).returncode == 0
        (listed,) = roomd("room", "list", "--json", *at).stdout.splitlines()
        assert json.loads(listed)["labels"] == {"team": "a"}
        missing = roomd("room", "show", "nowhere", *at)
        assert missing.returncode == 1
        assert "ROOM_NOT_FOUND" in missing.stderr
        refused = roomd("send", "support", "nothing", "Hello", *at)
        assert refused.returncode == 1
        assert "BINDING_NOT_FOUND" in refused.stderr
        assert roomd("room", "show", "support", *at).returncode == 0
        assert roomd("hooks", "list", *at).returncode == 0
        assert roomd("hooks", "workers", "--json", *at).returncode == 0
        tried = roomd("hooks", "test", "support", "words", *at)
        assert tried.returncode == 0
        assert "allowed: words" in tried.stdout
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first = serve(tmp_path / "a.db")
    try:
        address_of(first)
        second = serve(tmp_path / "a.db")
        _, said = second.communicate(timeout=30)
        assert second.returncode == 2
        assert "in use by another roomd server" in said
    finally:
        first.kill()
        first.wait()
    third = serve(tmp_path / "a.db")
    try:
        assert address_of(third), "a killed server holds nothing"
    finally:
        third.terminate()
        third.wait()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--listen=0.0.0.0:0",), "TLS"),
        (("--api-key=short",), "--api-key"),
        (("--allow-plaintext", "--max-chain-depth=0"), "--max-chain-depth"),
        (("--max-chain-depth=0",), "--max-chain-depth"),
        (("--process-timeout-seconds=4",), "--hook-budget-seconds"),
        (("--store=mysql://x",), "--store"),
        (("--log-level=loud",), "--log-level"),
        (("--metrics-address=127.0.0.1",), "--metrics-address"),
    ],
)
def test_a_configuration_that_cannot_work_says_what_to_change(
    tmp_path: Path, options: tuple[str, ...], word: str
) -> None:
    server = serve(tmp_path / "a.db", *options)
    _, said = server.communicate(timeout=30)
    assert server.returncode != 0
    assert word in said
    assert "Traceback" not in said


def test_the_log_is_written_as_set_and_the_page_of_metrics_is_told(tmp_path: Path) -> None:
    options = ("--log-level=info", "--log-format=json", "--metrics-address=127.0.0.1:0")
    server = serve(tmp_path / "a.db", *options)
    try:
        address = address_of(server)
        assert server.stdout is not None
        page = server.stdout.readline().split()[-1]
        with urllib.request.urlopen(page, timeout=10) as response:
            assert b"roomd_rooms_live 0.0" in response.read()
        assert roomd("room", "show", "nowhere", f"--address={address}", f"--key={KEY}").returncode
    finally:
        server.terminate()
        _, said = server.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    (refused,) = [line for line in lines if line.get("reason") == "ROOM_NOT_FOUND"]
    assert refused["method"] == "/roomd.v1.RoomService/GetRoom"
    assert refused["level"] == "info"


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = roomd("doctor", "--address", "127.0.0.1:9")
    assert found.returncode == 1
    listed = roomd("room", "list", "--address", "127.0.0.1:9")
    assert listed.returncode == 1
    assert "is the server running?" in listed.stderr


async def test_a_server_that_is_told_to_stop_ends_what_is_watched_at_once(tmp_path: Path) -> None:
    watchable = [m.path for m in METHODS.values() if m.shape is Shape.SERVER_STREAM]
    assert sorted(watchable) == sorted(f"/roomd.v1.{name}" for name in STREAMS)
    server = serve(tmp_path / "a.db", "--drain-grace-seconds=20")
    try:
        address = await asyncio.to_thread(address_of, server)
        at = ("--address", address, "--key", KEY)
        assert (await asyncio.to_thread(roomd, "room", "create", "support", *at)).returncode == 0
        async with aio.insecure_channel(address) as channel:
            calls = [_watch(channel, name) for name in STREAMS]
            for call in calls:
                assert await call.read() is not aio.EOF
            began = time.monotonic()
            server.terminate()
            for call in calls:
                while await call.read() is not aio.EOF:
                    pass
                assert (await call.code()).name == "OK"
            assert await asyncio.to_thread(server.wait, 30) == 0
            assert time.monotonic() - began < 10
    finally:
        server.kill()
        server.communicate()


def _watch(channel: aio.Channel, name: str) -> Any:
    path = f"/roomd.v1.{name}"
    method = METHODS[path]
    call = channel.unary_stream(
        path, method.request_type.SerializeToString, method.response_type.FromString
    )
    return call(STREAMS[name], metadata=(("authorization", f"Bearer {KEY}"),), timeout=60)
