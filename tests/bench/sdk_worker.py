"""A worker of the Python SDK for ``sdk_hooks.py``: one deciding hook that allows everything."""

from __future__ import annotations

import asyncio
import signal
import sys

from roomd import HookResult, HookTrigger, RoomEvent, RoomKit


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with RoomKit(sys.argv[1], api_key=sys.argv[2]) as kit:

        @kit.hook(HookTrigger.BEFORE_BROADCAST, name="bench")
        async def bench(_event: RoomEvent) -> HookResult:
            return HookResult.allow()

        await kit.connect()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
