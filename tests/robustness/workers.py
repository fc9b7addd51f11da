"""A worker of the tests: it answers as it is told to, and remembers little."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from traffic import dial

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd_server.core.times import duration

START_SECONDS = 20.0

Answer = pb.HookDecision | pb.Done | pb.HandlerResult | pb.Failure | pb.Result | None
Behaviour = Callable[[pb.Invocation], Answer | Awaitable[Answer]]

OUTCOMES: dict[type, str] = {
    pb.HookDecision: "decision",
    pb.Done: "done",
    pb.HandlerResult: "value",
    pb.Failure: "failure",
}
GONE = (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError)
"""What a write raises when the stream has ended."""

BEFORE = pb.HOOK_TRIGGER_BEFORE_BROADCAST
AFTER = pb.HOOK_TRIGGER_AFTER_BROADCAST


def result(invocation: pb.Invocation, answer: Any) -> pb.Result:
    """An answer to an invocation."""
    if isinstance(answer, pb.Result):
        return answer
    return pb.Result(
        invocation_id=invocation.invocation_id,
        lease=invocation.lease,
        **{OUTCOMES[type(answer)]: answer},
    )


class Worker:
    """One worker stream.

    Args:
        address: Of the server.
        key: Its credential.
        handlers: What it serves.
        behave: Answers an invocation; None or an awaitable of None is no answer.
    """

    def __init__(
        self, address: str, key: str, handlers: list[pb.Handler], behave: Behaviour
    ) -> None:
        self._channel = dial(address)
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._handlers = handlers
        self._behave = behave
        self._answering: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._attached = asyncio.Event()
        self.asked = 0
        """Invocations so far."""
        self.settled: list[pb.Settled] = []
        self.error: grpc.aio.AioRpcError | None = None
        self.call: Any = None
        self.reader: asyncio.Task[None] | None = None

    async def start(self, worker_id: str = "worker", **window: int) -> Worker:
        """Dial and attach; when it returns the handlers are served."""
        self.call = HookServiceStub(self._channel).Connect(metadata=self._metadata)
        hello = pb.Hello(
            protocol_revision=1,
            worker_id=worker_id,
            window=pb.SetWindow(**(window or {"reply_window": 256})),
        )
        await self.send(hello=hello)
        await self.send(attach=pb.Attach(handlers=self._handlers, attach_id=1))
        self.reader = asyncio.create_task(self._read())
        attached = asyncio.create_task(self._attached.wait())
        waited = {attached, self.reader}
        await asyncio.wait(waited, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        attached.cancel()
        if not self._attached.is_set():
            raise AssertionError(f"the worker could not attach: {self.reader}")
        return self

    async def send(self, **frame: Any) -> None:
        """Write a frame, named by its field."""
        async with self._writing:
            await self.call.write(pb.ConnectRequest(**frame))

    async def kill(self) -> None:
        """Go without a word."""
        if self.call is not None:
            self.call.cancel()
        tasks = [*self._answering, *([self.reader] if self.reader else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._channel.close(None)

    async def __aenter__(self) -> Worker:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def _read(self) -> None:
        try:
            async for frame in self.call:
                await self._take(frame)
        except grpc.aio.AioRpcError as error:
            self.error = error

    async def _take(self, frame: pb.ConnectResponse) -> None:
        match frame.WhichOneof("message"):
            case "invocations":
                await self._work(list(frame.invocations.invocations))
            case "attached":
                for status in frame.attached.handlers:
                    assert status.status.code == 0, status.status
                self._attached.set()
            case "ping":
                await self.send(pong=pb.Pong(nonce=frame.ping.nonce))
            case "settled":
                self.settled.append(frame.settled)

    async def _work(self, batch: list[pb.Invocation]) -> None:
        ready: list[pb.Result] = []
        for invocation in batch:
            self.asked += 1
            answer = self._behave(invocation)
            if isinstance(answer, Awaitable):
                task = asyncio.ensure_future(self._later(invocation, answer))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            elif answer is not None:
                ready.append(result(invocation, answer))
        if ready:
            await self.answer(ready)

    async def _later(self, invocation: pb.Invocation, answer: Awaitable[Answer]) -> None:
        given = await answer
        if given is not None:
            await self.answer([result(invocation, given)])

    async def answer(self, results: list[pb.Result]) -> None:
        """Write answers; nothing happens when the stream has ended."""
        with contextlib.suppress(*GONE):
            await self.send(results=pb.ResultBatch(results=results))


def hook(name: str, rooms: list[str] | None = None, **fields: Any) -> pb.Handler:
    """A DECIDE hook of BEFORE_BROADCAST to attach; ``timeout`` in seconds."""
    spec: dict[str, Any] = {"triggers": [BEFORE], "mode": pb.HOOK_MODE_DECIDE, **fields}
    if "timeout" in spec:
        spec["timeout"] = duration(spec["timeout"])
    made = pb.HookSpec(filter=pb.HookFilter(room_ids=rooms or []), **spec)
    return pb.Handler(name=name, spec=pb.HandlerSpec(hook=made))


def provider(name: str, **fields: Any) -> pb.Handler:
    """A channel provider to attach."""
    return pb.Handler(
        name=name, spec=pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec(**fields))
    )


def allow() -> pb.HookDecision:
    """Go on."""
    return pb.HookDecision(allow=pb.Allow())


def sent(provider_message_id: str = "") -> pb.HandlerResult:
    """A delivery that worked."""
    delivered = pb.DeliveryResult(
        state=pb.DELIVERY_STATE_SENT, provider_message_id=provider_message_id
    )
    return pb.HandlerResult(delivery=pb.DeliveryOutcome(result=delivered))


def trouble(message: str, *, retryable: bool, code: int = 14) -> pb.Failure:
    """A failure in the worker's words."""
    return pb.Failure(status=pb.Status(code=code, message=message), retryable=retryable)
