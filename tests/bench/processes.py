"""Processes of the bench: started, asked for their CPU time, ended by pid."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import grpc
import psutil

from roomd import v1 as pb

HERE = Path(__file__).resolve().parent
KEY = "rd_dev_bench-0123456789abcdef"
READY_SECONDS = 60.0


class Process:
    """A child that says when it is ready."""

    def __init__(self, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.usage = psutil.Process(self._child.pid)

    def line(self) -> str:
        """Its next line of output; fails when it has ended."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline().strip()
        if not line and self._child.poll() is not None:
            raise RuntimeError(f"{self._child.args} ended with {self._child.returncode}")
        return line

    def ask(self) -> str:
        """Send an empty line; the answer."""
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self.line()

    def cpu_seconds(self) -> float:
        """CPU time used so far, user and system."""
        times = self.usage.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        """Resident memory."""
        return int(self.usage.memory_info().rss)

    def stop(self) -> None:
        """End it: politely, then not."""
        self._child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(10)
            return
        self._child.kill()
        self._child.wait()


class Echo(Process):
    """The bare echo, on a transport."""

    def __init__(self, transport: str = "grpc") -> None:
        super().__init__(str(HERE / "bare_echo.py"), transport)
        self.address = f"127.0.0.1:{self.line()}"


class Server(Process):
    """roomd on a store, with full synchronous commits."""

    def __init__(self, store: str, **settings: str) -> None:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        self.began = time.monotonic()
        super().__init__(
            "-m",
            "roomd_server.cli",
            "serve",
            f"--store={store}",
            "--listen=127.0.0.1:0",
            f"--api-key={KEY}",
            *options,
        )
        self.address = self.line().split()[-1]
        self.started_seconds = time.monotonic() - self.began


async def gauges(address: str) -> dict[str, float]:
    """What a server counts."""
    (channel,) = channels(address, 1)
    call = channel.unary_unary(
        "/roomd.v1.AdminService/GetServerInfo",
        request_serializer=pb.GetServerInfoRequest.SerializeToString,
        response_deserializer=pb.GetServerInfoResponse.FromString,
    )
    info = await call(pb.GetServerInfoRequest(), metadata=metadata())
    await channel.close()
    return dict(info.gauges)


class Worker(Process):
    """The hook worker."""

    def __init__(self, address: str) -> None:
        super().__init__(str(HERE / "hook_worker.py"), address, KEY)
        answer = self.line()
        if answer != "attached":
            raise RuntimeError(f"the hook worker could not attach: {answer}")


class Subscribers(Process):
    """Readers of one room."""

    def __init__(self, address: str, room_id: str, count: int) -> None:
        super().__init__(str(HERE / "subscribers.py"), address, KEY, room_id, str(count))
        assert self.line() == "ready"

    def received(self) -> int:
        """Events that arrived at all of them together."""
        return int(self.ask())


def metadata() -> tuple[tuple[str, str], ...]:
    """The bench's credential."""
    return (("authorization", f"Bearer {KEY}"),)


def channels(address: str, count: int) -> list[grpc.aio.Channel]:
    """Connections that share nothing."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    return [grpc.aio.insecure_channel(address, options=options) for _ in range(count)]
