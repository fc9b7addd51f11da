"""``silent_worker.py ADDRESS KEY HOOK``: attaches, says so, and never answers anything."""

from __future__ import annotations

import queue
import sys

import grpc

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub


def main(address: str, key: str, name: str) -> None:
    frames: queue.Queue[pb.ConnectRequest] = queue.Queue(maxsize=8)
    frames.put(pb.ConnectRequest(hello=pb.Hello(protocol_revision=1, worker_id="silent")))
    attach = pb.Attach(handlers=[pb.Handler(name=name)], attach_id=1)
    frames.put(pb.ConnectRequest(attach=attach))
    with grpc.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {key}"),)
        for frame in HookServiceStub(channel).Connect(iter(frames.get, None), metadata=metadata):
            if frame.HasField("attached"):
                assert not frame.attached.handlers[0].status.code, frame
                print("attached", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
