"""The RoomKit library in an environment of its own, measured in process and in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

INSTALL_SECONDS = 300
RUN_SECONDS = 120

SCRIPT = """
import asyncio, time
from roomkit import InboundMessage, RoomKit, TextContent, WebSocketChannel

async def main():
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("bench-in"))
    for number in range(100):
        await kit.create_room(room_id=f"room-{number}")
        await kit.attach_channel(f"room-{number}", "bench-in")
    body = "The quick brown fox jumps over the lazy dog, and nobody knows why it always "
    content = TextContent(body=body + "does.")
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < 5:
        message = InboundMessage(channel_id="bench-in", sender_id="bench", content=content)
        await kit.process_inbound(message, room_id=f"room-{count % 100}")
        count += 1
    print(count / (time.perf_counter() - began))

asyncio.run(main())
"""


def library_rate(python: str, folder: Path) -> float | str:
    """Messages per second of the library, or why it cannot be measured."""
    environment = folder / "library"
    steps = (
        [python, "-m", "venv", str(environment)],
        [str(environment / "bin" / "pip"), "install", "-q", "roomkit"],
    )
    for step in steps:
        done = subprocess.run(
            step, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            return f"cannot be installed: {done.stderr.strip().splitlines()[-1:]}"
    done = subprocess.run(
        [str(environment / "bin" / "python"), "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    if done.returncode:
        return f"does not run: {done.stderr.strip().splitlines()[-1:]}"
    return float(done.stdout)
