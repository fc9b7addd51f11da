"""Semantics 4, steps 2 to 11: the room that is made for a message comes with it, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from api_fakes import until
from hook_kit import DECIDE, Worker, allow, block, hook, spec
from pipeline_kit import ORG, RPCS, House, Room, content, room_in, served
from pipeline_watch import disk_held

from roomd import v1 as pb
from roomd_server.api.interceptors.request_id import INVOCATION_KEY

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    path = tmp_path_factory.mktemp("store") / "store.db"
    async with served(str(path), process_timeout_seconds=0.5, hook_budget_seconds=0.45) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    """A room whose channel has no open room: who writes by it gets one."""
    async with room_in(house) as made:
        await made.call("CloseRoom")
        yield made


async def rooms_of(house: House) -> set[str]:
    return {one.room_id for one in (await house.call("ListRooms", page_size=1000)).rooms}


class Gate:
    """A hook that decides when it is told to."""

    def __init__(self) -> None:
        self.asked: list[pb.Invocation] = []
        self.answers: list[asyncio.Future[Any]] = []

    async def __call__(self, invocation: pb.Invocation) -> Any:
        self.asked.append(invocation)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return await answer


@asynccontextmanager
async def gate(house: House, room: Room) -> AsyncIterator[Gate]:
    """Decides on what comes by the room's channel, in whatever room."""
    made = Gate()
    of_it = pb.HookFilter(channel_ids=[room.id("ws")])
    name = room.id("gate")
    worker: Worker = await house.worker(hook(name, spec(DECIDE, filter=of_it)), behave=made)
    try:
        yield made
    finally:
        for answer in made.answers:
            answer.cancel()
        await worker.send(detach=pb.Detach(names=[name]))
        await worker.told("detached")
        await worker.kill()


def arriving(house: House, room: Room, said: Any = "hello", room_id: str = "") -> asyncio.Task[Any]:
    message = room.message(said, sender_id="stranger")
    return asyncio.create_task(house.call("ProcessInbound", message=message, room_id=room_id))


@pytest.mark.parametrize("named", [False, True])
async def test_s4_new_room_is_there_when_its_first_message_is(
    house: House, room: Room, named: bool
) -> None:
    """One transaction: while the disk holds it up there is neither; then there are both."""
    wanted = f"new-{room.room_id}" if named else ""
    before = await rooms_of(house)
    async with disk_held(house.store):
        call = arriving(house, room, room_id=wanted)
        await until(lambda: house.store.pending == 1)
        assert not call.done()
    answer = await call
    assert await rooms_of(house) - before == {answer.room_id}
    page = await house.call("ListEvents", room_id=answer.room_id)
    assert [event.content.WhichOneof("kind") for event in page.events] == ["system", "text"]
    made = (await house.call("GetRoom", room_id=answer.room_id)).room
    assert made.create_time == page.events[0].create_time == made.last_activity_time
    assert made.event_count == 2
    told = [one for one in house.tail.events if one.room_id == answer.room_id]
    assert [one.type for one in told].index("room_created") == 0


async def test_s4_new_room_is_stored_with_its_room(house: House, room: Room) -> None:
    """What is loaded from the store is what was in memory."""
    answer = await arriving(house, room)
    live = house.engine.directory.live(ORG, answer.room_id)
    stored = await house.store.load_room(ORG, answer.room_id)
    assert live is not None
    assert stored is not None
    assert stored.room == live.room
    assert {one.channel_id: one for one in stored.bindings} == live.bindings
    assert {one.participant_id: one for one in stored.participants} == live.participants


@pytest.mark.parametrize("named", [False, True])
async def test_s4_new_room_is_not_made_for_what_was_not_decided_in_time(
    house: House, room: Room, named: bool
) -> None:
    """On expiry nothing is stored: no room, and nobody is told of one."""
    wanted = f"new-{room.room_id}" if named else ""
    before, told = await rooms_of(house), len(house.tail.events)
    async with gate(house, room) as undecided:
        failure = await house.fails(
            "ProcessInbound", message=room.message(sender_id="stranger"), room_id=wanted
        )
    assert failure.reason in ("PROCESS_TIMEOUT", "HOOK_BUDGET_EXHAUSTED")
    assert await rooms_of(house) == before
    assert {one.type for one in list(house.tail.events)[told:]} & {"room_created"} == set()
    assert house.engine.directory.expected(ORG, undecided.asked[0].room_id) is None


async def test_s4_new_room_is_not_made_for_what_is_refused(house: House, room: Room) -> None:
    """Refused: nothing enters the timeline, so there is no room either."""
    before = await rooms_of(house)
    nothing = pb.Content(delete=pb.DeleteContent(target_event_id="nothing"))
    answer = await arriving(house, room, nothing)
    assert (answer.outcome, answer.room_id) == (pb.OUTCOME_REFUSED, "")
    assert await rooms_of(house) == before


async def test_s4_new_room_is_made_for_what_is_blocked(house: House, room: Room) -> None:
    """Block → the event is stored BLOCKED: that takes a room, and the sender goes on there."""
    async with gate(house, room) as strict:
        call = arriving(house, room)
        await until(lambda: strict.answers)
        strict.answers[0].set_result(block("no"))
        answer = await call
    assert answer.outcome == pb.OUTCOME_BLOCKED
    page = await house.call("ListEvents", room_id=answer.room_id)
    assert page.events[-1].status == pb.EVENT_STATUS_BLOCKED
    again = await arriving(house, room)
    assert (again.outcome, again.room_id) == (pb.OUTCOME_ACCEPTED, answer.room_id)


async def test_s4_new_room_is_made_by_the_next_message_when_the_first_fails(
    house: House, room: Room
) -> None:
    """Messages of one sender that come at once share the room, whichever makes it."""
    before = await rooms_of(house)
    async with gate(house, room) as slow:
        first = arriving(house, room, "first")
        await until(lambda: slow.answers)
        second = arriving(house, room, "second")
        await asyncio.sleep(0.05)
        first.cancel()
        await until(lambda: len(slow.answers) == 2)
        slow.answers[1].set_result(allow())
        answer = await second
    assert slow.asked[0].room_id == slow.asked[1].room_id == answer.room_id
    assert await rooms_of(house) - before == {answer.room_id}
    page = await house.call("ListEvents", room_id=answer.room_id)
    assert [event.index for event in page.events] == [0, 1]
    assert page.events[1].content == content("second")


async def in_hook(house: House, invocation: pb.Invocation, rpc: str, **fields: Any) -> Any:
    """A call that a hook makes while it decides."""
    method = RPCS[rpc]
    metadata = (*house.key, (INVOCATION_KEY, invocation.invocation_id))
    return await house.client.unary(method.path, method.request_type(**fields), metadata)


async def test_s4_new_room_is_seen_by_the_hook_that_decides_on_it_and_by_nobody_else(
    house: House, room: Room
) -> None:
    """Before the commit there is no room, but for who decides on its first message."""
    async with gate(house, room) as deciding:
        call = arriving(house, room)
        await until(lambda: deciding.answers)
        (invocation,) = deciding.asked
        room_id = invocation.room_id
        seen = await in_hook(house, invocation, "GetRoom", room_id=room_id)
        assert seen.room.status == pb.ROOM_STATUS_ACTIVE
        typing = await in_hook(house, invocation, "PublishTyping", room_id=room_id, user_id="bot")
        assert typing.event.room_id == room_id
        for rpc in ("GetRoom", "ListEvents", "PauseRoom"):
            assert (await house.fails(rpc, room_id=room_id)).reason == "ROOM_NOT_FOUND"
        deciding.answers[0].set_result(allow())
        assert (await call).room_id == room_id


@pytest.mark.parametrize("rpc", ["CreateRoom", "PauseRoom", "SendEvent", "Deliver"])
async def test_s4_new_room_is_not_changed_by_the_hook_that_decides_on_it(
    house: House, room: Room, rpc: str
) -> None:
    """It waits for the hook: WOULD_DEADLOCK, not a hang."""
    fields: dict[str, Any] = (
        {"content": content("me too")} if rpc in ("SendEvent", "Deliver") else {}
    )
    if rpc == "SendEvent":
        fields["channel_id"] = room.id("ws")
    async with gate(house, room) as deciding:
        call = arriving(house, room)
        await until(lambda: deciding.answers)
        (invocation,) = deciding.asked
        method = RPCS[rpc]
        request = method.request_type(room_id=invocation.room_id, **fields)
        metadata = (*house.key, (INVOCATION_KEY, invocation.invocation_id))
        failing = house.client.unary(method.path, request, metadata)
        try:
            with pytest.raises(Exception, match="waits for the hook"):
                await failing
        finally:
            deciding.answers[0].set_result(allow())
            await call


@pytest.mark.parametrize("made", [True, False])
async def test_s4_new_room_that_is_also_created_by_hand_is_one_room(
    house: House, room: Room, made: bool
) -> None:
    """CreateRoom waits for the message that makes the same room: one of them does."""
    wanted = f"new-{room.room_id}"
    async with gate(house, room) as deciding:
        message = arriving(house, room, room_id=wanted)
        await until(lambda: deciding.answers)
        create = asyncio.create_task(house.call("CreateRoom", room_id=wanted))
        waiting = arriving(house, room, "behind", room_id=wanted)
        await asyncio.sleep(0.05)
        assert not create.done()
        if made:
            deciding.answers[0].set_result(allow())
            await message
        else:
            message.cancel()
        await asyncio.wait([create])
        await until(lambda: len(deciding.answers) == 2)
        deciding.answers[1].set_result(allow())
        assert (await waiting).room_id == wanted
    assert (create.exception() is not None) is made
    page = await house.call("ListEvents", room_id=wanted)
    said = [one.content.text.body for one in page.events if one.content.HasField("text")]
    assert said == (["hello", "behind"] if made else ["behind"])
