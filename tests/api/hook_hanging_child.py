"""A worker process that takes work and never answers: ``hook_hanging_child.py ADDRESS``."""

from __future__ import annotations

import asyncio
import sys

from grpc import aio

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub


async def main(address: str) -> None:
    async with aio.insecure_channel(address) as channel:
        call = HookServiceStub(channel).Connect()
        hello = pb.Hello(protocol_revision=1, worker_id="hangs")
        await call.write(pb.ConnectRequest(hello=hello))
        hook = pb.HookSpec(triggers=[pb.HOOK_TRIGGER_BEFORE_BROADCAST], mode=pb.HOOK_MODE_DECIDE)
        handler = pb.Handler(name="gate", spec=pb.HandlerSpec(hook=hook))
        await call.write(pb.ConnectRequest(attach=pb.Attach(handlers=[handler])))
        async for frame in call:
            words = {"attached": "attached", "invocations": "asked"}
            if word := words.get(frame.WhichOneof("message") or ""):
                print(word, flush=True)


asyncio.run(main(sys.argv[1]))
