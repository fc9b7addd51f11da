"""Hooks, watchers and a hand-written AI for the rules of sections 5 and 7 and of the hook
stream: workers on real streams of a real server (``rooms_kit``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from api_fakes import until
from hook_kit import DECIDE, OBSERVE, Behaviour, Worker, allow, grpc_worker, hook, spec
from rooms_kit import House, Provider

from roomd import v1 as pb

SUBSCRIBE = "/roomd.v1.RoomService/SubscribeRoom"
TAIL = "/roomd.v1.AdminService/TailFrameworkEvents"
PERSISTENT = pb.LIFETIME_PERSISTENT
ALLOW_POLICY, BLOCK_POLICY = pb.FAILURE_POLICY_ALLOW, pb.FAILURE_POLICY_BLOCK
BLOCKED, DELIVERED = pb.EVENT_STATUS_BLOCKED, pb.EVENT_STATUS_DELIVERED
START, DELTA = pb.EPHEMERAL_TYPE_STREAM_START, pb.EPHEMERAL_TYPE_STREAM_DELTA
END, RETRACT = pb.EPHEMERAL_TYPE_STREAM_END, pb.EPHEMERAL_TYPE_STREAM_RETRACT
STREAM = (START, DELTA, END, RETRACT)
OF_THE_AI = pb.HookFilter(channel_ids=["ai"])


# ------------------------------------------------------------------ workers


async def serve(
    h: House, *handlers: pb.Handler, behave: Behaviour | None = None, **hello: Any
) -> Worker:
    """A worker that serves handlers; the house ends it."""
    worker = await grpc_worker(h.client, *handlers, behave=behave, **hello)
    h._keep(worker)
    return worker


async def gate(
    h: House, behave: Behaviour | None = None, name: str = "gate", **described: Any
) -> Worker:
    """A worker with one DECIDE hook on BEFORE_BROADCAST; without ``behave`` it hangs."""
    return await serve(h, hook(name, spec(DECIDE, **described)), behave=behave)


async def watcher(h: House, *triggers: int, name: str = "watch", **described: Any) -> Worker:
    """A worker with one OBSERVE hook."""
    handler = hook(name, spec(OBSERVE, *triggers, **described))
    return await serve(h, handler, behave=lambda _: pb.Done())


async def store_hook(h: House, name: str = "gate", mode: int = DECIDE, **described: Any) -> pb.Hook:
    """Create a hook that nobody serves yet."""
    request = pb.CreateHookRequest(name=name, spec=spec(mode, **described))
    return (await h.do(request)).hook


async def hook_names(h: House) -> list[str]:
    """All hooks there are."""
    return [one.name for one in (await h.do(pb.ListHooksRequest())).hooks]


async def echo(worker: Worker) -> None:
    """A round trip on a worker's stream: what was sent to it before has reached it."""
    before = len(worker.all("pong"))
    await worker.send(ping=pb.Ping())
    await worker.told("pong", before)


def said_to(worker: Worker) -> list[str]:
    """The texts that a worker was asked about."""
    return [one.hook.event.content.text.body for one in worker.invocations]


def by_text(answers: Mapping[str, pb.HookDecision]) -> Behaviour:
    """Answer by what was said; allow the rest."""

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        said = invocation.hook.event.content.text.body
        return answers.get(said, allow())

    return behave


# ------------------------------------------------------------------ an AI


class Author:
    """An AI whose answer the test writes, piece by piece, on a worker's stream."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._asked = 0
        self._pieces = 0

    async def begin(self) -> pb.Invocation:
        """Wait until it is asked (once more)."""
        self._asked += 1
        self._pieces = 0
        self._invocation = await self.worker.asked(self._asked)
        return self._invocation

    async def write(self, *deltas: str) -> None:
        """Say a bit more."""
        for delta in deltas:
            chunk = pb.ResultChunk(
                invocation_id=self._invocation.invocation_id,
                lease=self._invocation.lease,
                sequence=self._pieces,
                chunk=pb.HandlerChunk(text_delta=delta),
            )
            await self.worker.send(result_chunk=chunk)
            self._pieces += 1

    async def end(self, **response: Any) -> None:
        """The answer is whole."""
        value = pb.HandlerResult(response=pb.Response(**response))
        await self.worker.answer(self._invocation, value)

    async def say(self, *deltas: str, **response: Any) -> None:
        """Answer the next question."""
        await self.begin()
        await self.write(*deltas)
        await self.end(**response)

    async def stopped(self) -> pb.Cancel:
        """How it was told to stop."""
        return (await self.worker.told("cancel")).cancel


async def judged(h: House, **answers: pb.HookDecision) -> Worker:
    """A hook on what the AI says that answers by the first word."""

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        first = invocation.hook.event.content.text.body.split()[0].strip(".!")
        return answers.get(first, allow())

    return await gate(h, behave, filter=OF_THE_AI)


async def answer_of(h: House) -> pb.RoomEvent:
    """What the AI said, as it is stored; it is all that it said."""
    (event,) = [one for one in await h.messages() if one.source.channel_id == "ai"]
    return event


async def author(h: House, **binding: Any) -> Author:
    """Add the AI to the room r1."""
    described = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec())
    made = Author(await serve(h, pb.Handler(name="model", spec=described)))
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model", binding=binding)
    return made


async def phone(h: House, channel_id: str = "sms", handler: str = "gateway") -> Provider:
    """Add a telephone to the room r1."""
    provider = await h.provider(handler)
    kind, number = pb.CHANNEL_TYPE_SMS, {"phone_number": "+15550100"}
    await h.add(channel_id, kind, by=handler, binding={"metadata": number})
    return provider


async def send(h: House, text: str = "hello", **fields: Any) -> pb.SendEventResponse:
    """Send a message; answered when it is committed."""
    request = pb.SendEventRequest(
        **{"room_id": "r1", "channel_id": "ws", "participant_id": "ada"} | fields
    )
    request.content.text.body = text
    return await h.do(request)


# ------------------------------------------------------------------ subscribers


class Seen:
    """What a subscriber was told so far; it grows by itself."""

    def __init__(self) -> None:
        self.items: list[pb.StreamItem] = []

    @property
    def ephemerals(self) -> list[pb.EphemeralEvent]:
        """Fleeting things."""
        return [item.ephemeral for item in self.items if item.HasField("ephemeral")]

    @property
    def messages(self) -> list[pb.RoomEvent]:
        """What was said."""
        events = [item.event for item in self.items if item.HasField("event")]
        return [event for event in events if event.type == pb.EVENT_TYPE_MESSAGE]

    @property
    def epoch(self) -> str:
        """Of the fleeting things."""
        return self.items[0].subscribed.ephemeral_epoch

    @property
    def dropped(self) -> int:
        """Fleeting things that were lost."""
        return sum(item.dropped.count for item in self.items)

    def of_type(self, *kinds: int) -> list[pb.EphemeralEvent]:
        """Fleeting things of some types."""
        return [one for one in self.ephemerals if one.type in kinds]

    @property
    def shown(self) -> str:
        """What is on the screen of one who shows answers while they are written."""
        screens: dict[str, str] = {}
        for one in self.ephemerals:
            stream = one.stream
            if one.type == pb.EPHEMERAL_TYPE_STREAM_RETRACT:
                screens.pop(stream.stream_id, None)
            elif one.type == pb.EPHEMERAL_TYPE_STREAM_START:
                screens[stream.stream_id] = stream.text
            elif one.type == pb.EPHEMERAL_TYPE_STREAM_DELTA:
                screens[stream.stream_id] += stream.text
        return "|".join(screens.values())

    async def until(self, holds: Callable[[Seen], Any]) -> None:
        """Wait until something holds."""
        await until(lambda: holds(self))


@asynccontextmanager
async def subscribed(h: House, room_id: str = "r1", **start: Any) -> AsyncIterator[Seen]:
    """A subscriber with fleeting things."""
    where = pb.RoomStart(room_id=room_id, **start)
    call = h.client.stream(SUBSCRIBE, pb.SubscribeRoomRequest(room=where, ephemeral=True))
    seen = Seen()

    async def read() -> None:
        async for response in call:
            seen.items.extend(response.items)

    reading = asyncio.ensure_future(read())
    try:
        await until(lambda: seen.items)
        yield seen
    finally:
        reading.cancel()
        await asyncio.wait([reading])


@asynccontextmanager
async def tailing(h: House, *types: str, room_id: str = "") -> AsyncIterator[Sequence[Any]]:
    """A reader of framework events; the list of its messages grows by itself."""
    request = pb.TailFrameworkEventsRequest(types=types, room_id=room_id)
    call = h.client.stream(TAIL, request)
    got: list[pb.TailFrameworkEventsResponse] = []

    async def read() -> None:
        async for response in call:
            got.append(response)

    reading = asyncio.ensure_future(read())
    try:
        await until(lambda: got)
        yield got
    finally:
        reading.cancel()
        await asyncio.wait([reading])


# ------------------------------------------------------------------ what is stored


async def found(h: House, room_id: str = "r1") -> tuple[list[pb.Task], list[pb.Observation]]:
    """Tasks and observations of a room."""
    tasks = (await h.do(pb.ListTasksRequest(room_id=room_id))).tasks
    noted = (await h.do(pb.ListObservationsRequest(room_id=room_id))).observations
    return list(tasks), list(noted)
