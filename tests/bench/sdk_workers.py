"""Hook calls through one worker of each SDK: ``sdk_workers.py [--seconds N] [--in-flight N]``.

Prints calls per second and the CPU of the worker and of the server for one call. The server is
what limits the rate; what an SDK costs is its own CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from loads import measure, prepare, send_calls
from processes import HERE, KEY, Process, Server, channels

ROOT = HERE.parents[1]
ROOMS = [f"room-{number}" for number in range(64)]


class SdkWorker(Process):
    """A worker in any language: its hook bench-allow allows everything."""

    def __init__(self, command: list[str], address: str) -> None:
        self._child = subprocess.Popen(
            command,
            env={**os.environ, "ROOMD_ADDRESS": address, "ROOMD_API_KEY": KEY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.usage = psutil.Process(self._child.pid)
        if self.line() != "attached":
            raise RuntimeError(f"{command} could not attach")


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The SDKs whose toolchain is here, each with its worker's command."""
    yield "Python", [sys.executable, str(HERE / "sdk_hook_worker.py")]
    if shutil.which("go") is None:
        print("Go IS NOT MEASURED: go is not installed")
        return
    binary = str(folder / "gate")
    build = ["go", "build", "-o", binary, "./internal/gate"]
    subprocess.run(build, cwd=ROOT / "sdks" / "go", check=True)
    yield "Go", [binary, "--name", "bench-allow", "--window", "1024"]


async def run(command: list[str], options: argparse.Namespace) -> tuple[float, float, float]:
    """Calls per second, and CPU of worker and server in µs for one."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(f"sqlite:///{folder}/rooms.db")
        worker = SdkWorker(command, server.address)
        try:
            await prepare(server.address, ROOMS)
            (channel,) = channels(server.address, 1)
            calls = send_calls(channel, ROOMS, options.in_flight)
            before = worker.cpu_seconds()
            rate = await measure(server, calls, options.seconds)
            # The warm-up is in it: a second at most of what is measured.
            share = options.seconds / (options.seconds + min(1.0, options.seconds / 4))
            spent = (worker.cpu_seconds() - before) * share
            await channel.close()
            return rate.per_second, spent / (rate.per_second * options.seconds) * 1e6, rate.cpu_us
        finally:
            worker.stop()
            server.stop()


async def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--in-flight", type=int, default=128)
    options = parser.parse_args()
    print(f"{'SDK':8} {'calls/s':>9} {'worker µs':>10} {'server µs':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(Path(folder)):
            per_second, worker_us, server_us = await run(command, options)
            print(f"{name:8} {per_second:9.0f} {worker_us:10.1f} {server_us:10.1f}")


if __name__ == "__main__":
    asyncio.run(main())
