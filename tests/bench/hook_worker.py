"""A hook worker without an SDK: attaches one DECIDE hook and allows everything.

Run as a process: ``hook_worker.py ADDRESS KEY``; prints "attached" when it is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub


async def main(address: str, key: str) -> None:
    outgoing: asyncio.Queue[pb.ConnectRequest] = asyncio.Queue(maxsize=1024)
    spec = pb.HookSpec(triggers=[pb.HOOK_TRIGGER_BEFORE_BROADCAST], mode=pb.HOOK_MODE_DECIDE)
    handler = pb.Handler(name="bench-allow", spec=pb.HandlerSpec(hook=spec))
    await outgoing.put(
        pb.ConnectRequest(
            hello=pb.Hello(
                protocol_revision=1,
                worker_id="bench",
                window=pb.SetWindow(reply_window=1024),
            )
        )
    )
    await outgoing.put(pb.ConnectRequest(attach=pb.Attach(handlers=[handler], attach_id=1)))

    async def requests() -> AsyncIterator[pb.ConnectRequest]:
        while True:
            yield await outgoing.get()

    async with grpc.aio.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {key}"),)
        async for response in HookServiceStub(channel).Connect(requests(), metadata=metadata):
            kind = response.WhichOneof("message")
            if kind == "invocations":
                results = [
                    pb.Result(
                        invocation_id=one.invocation_id,
                        lease=one.lease,
                        decision=pb.HookDecision(allow=pb.Allow()),
                    )
                    for one in response.invocations.invocations
                ]
                await outgoing.put(pb.ConnectRequest(results=pb.ResultBatch(results=results)))
            elif kind == "attached":
                status = response.attached.handlers[0].status
                print("attached" if status.code == 0 else status.message, flush=True)
            elif kind == "ping":
                await outgoing.put(pb.ConnectRequest(pong=pb.Pong()))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2]))
