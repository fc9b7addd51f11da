"""Semantics 4, steps 11 and 12: one transaction holds all of it; then the caller is answered."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from api_fakes import failure_of, until
from hook_kit import DECIDE, OBSERVE, Worker, allow, hook, spec
from pipeline_kit import House, Phone, Room, after, content, echo, room_in, sent, served
from pipeline_watch import disk_held, subscribed

from roomd import v1 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with served(str(tmp_path_factory.mktemp("store") / "store.db")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


# ------------------------------------------------------------------ 11: everything or nothing


class Everything:
    """A message that sets off all that a transaction can hold: an edit with a key, a delivery,
    and a hook with a task, an observation and an injected event.
    """

    def __init__(self, room: Room, target_id: str, phone: Phone) -> None:
        self.room = room
        self.target_id = target_id
        self.phone = phone

    async def send(self) -> Any:
        new = pb.EditContent(target_event_id=self.target_id, new_content=content("new"))
        return await self.room.arrive(pb.Content(edit=new), idempotency_key="k")


async def everything(room: Room, opened: asyncio.Event) -> Everything:
    """The message; what it sets off reaches the phone when it is opened."""
    target = (await room.arrive("old")).event.event_id
    phone = await room.phone(answer=lambda _: after(opened, sent()))
    noting = allow()
    noting.tasks.append(pb.Task(title="task"))
    noting.observations.append(pb.Observation(category="mood", content="fine"))
    event = pb.RoomEvent(content=content("injected"))
    injected = pb.InjectedEvent(event=event, target_channel_ids=[room.id("phone")])
    noting.injected_events.append(injected)
    await room.hook("note", lambda _: noting, DECIDE)
    return Everything(room, target, phone)


TABLES = ("rooms", "events", "deliveries", "tasks", "observations", "changes")
ROWS = {
    **{table: f"SELECT * FROM {table} WHERE room_id = ?" for table in TABLES},
    "keys": "SELECT * FROM keys WHERE scope = 'room:' || ?",
}

PARTS = {
    "the event": ("INSERT", "events"),
    "the counters": ("INSERT", "rooms"),
    "the key": ("INSERT", "keys"),
    "the edit": ("UPDATE", "events"),
    "what subscribers are told": ("INSERT", "changes"),
    "the deliveries": ("INSERT", "deliveries"),
    "the tasks": ("INSERT", "tasks"),
    "the observations": ("INSERT", "observations"),
    "the injected event": ("INSERT", "events WHEN new.idx > {injected}"),
}
"""Each part of a commit, and the write that it needs."""


async def stored(room: Room) -> dict[str, list[Any]]:
    """All rows of a room in a transaction's tables."""

    def read(conn: sqlite3.Connection) -> dict[str, list[Any]]:
        return {table: conn.execute(sql, (room.room_id,)).fetchall() for table, sql in ROWS.items()}

    return await room.house.store.writer.run(read)


async def run_sql(house: House, statement: str) -> None:
    await house.store.writer.run(lambda conn: conn.execute(statement).fetchall())


@pytest.mark.sqlite_only
@pytest.mark.parametrize("part", PARTS)
async def test_s4_step11_nothing_is_stored_when_a_part_of_it_cannot_be(
    house: House, room: Room, part: str
) -> None:
    """Commit: event, counters, idempotency, edits applied, delivery rows, tasks, observations,
    injected events: one transaction. Without one of them there is none of them, and the caller
    may try again.
    """
    message = await everything(room, asyncio.Event())
    event = (await room.call("GetRoom")).room.latest_index + 1
    write, place = PARTS[part]
    table, _, when = place.partition(" ")
    condition = when.format(injected=event)
    before = await stored(room)
    await run_sql(
        house,
        f"CREATE TRIGGER broken BEFORE {write} ON {table} {condition} "
        "BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    try:
        failure = await failure_of(message.send())
    finally:
        await run_sql(house, "DROP TRIGGER broken")
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert await stored(room) == before
    assert message.phone.got == []
    again = await message.send()
    assert again.outcome == pb.OUTCOME_ACCEPTED
    assert again.event.index == event


@pytest.mark.sqlite_only
async def test_s4_step11_what_is_acknowledged_is_there_after_a_crash(
    house: House, room: Room, tmp_path: Path
) -> None:
    """P1: at the moment of the answer all of it is in the files, whatever dies then."""
    message = await everything(room, asyncio.Event())
    answer = await message.send()
    for end in ("", "-wal"):
        shutil.copy(f"{house.store.path}{end}", f"{tmp_path}/crashed.db{end}")
    async with served(f"{tmp_path}/crashed.db") as reborn:
        again = Room(reborn, room.room_id)
        target = (await again.call("GetEvent", event_id=message.target_id)).event
        assert target.content == content("new")
        _, event, injected = await again.events()
        assert event == answer.event
        assert injected.content == content("injected")
        assert (await again.call("GetRoom")).room.latest_index == injected.index
        assert {row.state for row in (await again.rows(event.event_id)).values()} == {
            pb.DELIVERY_STATE_PENDING
        }
        assert list(await again.rows(injected.event_id)) == ["phone"]
        assert [one.title for one in (await again.call("ListTasks")).tasks] == ["task"]
        observations = (await again.call("ListObservations")).observations
        assert [one.category for one in observations] == ["mood"]
        repeated = await Everything(again, message.target_id, message.phone).send()
        assert (repeated.outcome, repeated.event.event_id) == (
            pb.OUTCOME_DUPLICATE,
            event.event_id,
        )


@pytest.mark.sqlite_only
async def test_s4_step11_rooms_share_a_transaction(tmp_path: Path) -> None:
    """… group-committed with other rooms."""
    async with served(str(tmp_path / "store.db")) as house:  # nothing else is written
        rooms = [await house.room() for _ in range(8)]
        statements: list[str] = []
        await house.store.writer.run(lambda conn: conn.set_trace_callback(statements.append))
        async with disk_held(house.store):
            calls = [asyncio.ensure_future(room.say()) for room in rooms]
            await until(lambda: house.store.pending == len(rooms))
        await asyncio.gather(*calls)
        await house.store.writer.run(lambda conn: conn.set_trace_callback(None))
        assert statements.count("BEGIN IMMEDIATE") == 1


async def test_s4_step11_durable_observers_see_what_was_committed_while_they_were_away(
    house: House, room: Room
) -> None:
    """Commit: … the rows of durable observers."""
    name = room.id("audit")
    filtered = pb.HookFilter(room_ids=[room.room_id])
    durable = spec(OBSERVE, filter=filtered, delivery=pb.HOOK_DELIVERY_DURABLE)
    await house.call("CreateHook", name=name, spec=durable)
    event_id = (await room.say("while they were away")).event.event_id
    worker = await house.worker(hook(name), behave=lambda _: pb.Done())
    try:
        await worker.asked()
        assert worker.invocations[0].hook.event.event_id == event_id
    finally:
        await worker.kill()


# ------------------------------------------------------------------ 12: answer


async def deciding(room: Room) -> Worker:
    """A hook that sees when a message comes to step 9."""
    return await room.hook("watch", lambda _: allow(), DECIDE)


def said(items: list[pb.StreamItem]) -> list[str]:
    return [item.event.content.text.body for item in items if item.HasField("event")]


async def test_s4_step12_nobody_hears_of_it_before_it_is_durable(house: House, room: Room) -> None:
    """Answer the caller (`wait=COMMITTED`): committed means durable, for subscribers as well."""
    async with subscribed(room) as items:
        async with disk_held(house.store):
            call = asyncio.ensure_future(room.say("durable"))
            await until(lambda: house.store.pending == 1)
            await room.call("GetRoom")  # a round trip in which it could have been answered
            assert not call.done()
            assert said(items) == []
        assert (await call).outcome == pb.OUTCOME_ACCEPTED
        await until(lambda: said(items) == ["durable"])


async def test_s4_step12_the_caller_is_answered_before_anything_is_delivered(room: Room) -> None:
    """Answer the caller, then deliver: a phone that hangs holds nobody up."""
    opened = asyncio.Event()
    phone = await room.phone(answer=lambda _: after(opened, sent()))
    answer = await room.say()
    await phone.until(1)
    assert (await room.rows(answer.event.event_id))["phone"].state == pb.DELIVERY_STATE_PENDING
    opened.set()


async def test_s4_step12_who_wants_to_waits_for_the_deliveries(room: Room) -> None:
    """`wait=COMMITTED` is the default, DELIVERED the other one."""
    opened = asyncio.Event()
    phone = await room.phone(answer=lambda _: after(opened, sent("p1")))
    call = asyncio.ensure_future(room.say(wait=pb.WAIT_DELIVERED))
    await phone.until(1)
    await room.call("GetRoom")
    assert not call.done()
    opened.set()
    (delivery,) = (await call).deliveries
    assert delivery.result.state == pb.DELIVERY_STATE_SENT
    assert delivery.result.provider_message_id == "p1"


async def test_s4_step12_the_lock_is_free_before_the_disk_has_answered(
    house: House, room: Room
) -> None:
    """Release the lock: the next message is decided while this one is written."""
    watch = await deciding(room)
    async with disk_held(house.store):
        calls = [asyncio.ensure_future(room.say(text)) for text in "ab"]
        await watch.asked(2)
        await until(lambda: house.store.pending == 2)
        assert not any(call.done() for call in calls)
    assert [(await call).event.content.text.body for call in calls] == ["a", "b"]


async def test_s4_step12_the_lock_is_free_while_it_is_delivered(room: Room) -> None:
    """Release the lock: no delivery holds it."""
    phone = await room.phone(answer=lambda _: after(asyncio.Event(), sent()))
    await room.say("a")
    await phone.until(1)
    assert (await room.say("b")).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step12_the_doorbell_rings_for_subscribers(room: Room) -> None:
    """Ring the doorbell: those who watch get it at once, in order."""
    async with subscribed(room) as items:
        events = [(await room.say(text)).event for text in "abc"]
        await until(lambda: len(said(items)) == 3)
        assert [item.event for item in items if item.HasField("event")] == events


async def test_s4_step12_a_caller_who_leaves_takes_nothing_back(house: House, room: Room) -> None:
    """What was handed in is committed, whether or not somebody still waits."""
    async with disk_held(house.store):
        call = asyncio.ensure_future(room.say("said"))
        await until(lambda: house.store.pending == 1)
        call.cancel()
        await asyncio.wait([call])
    assert (await room.say("next")).event.index > 0
    assert await room.texts() == ["said", "next"]


async def test_s4_step12_hooks_come_before_the_store(house: House, room: Room) -> None:
    """Step 9 is before step 11: what is not decided is not on its way to the disk."""
    opened = asyncio.Event()
    gate = await room.hook("gate", lambda _: after(opened, allow()), DECIDE)
    await until(lambda: house.store.pending == 0)  # what the tests before have left
    call = asyncio.ensure_future(room.say())
    await gate.asked(1)
    await echo(gate)
    assert house.store.pending == 0
    opened.set()
    await call
