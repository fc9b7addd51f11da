"""Many subscribers of one room in a process of their own.

``subscribers.py ADDRESS KEY ROOM COUNT``: prints "ready" when all are subscribed; then for
every line on standard input prints the number of events they have received together.
"""

from __future__ import annotations

import asyncio
import functools
import sys

import grpc
import uvloop

from roomd import v1 as pb

EVENT_TAG = 0x12
ITEMS_TAG = 0x0A


@functools.lru_cache(maxsize=64)
def count_events(message: bytes) -> int:
    """Count the event items of a serialised ``SubscribeRoomResponse`` without building it,
    and once for all readers that got the same: with a hundred of them in one process,
    parsing would be what is measured."""
    events = offset = 0
    while offset < len(message):
        assert message[offset] == ITEMS_TAG
        length, offset = varint(message, offset + 1)
        events += message[offset] == EVENT_TAG
        offset += length
    return events


def varint(message: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7


async def main(address: str, key: str, room_id: str, count: int) -> None:
    received = [0]
    ready = asyncio.Semaphore(0)
    request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id=room_id)).SerializeToString()

    async def read(channel: grpc.aio.Channel) -> None:
        call = channel.unary_stream("/roomd.v1.RoomService/SubscribeRoom")(
            request, metadata=(("authorization", f"Bearer {key}"),)
        )
        async for message in call:
            received[0] += count_events(message)
            ready.release()

    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(4)]
    tasks = [asyncio.create_task(read(channels[i % len(channels)])) for i in range(count)]
    for _ in range(count):
        await ready.acquire()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(received[0], flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
