"""A real server in a process of its own: to be killed, and started again where it was."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

KEY = "rd_dev_0123456789abcdef0123456789abcdef"
START_SECONDS = 20.0


class ServerProcess:
    """``roomd serve`` on one port and one file."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._file = folder / "rooms.db"
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.address = f"127.0.0.1:{_free_port()}"

    def start(self) -> None:
        """Start it; returns once it listens."""
        command = [sys.executable, "-m", "roomd_server.cli", "serve", "--listen", self.address]
        command += ["--store", f"sqlite:///{self._file}", "--api-key", KEY, *self._options]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if line.startswith("roomd serves on"):
                return
        raise AssertionError(f"the server did not start: {''.join(seen)}")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM, and wait for its graceful end."""
        self._end(signal.SIGTERM)

    def signal_stop(self) -> None:
        """SIGTERM, without waiting."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.wait(START_SECONDS)
        if process.stdout is not None:
            process.stdout.close()

    def wait(self) -> None:
        """Wait for its end."""
        self._end(0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
