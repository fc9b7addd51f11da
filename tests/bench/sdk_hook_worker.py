"""A hook worker on the Python SDK: allows everything. Prints "attached" once it serves.

Run as a process, with ``ROOMD_ADDRESS`` and ``ROOMD_API_KEY`` set.
"""

from __future__ import annotations

import asyncio
import os

import uvloop

from roomd import HookResult, HookTrigger, RoomEvent, RoomKit


async def main() -> None:
    """Serve until the process is ended."""
    async with RoomKit(os.environ["ROOMD_ADDRESS"], api_key=os.environ["ROOMD_API_KEY"]) as kit:

        @kit.hook(HookTrigger.BEFORE_BROADCAST, name="bench-allow", recent_events=0)
        async def allow(event: RoomEvent) -> HookResult:
            return HookResult.allow()

        await kit.connect()
        print("attached", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
