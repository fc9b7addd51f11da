"""``streams_child.py ADDRESS KEY ROOMS SUBSCRIPTIONS WORKERS``: streams that stay open.

Subscribes to the rooms ``room-0`` … in turn and dials as worker sessions; prints "ready" when
all are open, and then lives until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import uvloop

from roomd import v1 as pb

STREAMS_EACH = 500
"""Of one connection."""
AT_ONCE = 100


async def main(address: str, key: str, rooms: int, subscriptions: int, workers: int) -> None:
    total = subscriptions + workers
    options = [("grpc.use_local_subchannel_pool", 1)]
    connections = [
        grpc.aio.insecure_channel(address, options=options)
        for _ in range(max(4, total // STREAMS_EACH))
    ]
    metadata = (("authorization", f"Bearer {key}"),)
    gate = asyncio.Semaphore(AT_ONCE)

    async def subscribe(number: int) -> object:
        room = pb.RoomStart(room_id=f"room-{number % rooms}")
        method = "/roomd.v1.RoomService/SubscribeRoom"
        async with gate:
            call = connections[number % len(connections)].unary_stream(method)(
                pb.SubscribeRoomRequest(room=room).SerializeToString(), metadata=metadata
            )
            await call.read()
        return call, asyncio.create_task(drain(call))

    async def work(number: int) -> object:
        hello = pb.ConnectRequest(hello=pb.Hello(protocol_revision=1, worker_id=str(number)))
        method = "/roomd.v1.HookService/Connect"
        async with gate:
            call = connections[number % len(connections)].stream_stream(method)(metadata=metadata)
            await call.write(hello.SerializeToString())
            await call.read()
        return call

    open_streams = await asyncio.gather(*(subscribe(number) for number in range(subscriptions)))
    open_streams += await asyncio.gather(*(work(number) for number in range(workers)))
    print("ready", flush=True)
    await asyncio.Event().wait()
    del open_streams


async def drain(call: object) -> None:
    async for _ in call:  # type: ignore[attr-defined]
        pass


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
