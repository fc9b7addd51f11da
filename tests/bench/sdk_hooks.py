"""How many hook calls an SDK's worker answers: ``sdk_hooks.py COMMAND …``.

Plays the server of one worker: keeps a window of invocations outstanding and counts answers. The
worker is a program that is started with ``ADDRESS KEY``, serves the deciding hook ``bench`` and
allows everything. Prints calls per second, the worker's CPU time per call, and this program's own,
which says whether it was the limit. ``sdk_worker.py`` is the worker of the Python SDK,
``sdks/typescript/build/test/bench-worker.js`` that of the TypeScript one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import psutil
from google.protobuf.duration_pb2 import Duration

from roomd import v1 as pb

BEGIN_SECONDS = 30.0
WARM_UP_SECONDS = 2.0
METHOD = "Connect"
HANDLER = "bench"


@dataclass
class Load:
    """The server's side of one worker stream."""

    window: int
    batch: int
    outstanding: int = 0
    sent: int = 0
    answered: int = 0
    messages: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(
        self, requests: AsyncIterator[pb.ConnectRequest], context: grpc.aio.ServicerContext
    ) -> None:
        """Serve the stream: Welcome, Attached, then work as answers come."""
        async for request in requests:
            match request.WhichOneof("message"):
                case "hello":
                    await context.write(pb.ConnectResponse(welcome=pb.Welcome()))
                case "attach":
                    handlers = [
                        pb.Attached.HandlerStatus(name=one.name, status=pb.Status())
                        for one in request.attach.handlers
                    ]
                    await context.write(pb.ConnectResponse(attached=pb.Attached(handlers=handlers)))
                    await self._fill(context)
                case "results":
                    self.messages += 1
                    self.begun.set()
                    self.answered += len(request.results.results)
                    self.outstanding -= len(request.results.results)
                    await self._fill(context)
                case "goodbye":
                    return

    async def _fill(self, context: grpc.aio.ServicerContext) -> None:
        while self.window - self.outstanding >= self.batch:
            works = [_invocation(self.sent + number) for number in range(self.batch)]
            self.sent += self.batch
            self.outstanding += self.batch
            batch = pb.InvocationBatch(invocations=works)
            await context.write(pb.ConnectResponse(invocations=batch))


def _invocation(number: int) -> pb.Invocation:
    work = pb.Invocation()
    work.CopyFrom(_TEMPLATE)
    work.invocation_id = f"invocation-{number}"
    return work


_TEMPLATE = pb.Invocation(
    lease=1,
    attempt=1,
    handler=HANDLER,
    reply_expected=True,
    room_id="room",
    timeout=Duration(seconds=2),
    trigger=pb.HOOK_TRIGGER_BEFORE_BROADCAST,
    hook=pb.HookPayload(
        event=pb.RoomEvent(
            event_id="0123456789abcdef0123456789abcdef",
            room_id="room",
            type=pb.EVENT_TYPE_MESSAGE,
            source=pb.EventSource(channel_id="ws-alice", participant_id="alice"),
            content=pb.Content(text=pb.TextContent(body="A message of usual length, about so.")),
        )
    ),
)


async def measure(command: list[str], load: Load, seconds: float) -> None:
    """Run the worker for a while and print what it did."""
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        load.connect,
        request_deserializer=pb.ConnectRequest.FromString,
        response_serializer=pb.ConnectResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler("roomd.v1.HookService", {METHOD: handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    worker = await asyncio.create_subprocess_exec(*command, f"127.0.0.1:{port}", "rd_bench")
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            await load.begun.wait()
        await asyncio.sleep(WARM_UP_SECONDS)
        process = psutil.Process(worker.pid)
        began, answered, messages = time.monotonic(), load.answered, load.messages
        cpu, own = _cpu(process), time.process_time()
        await asyncio.sleep(seconds)
        calls, took = load.answered - answered, time.monotonic() - began
        print(
            f"{calls / took:,.0f} calls/s, worker {(_cpu(process) - cpu) / calls * 1e6:.0f} µs CPU "
            f"per call, {calls / max(1, load.messages - messages):.0f} answers per message; "
            f"the load itself {(time.process_time() - own) / calls * 1e6:.0f} µs per call"
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.terminate()
        await worker.wait()
        await server.stop(None)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--window", type=int, default=256, help="invocations outstanding")
    parser.add_argument("--batch", type=int, default=16, help="invocations per message")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("command", nargs="+", help="starts the worker")
    options = parser.parse_args()
    load = Load(options.window, options.batch)
    asyncio.run(measure(options.command, load, options.seconds))


if __name__ == "__main__":
    main()
