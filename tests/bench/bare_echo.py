"""The bare limit: grpc.aio handlers that give back the bytes they got. Nothing of roomd.

Run as a process: prints its port, then serves until it is ended. The argument ``native`` serves
the same handlers by pygrpc-native.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc
import pygrpc_native.aio
import uvloop


async def unary(request: bytes, _context: object) -> bytes:
    return request


async def stream(requests: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def main() -> None:
    make = pygrpc_native.aio.server if sys.argv[1:] == ["native"] else grpc.aio.server
    server = make()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Echo", handlers),))
    server.add_registered_method_handlers("bare.Echo", handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
