"""Semantics 1, bullet 2: the timers of quiet rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_fakes import until
from rooms_kit import House, house, text_content, timers

from roomd import v1 as pb

ACTIVE, PAUSED, CLOSED = (
    pb.ROOM_STATUS_ACTIVE,
    pb.ROOM_STATUS_PAUSED,
    pb.ROOM_STATUS_CLOSED,
)


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def check(h: House, room_id: str = "r1") -> int:
    """The room's status once its timers were looked at."""
    return (await h.do(pb.CheckRoomTimersRequest(room_id=room_id))).room.status


async def check_all(h: House) -> list[str]:
    """Rooms that a look at all timers has changed."""
    changed = (await h.do(pb.CheckAllTimersRequest())).rooms
    return sorted(room.room_id for room in changed)


# ------------------------------------------------------------------ from the last activity


async def test_s1_inactive_after_counts_from_the_last_activity(h: House) -> None:
    """Semantics 1, bullet 2: "`inactive_after` … from the last activity": a message begins
    it anew, and not a second earlier does it fire.
    """
    await h.room("r1", "ws", timers=timers(inactive=60))
    h.clock.pass_unseen(50)
    await h.say("still here")
    h.clock.pass_unseen(59)
    assert await check(h) == ACTIVE
    h.clock.pass_unseen(1)
    assert await check(h) == PAUSED


async def test_s1_closed_after_counts_from_the_last_activity(h: House) -> None:
    """Semantics 1, bullet 2: "`closed_after` … from the last activity"; the pause between is
    no activity.
    """
    await h.room("r1", "ws", timers=timers(inactive=60, closed=300))
    h.clock.pass_unseen(100)
    await h.say("hello")
    h.clock.pass_unseen(60)
    assert await check(h) == PAUSED
    h.clock.pass_unseen(239)
    assert await check(h) == PAUSED
    h.clock.pass_unseen(1)
    assert await check(h) == CLOSED


async def test_s1_timers_of_a_room_in_which_nothing_was_said_count_from_its_creation(
    h: House,
) -> None:
    """Semantics 1, bullet 2: being made is the first activity."""
    await h.room(timers=timers(inactive=60))
    h.clock.pass_unseen(59)
    assert await check(h) == ACTIVE
    h.clock.pass_unseen(1)
    assert await check(h) == PAUSED


async def test_s1_bookkeeping_is_no_activity(h: House) -> None:
    """Semantics 1, bullet 2: attaching, muting, a new participant or metadata are none."""
    await h.room("r1", "ws", timers=timers(inactive=60))
    h.clock.pass_unseen(40)
    await h.add("other")
    await h.do(pb.MuteChannelRequest(room_id="r1", channel_id="ws"))
    await h.participant("bob")
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1", labels={"a": "b"}))
    request.update_mask.paths.append("labels")
    await h.do(request)
    h.clock.pass_unseen(20)
    assert await check(h) == PAUSED


async def test_s1_timers_set_later_count_from_the_last_activity(h: House) -> None:
    """Semantics 1, bullet 2: not from the moment when they were set."""
    await h.room()
    h.clock.pass_unseen(50)
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="r1", timers=timers(inactive=60)))
    request.update_mask.paths.append("timers")
    await h.do(request)
    h.clock.pass_unseen(10)
    assert await check(h) == PAUSED


async def test_s1_answer_of_an_ai_is_activity(h: House) -> None:
    """Semantics 1, bullet 2: whatever is said counts, whoever says it."""
    await h.room("r1", "ws", timers=timers(inactive=60))
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model")
    h.clock.pass_unseen(50)
    request = pb.SendEventRequest(room_id="r1", channel_id="ai", content=text_content("Still here"))
    await h.do(request)
    h.clock.pass_unseen(59)
    assert await check(h) == ACTIVE


async def test_s1_room_without_timers_never_pauses_or_closes(h: House) -> None:
    """Semantics 1, bullet 2: unset or 0 is never."""
    await h.room("unset")
    await h.room("zero", timers=timers())
    h.clock.advance(10 * 365 * 24 * 3600.0)
    assert await check_all(h) == []
    assert await check(h, "unset") == await check(h, "zero") == ACTIVE


# ------------------------------------------------------------------ by itself


async def test_s1_server_fires_timers_itself(h: House) -> None:
    """Semantics 1, bullet 2: "The server fires them itself": nobody calls anything."""
    await h.room(timers=timers(inactive=60, closed=300))
    h.clock.advance(60)
    await until(lambda: h.told("room_paused"))
    h.clock.advance(240)
    await until(lambda: h.told("room_closed"))
    assert (await h.state()).status == CLOSED


async def test_s1_timer_fires_the_hook_of_its_transition(h: House) -> None:
    """Semantics 1, bullet 2: a transition by timer fires what one by call does."""
    watcher = await h.observe(pb.HOOK_TRIGGER_ON_ROOM_PAUSED, pb.HOOK_TRIGGER_ON_ROOM_CLOSED)
    await h.room(timers=timers(inactive=20, closed=40))
    h.clock.advance(20)
    await watcher.asked(1)
    h.clock.advance(20)
    await watcher.asked(2)
    assert [one.trigger for one in watcher.invocations] == [
        pb.HOOK_TRIGGER_ON_ROOM_PAUSED,
        pb.HOOK_TRIGGER_ON_ROOM_CLOSED,
    ]


async def test_s1_server_fires_the_timers_of_any_number_of_rooms(h: House) -> None:
    """Semantics 1, bullet 2: "any number of rooms": more than one page of what is due."""
    names = [f"r{number:03}" for number in range(230)]
    for name in names:
        await h.room(name, timers=timers(inactive=60))
    h.clock.advance(60)
    await until(lambda: len(h.told("room_paused")) == len(names))
    paused = pb.ListRoomsRequest(statuses=[PAUSED], page_size=1000)
    assert [room.room_id for room in (await h.do(paused)).rooms] == names


async def test_s1_timers_fire_from_an_index_of_due_times(tmp_path: Path) -> None:
    """Semantics 1, bullet 2: "from an index of due times": rooms that are not due are not
    even loaded.
    """
    async with house(tmp_path / "r.db") as h:
        for number in range(30):
            await h.room(f"later{number}", timers=timers(inactive=3600))
        await h.room("now", timers=timers(inactive=60))
        await h.restart()
        h.clock.advance(60)
        await until(lambda: h.told("room_paused"))
        assert h.engine.directory.live_count == 1


async def test_s1_timers_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 2: the due times are stored, and go on counting."""
    async with house(tmp_path / "r.db") as h:
        await h.room(timers=timers(inactive=60))
        h.clock.advance(30)
        await h.restart()
        h.clock.advance(29)
        assert await check(h) == ACTIVE
        h.clock.advance(1)
        await until(lambda: h.told("room_paused"))


async def test_s1_timer_that_fell_due_while_the_server_was_down_fires_at_its_start(
    tmp_path: Path,
) -> None:
    """Semantics 1, bullet 2: the server fires them itself, also those that it slept through."""
    async with house(tmp_path / "r.db") as h:
        await h.room(timers=timers(inactive=60))
        h.clock.pass_unseen(3600)
        await h.restart()
        await until(lambda: h.told("room_paused"))


# ------------------------------------------------------------------ for tests and scripts


async def test_s1_check_room_timers_fires_the_timers_of_one_room(h: House) -> None:
    """Semantics 1, bullet 2: "`CheckRoomTimers` …"."""
    await h.room("r1", timers=timers(inactive=60))
    await h.room("r2", timers=timers(inactive=60))
    h.clock.pass_unseen(60)
    assert await check(h, "r1") == PAUSED
    assert (await h.state("r2")).status == ACTIVE
    assert [event.room_id for event in h.told("room_paused")] == ["r1"]


async def test_s1_check_all_timers_fires_whatever_is_due(h: House) -> None:
    """Semantics 1, bullet 2: "`CheckAllTimers` …"; a second look finds nothing."""
    for name, seconds in (("a", 60), ("b", 60), ("c", 61)):
        await h.room(name, timers=timers(inactive=seconds))
    h.clock.pass_unseen(60)
    assert await check_all(h) == ["a", "b"]
    assert await check_all(h) == []
    assert sorted(event.room_id for event in h.told("room_paused")) == ["a", "b"]
