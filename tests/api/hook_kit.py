"""Workers and a hook plane for the tests of the hook stream: real SQLite, real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from dataclasses import field as field_
from typing import Any

from api_fakes import Client, routes_with, serving
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.validation import check
from roomd_server.core.errors import room_not_found
from roomd_server.core.ports import Caller, HookCall, Subject
from roomd_server.core.times import duration
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.plane import HookPlane
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.system import SortableIds, SystemClock

HOOKS = "/roomd.v1.HookService/"
ORG = "default"
"""The organization of callers on the test server."""
ME = Caller(ORG)
FOREIGN = Caller("other")

BEFORE = pb.HOOK_TRIGGER_BEFORE_BROADCAST
AFTER = pb.HOOK_TRIGGER_AFTER_BROADCAST
DECIDE, VALIDATE, OBSERVE = pb.HOOK_MODE_DECIDE, pb.HOOK_MODE_VALIDATE, pb.HOOK_MODE_OBSERVE


@dataclass
class Rig:
    """A hook plane on a real store, with everything it said to the engine."""

    plane: HookPlane
    store: SqliteStore
    clock: SystemClock
    faults: list[tuple[str, str, str, str]] = field_(default_factory=list)
    providers: list[tuple[str, str]] = field_(default_factory=list)
    contexts: list[pb.ContextSelection] = field_(default_factory=list)

    async def context(self, selection: pb.ContextSelection) -> pb.RoomContext:
        self.contexts.append(selection)
        return pb.RoomContext(room=pb.Room(room_id="r", labels={"tier": "gold"}))

    async def room_view(self, org: str, room_id: str) -> tuple[dict[str, str], Any]:
        if room_id != "r":
            raise room_not_found(room_id)
        return {"tier": "gold"}, self.context

    def call(self, text: str = "hello", trigger: int = BEFORE, **subject: Any) -> HookCall:
        event = pb.RoomEvent(
            event_id="e1",
            room_id="r",
            type=pb.EVENT_TYPE_MESSAGE,
            content=pb.Content(text=pb.TextContent(body=text)),
        )
        about = {"room_id": "r", "channel_id": "sms", "channel_type": pb.CHANNEL_TYPE_SMS}
        return HookCall(
            ORG,
            trigger,
            pb.HookPayload(event=event),
            Subject(**(about | {"event_type": pb.EVENT_TYPE_MESSAGE} | subject)),
            {"tier": "gold"},
            self.context,
        )

    async def create(self, name: str, spec: pb.HookSpec) -> pb.Hook:
        request = pb.CreateHookRequest(name=name, spec=spec)
        return (await self.plane.registry.create_hook(ME, request)).hook

    async def hook(self, name: str) -> pb.Hook:
        return (await self.plane.registry.get_hook(ME, pb.GetHookRequest(name=name))).hook


@asynccontextmanager
async def rig(path: str = ":memory:", **options: Any) -> AsyncIterator[Rig]:
    clock = SystemClock()
    store = await SqliteStore.open(path, clock=clock)
    plane = HookPlane(store, clock, SortableIds(clock), HookOptions(**options), check=check)
    made = Rig(plane, store, clock)
    plane.bind_engine(
        room_view=made.room_view,
        on_fault=lambda kind, hook, room, why: made.faults.append((kind, hook.name, room, why)),
        on_provider=lambda org, name: made.providers.append((org, name)),
    )
    await plane.load()
    try:
        yield made
    finally:
        await plane.close()
        await store.close()


@asynccontextmanager
async def served(made: Rig) -> AsyncIterator[Client]:
    """The plane behind a real server on a real port."""
    handlers = {HOOKS + name: handler for name, handler in made.plane.rpc.items()}
    handlers[HOOKS + "Connect"] = made.plane.connect
    async with serving(routes_with(handlers)) as client:
        yield client


def spec(mode: int = DECIDE, *triggers: int, **fields: Any) -> pb.HookSpec:
    """A hook's spec; ``timeout`` in seconds."""
    if "timeout" in fields:
        fields["timeout"] = duration(fields["timeout"])
    default = AFTER if mode == OBSERVE else BEFORE
    return pb.HookSpec(triggers=triggers or (default,), mode=mode, **fields)


def hook(name: str, described: pb.HookSpec | None = None, **fields: Any) -> pb.Handler:
    """A hook to attach; without a spec the stored one."""
    handler = pb.Handler(name=name, **fields)
    if described is not None:
        handler.spec.hook.CopyFrom(described)
    return handler


def allow() -> pb.HookDecision:
    return pb.HookDecision(allow=pb.Allow())


def block(reason: str = "no") -> pb.HookDecision:
    return pb.HookDecision(block=pb.Block(reason=reason))


def modify(text: str, *paths: str) -> pb.HookDecision:
    event = pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=text)))
    change = pb.Modify(payload=pb.HookPayload(event=event))
    change.update_mask.paths.extend(paths or ("event.content",))
    return pb.HookDecision(modify=change)


Answer = pb.HookDecision | pb.Done | pb.HandlerResult | pb.Failure | None
Behaviour = Callable[[pb.Invocation], Answer | Awaitable[Answer]]

_OUTCOMES = {
    pb.HookDecision: "decision",
    pb.Done: "done",
    pb.HandlerResult: "value",
    pb.Failure: "failure",
}


def result(invocation: pb.Invocation, answer: Any) -> pb.Result:
    """An answer to an invocation."""
    return pb.Result(
        invocation_id=invocation.invocation_id,
        lease=invocation.lease,
        **{_OUTCOMES[type(answer)]: answer},
    )


class Link:
    """Both directions of a stream, without gRPC: plain objects."""

    def __init__(self, plane: HookPlane, caller: Caller) -> None:
        self._queue: asyncio.Queue[pb.ConnectRequest | None] = asyncio.Queue(maxsize=100_000)
        self._stream = plane.connect(caller, self._requests())

    async def _requests(self) -> AsyncIterator[pb.ConnectRequest]:
        while (frame := await self._queue.get()) is not None:
            yield frame

    async def write(self, frame: pb.ConnectRequest) -> None:
        self._queue.put_nowait(frame)

    async def done_writing(self) -> None:
        self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[pb.ConnectResponse]:
        return self._stream

    def cancel(self) -> None:
        """The reading task is cancelled by the worker; it closes the stream."""


class Worker:
    """A worker: answers by ``behave``, remembers everything it was told."""

    def __init__(self, link: Any, behave: Behaviour | None = None) -> None:
        self.link = link
        self.behave = behave
        self.frames: list[pb.ConnectResponse] = []
        self.invocations: list[pb.Invocation] = []
        self.batches: list[int] = []
        self.error: BaseException | None = None
        self.changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self.reader = asyncio.create_task(self._read())
        self.reader.add_done_callback(lambda _: self.changed.set())

    async def send(self, **frame: Any) -> None:
        try:
            async with self._writing:  # a call takes one write at a time
                await self.link.write(pb.ConnectRequest(**frame))
        except aio.AioRpcError:
            # The server may end the call over a message that is still being written: then
            # the end says why, see ``ended``.
            if not self.link.done():
                raise

    async def hello(self, **fields: Any) -> pb.Welcome:
        await self.send(hello=pb.Hello(**({"protocol_revision": 1, "worker_id": "w"} | fields)))
        return (await self.told("welcome")).welcome

    async def attach(self, *handlers: pb.Handler) -> list[pb.Attached.HandlerStatus]:
        before = len(self.all("attached"))
        await self.send(attach=pb.Attach(handlers=handlers, attach_id=before + 1))
        answer = (await self.told("attached", before)).attached
        assert answer.attach_id == before + 1
        return list(answer.handlers)

    async def answer(self, invocation: pb.Invocation, answer: Any) -> None:
        await self.send(results=pb.ResultBatch(results=[result(invocation, answer)]))

    def all(self, kind: str) -> list[pb.ConnectResponse]:
        return [frame for frame in self.frames if frame.WhichOneof("message") == kind]

    async def told(self, kind: str, after: int = 0) -> pb.ConnectResponse:
        """The frame of a kind, when it has come; ``after`` many of them."""
        await self.until(lambda: len(self.all(kind)) > after)
        return self.all(kind)[after]

    async def asked(self, count: int = 1) -> pb.Invocation:
        """The last of so many invocations, when it has come."""
        await self.until(lambda: len(self.invocations) >= count)
        return self.invocations[count - 1]

    async def until(self, true: Callable[[], bool], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                if self.reader.done():
                    raise AssertionError(f"the stream ended: {self.error!r}")
                self.changed.clear()
                await self.changed.wait()

    async def ended(self) -> BaseException | None:
        """What the stream ended with; None: well."""
        async with asyncio.timeout(5):
            await asyncio.wait([self.reader])
        return self.error

    async def kill(self) -> None:
        """Go without a word."""
        self.link.cancel()
        self.reader.cancel()
        await asyncio.gather(self.reader, *self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        stream = self.link.__aiter__()
        try:
            async for frame in stream:
                self.frames.append(frame)
                if frame.WhichOneof("message") == "invocations":
                    batch = list(frame.invocations.invocations)
                    self.batches.append(len(batch))
                    self.invocations.extend(batch)
                    await self._work(batch)
                self.changed.set()
        except (aio.AioRpcError, Exception) as error:
            self.error = error
        finally:
            if isinstance(self.link, Link):
                await stream.aclose()

    async def _work(self, batch: Iterable[pb.Invocation]) -> None:
        if self.behave is None:
            return
        ready = []
        for invocation in batch:
            answer = self.behave(invocation)
            if isinstance(answer, Awaitable):
                task = asyncio.create_task(self._later(invocation, answer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif answer is not None:
                ready.append(result(invocation, answer))
        if ready:
            await self.send(results=pb.ResultBatch(results=ready))

    async def _later(self, invocation: pb.Invocation, answer: Awaitable[Answer]) -> None:
        given = await answer
        if given is not None:
            with suppress(aio.AioRpcError, asyncio.InvalidStateError):
                await self.answer(invocation, given)


async def plain_worker(
    made: Rig, *handlers: pb.Handler, behave: Behaviour | None = None, **hello: Any
) -> Worker:
    """A worker without gRPC that serves the handlers."""
    caller = hello.pop("caller", ME)
    return await _serve(Worker(Link(made.plane, caller), behave), handlers, hello)


async def grpc_worker(
    client: Client, *handlers: pb.Handler, behave: Behaviour | None = None, **hello: Any
) -> Worker:
    """A worker on a real stream that serves the handlers."""
    return await _serve(Worker(client.bidi(HOOKS + "Connect"), behave), handlers, hello)


async def _serve(worker: Worker, handlers: tuple[pb.Handler, ...], hello: Any) -> Worker:
    await worker.hello(**hello)
    if handlers:
        for status in await worker.attach(*handlers):
            assert status.status.code == 0, status.status
    return worker
