"""Semantics 1, bullet 1: a room's statuses and what moves it from one to another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from api_fakes import until
from rooms_kit import House, house, text_content, timers

from roomd import v1 as pb

ACTIVE, PAUSED = pb.ROOM_STATUS_ACTIVE, pb.ROOM_STATUS_PAUSED
CLOSED, ARCHIVED = pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED

PAUSE, RESUME = pb.PauseRoomRequest(room_id="r1"), pb.ResumeRoomRequest(room_id="r1")
CLOSE, ARCHIVE = pb.CloseRoomRequest(room_id="r1"), pb.ArchiveRoomRequest(room_id="r1")

WAYS = {ACTIVE: (), PAUSED: (PAUSE,), CLOSED: (CLOSE,), ARCHIVED: (CLOSE, ARCHIVE)}
"""How a new room comes to each status."""

MOVES = [
    pytest.param(ACTIVE, PAUSE, "room_paused", id="pause"),
    pytest.param(PAUSED, RESUME, "room_resumed", id="resume"),
    pytest.param(ACTIVE, CLOSE, "room_closed", id="close"),
    pytest.param(CLOSED, ARCHIVE, "room_archived", id="archive"),
]
CODES = ("room_paused", "room_resumed", "room_closed", "room_archived")
TRIGGERS = (
    pb.HOOK_TRIGGER_ON_ROOM_PAUSED,
    pb.HOOK_TRIGGER_ON_ROOM_RESUMED,
    pb.HOOK_TRIGGER_ON_ROOM_CLOSED,
    pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED,
)


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def bring(h: House, status: int) -> None:
    """A room r1 with a channel, in a status."""
    await h.room("r1", "ws")
    for step in WAYS[status]:
        await h.do(step)
    assert (await h.state()).status == status


async def changes(h: House) -> list[str]:
    """What subscribers are told of the room from its beginning, apart from events."""
    page = await h.engine.store.read_log("default", "r1", 0, 0, 1000)
    items = [pb.StreamItem.FromString(one.item) for one in page.entries if hasattr(one, "item")]
    return [item.room_changed.change for item in items]


@contextmanager
def held_writes(h: House) -> Iterator[list[tuple[Any, Any]]]:
    """Let nothing become durable meanwhile; what was handed in."""
    store = h.engine.store
    submit = store.submit
    held: list[tuple[Any, Any]] = []
    store.submit = lambda writes, then: held.append((writes, then))
    try:
        yield held
    finally:
        store.submit = submit
        for writes, then in held:
            submit(writes, then)


def hooked(invocations: list[pb.Invocation]) -> list[str]:
    return [one.hook.event.content.system.code for one in invocations]


# ------------------------------------------------------------------ the statuses


def test_s1_statuses_are_active_paused_closed_archived() -> None:
    """Semantics 1, bullet 1: "Statuses ACTIVE, PAUSED, CLOSED, ARCHIVED"."""
    names = [name.removeprefix("ROOM_STATUS_") for name in pb.RoomStatus.keys()]  # noqa: SIM118
    assert names == ["UNSPECIFIED", "ACTIVE", "PAUSED", "CLOSED", "ARCHIVED"]


async def test_s1_new_room_is_active(h: House) -> None:
    """Semantics 1, bullet 1."""
    assert (await h.room()).status == ACTIVE


@pytest.mark.parametrize("status", WAYS, ids=pb.RoomStatus.Name)
async def test_s1_status_survives_a_restart(tmp_path: Path, status: int) -> None:
    """Semantics 1, bullet 1: a status is stored."""
    async with house(tmp_path / "r.db") as h:
        await bring(h, status)
        before = await h.state()
        await h.restart()
        assert await h.state() == before


# ------------------------------------------------------------------ the transitions


async def test_s1_active_room_is_paused_by_timer(h: House) -> None:
    """Semantics 1, bullet 1: "ACTIVE→PAUSED by timer"."""
    await h.room(timers=timers(inactive=60))
    h.clock.advance(60)
    await until(lambda: h.told("room_paused"))
    assert (await h.state()).status == PAUSED


async def test_s1_active_room_is_paused_by_call(h: House) -> None:
    """Semantics 1, bullet 1: "or `PauseRoom`"."""
    await h.room()
    assert (await h.do(PAUSE)).room.status == PAUSED
    assert (await h.state()).status == PAUSED


async def test_s1_paused_room_is_resumed_by_call(h: House) -> None:
    """Semantics 1, bullet 1: "PAUSED→ACTIVE by `ResumeRoom`"."""
    await bring(h, PAUSED)
    assert (await h.do(RESUME)).room.status == ACTIVE
    assert (await h.state()).status == ACTIVE


async def test_s1_paused_room_becomes_active_with_the_next_accepted_message(h: House) -> None:
    """Semantics 1, bullet 1: "or by the next accepted message"; it fires as ResumeRoom does."""
    await bring(h, PAUSED)
    watcher = await h.observe(*TRIGGERS)
    assert (await h.say("anybody there?")).outcome == pb.OUTCOME_ACCEPTED
    assert (await h.state()).status == ACTIVE
    await watcher.asked()
    assert hooked(watcher.invocations) == ["room_resumed"]
    assert len(h.told("room_resumed")) == 1


async def test_s1_blocked_message_does_not_resume_a_paused_room(h: House) -> None:
    """Semantics 1, bullet 1: "the next *accepted* message"."""
    await bring(h, PAUSED)
    await h.forbid("spam")
    assert (await h.say("buy spam")).outcome == pb.OUTCOME_BLOCKED
    assert (await h.state()).status == PAUSED


async def test_s1_refused_message_does_not_resume_a_paused_room(h: House) -> None:
    """Semantics 1, bullet 1: "the next *accepted* message"."""
    await bring(h, PAUSED)
    await h.participant("eve")
    request = pb.RemoveParticipantRequest(room_id="r1", participant_id="eve", ban=True)
    await h.do(request)
    assert (await h.say("let me in", sender="eve")).outcome == pb.OUTCOME_REFUSED
    assert (await h.state()).status == PAUSED


async def test_s1_duplicate_message_does_not_resume_a_paused_room(h: House) -> None:
    """Semantics 1, bullet 1: "the next *accepted* message"; a duplicate is none."""
    await h.room("r1", "ws")
    await h.say("hello", idempotency_key="k")
    await h.do(PAUSE)
    assert (await h.say("hello", idempotency_key="k")).outcome == pb.OUTCOME_DUPLICATE
    assert (await h.state()).status == PAUSED


@pytest.mark.parametrize("status", [ACTIVE, PAUSED], ids=pb.RoomStatus.Name)
async def test_s1_active_or_paused_room_is_closed_by_timer(h: House, status: int) -> None:
    """Semantics 1, bullet 1: "ACTIVE/PAUSED→CLOSED by timer"."""
    await h.room(timers=timers(closed=300))
    for step in WAYS[status]:
        await h.do(step)
    h.clock.advance(300)
    await until(lambda: h.told("room_closed"))
    assert (await h.state()).status == CLOSED


@pytest.mark.parametrize("status", [ACTIVE, PAUSED], ids=pb.RoomStatus.Name)
async def test_s1_active_or_paused_room_is_closed_by_call(h: House, status: int) -> None:
    """Semantics 1, bullet 1: "or `CloseRoom`"."""
    await bring(h, status)
    assert (await h.do(CLOSE)).room.status == CLOSED
    assert (await h.state()).HasField("close_time")


async def test_s1_closed_room_is_archived(h: House) -> None:
    """Semantics 1, bullet 1: "CLOSED→ARCHIVED"."""
    await bring(h, CLOSED)
    assert (await h.do(ARCHIVE)).room.status == ARCHIVED


@pytest.mark.parametrize(
    ("status", "step"),
    [
        pytest.param(ACTIVE, ARCHIVE, id="archive-active"),
        pytest.param(PAUSED, ARCHIVE, id="archive-paused"),
        pytest.param(CLOSED, PAUSE, id="pause-closed"),
        pytest.param(CLOSED, RESUME, id="resume-closed"),
    ],
)
async def test_s1_there_are_no_other_transitions(
    h: House, status: int, step: pb.PauseRoomRequest
) -> None:
    """Semantics 1, bullet 1 lists the transitions; any other is WRONG_STATE."""
    await bring(h, status)
    assert (await h.failure(step)).reason == "WRONG_STATE"
    assert (await h.state()).status == status


async def test_s1_archived_is_final(h: House) -> None:
    """Semantics 1, bullet 1: "ARCHIVED is final": no call, message or timer leaves it."""
    await h.room("r1", "ws", timers=timers(inactive=60, closed=300))
    await h.do(CLOSE)
    await h.do(ARCHIVE)
    before = await h.state()
    for step in (PAUSE, RESUME):
        assert (await h.failure(step)).reason == "WRONG_STATE"
    assert (await h.do(CLOSE)).room.status == ARCHIVED
    assert (await h.say("hello")).outcome == pb.OUTCOME_REFUSED
    h.clock.advance(1000)
    await h.do(pb.CheckAllTimersRequest())
    assert await h.state() == before


# ------------------------------------------------------------------ idempotency


@pytest.mark.parametrize(("start", "step", "code"), MOVES)
async def test_s1_repeating_a_transition_changes_nothing(
    h: House, start: int, step: pb.PauseRoomRequest, code: str
) -> None:
    """Semantics 1, bullet 1: "repeating it changes nothing": no field, not even a time."""
    await bring(h, start)
    first = (await h.do(step)).room
    told = await changes(h)
    h.clock.advance(5)
    assert (await h.do(step)).room == first
    assert await h.state() == first
    assert await changes(h) == told
    assert told[-1] == code


@pytest.mark.parametrize(("start", "step", "code"), MOVES)
async def test_s1_repeating_a_transition_fires_nothing(
    h: House, start: int, step: pb.PauseRoomRequest, code: str
) -> None:
    """Semantics 1, bullet 1: "and fires nothing": neither hook nor framework event."""
    await bring(h, start)
    h.tail.events.clear()
    watcher = await h.observe(*TRIGGERS, pb.HOOK_TRIGGER_ON_TASK_CREATED)
    for _ in range(3):
        await h.do(step)
    # What is told after it shows that nothing else is on its way.
    await h.do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="the end")))
    await watcher.asked(2)
    assert hooked(watcher.invocations) == [code, "task_created"]
    assert [event.type for event in h.told(*CODES)] == [code]


async def test_s1_closing_an_archived_room_again_changes_and_fires_nothing(h: House) -> None:
    """Semantics 1, bullet 1: closing a room that was archived meanwhile is a repetition."""
    await bring(h, ARCHIVED)
    before = await h.state()
    h.tail.events.clear()
    h.clock.advance(5)
    assert (await h.do(CLOSE)).room == before
    assert not h.told(*CODES)


# ------------------------------------------------------------------ hooks of a transition


@pytest.mark.parametrize(("start", "step", "code"), MOVES)
async def test_s1_hooks_of_a_transition_run_after_its_commit(
    h: House, start: int, step: pb.PauseRoomRequest, code: str
) -> None:
    """Semantics 1, bullet 1: "Hooks of a transition run after it is committed": while the
    disk is not done, nobody is told.
    """
    await bring(h, start)
    watcher = await h.observe(*TRIGGERS)
    with held_writes(h) as held:
        moving = asyncio.ensure_future(h.do(step))
        await until(lambda: held)
        for _ in range(5):
            await h.do(pb.GetServerInfoRequest())  # to the server and back, so that it had time
        assert not watcher.invocations
        assert not h.told(code)
        assert not moving.done()
    await moving
    await watcher.asked()
    assert hooked(watcher.invocations) == [code]


@pytest.mark.parametrize(("start", "step", "code"), MOVES)
async def test_s1_hooks_of_a_transition_run_outside_the_lock(
    h: House, start: int, step: pb.PauseRoomRequest, code: str
) -> None:
    """Semantics 1, bullet 1: "outside the lock": a hook may call back into its room, and
    finds the transition done.
    """
    await bring(h, start)
    seen: list[tuple[str, int]] = []

    async def call_back(invocation: pb.Invocation) -> pb.Done:
        request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1", labels={"seen": "yes"}))
        request.update_mask.paths.append("labels")
        room = (await h.do(request)).room
        seen.append((invocation.hook.event.content.system.code, room.status))
        return pb.Done()

    await h.observe(*TRIGGERS, behave=call_back)
    moved = (await h.do(step)).room
    await until(lambda: seen)
    assert seen == [(code, moved.status)]


async def test_s1_transition_does_not_wait_for_its_hooks(h: House) -> None:
    """Semantics 1, bullet 1: hooks run after the commit, so the caller is not held up."""
    await bring(h, ACTIVE)
    watcher = await h.observe(*TRIGGERS, behave=lambda _: None)
    assert (await h.do(PAUSE)).room.status == PAUSED
    await watcher.asked()
    assert (await h.say(text_content("still alive"))).outcome == pb.OUTCOME_ACCEPTED
