"""Semantics 11: retention per room; promise P4: what is gone is said, never a silent hole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from api_fakes import drained, failure_of, until
from at_rest_kit import tables_with
from google.protobuf.field_mask_pb2 import FieldMask
from hook_kit import OBSERVE, ORG, Worker, block, hook, spec
from hooks_kit import SUBSCRIBE, Seen, serve, subscribed
from rooms_kit import House, house

from roomd import v1 as pb
from roomd_server.core import retention
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import ObserverQuery, WriteSet
from roomd_server.core.times import duration

DAY = 86_400.0
DURABLE = pb.HOOK_DELIVERY_DURABLE


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path / "rooms.db") as made:
        yield made


def keep(events: float | None = None, closed: float | None = None) -> pb.RoomRetention:
    """What a room keeps, in days."""
    kept = pb.RoomRetention()
    if events is not None:
        kept.events.CopyFrom(duration(events * DAY))
    if closed is not None:
        kept.closed_room.CopyFrom(duration(closed * DAY))
    return kept


async def say_daily(h: House, days: int, room_id: str = "r1") -> None:
    """A message a day, the newest right now."""
    for day in range(days):
        if day:
            h.clock.pass_unseen(DAY)
        await h.say(f"day{day}", room_id=room_id, raw_payload={"secret": f"day{day}"})


async def sweep(h: House) -> None:
    await h.engine.retention.sweep()


async def kept(h: House, room_id: str = "r1") -> list[str]:
    return [event.content.text.body for event in await h.messages(room_id)]


def texts(seen: Seen) -> list[str]:
    return [event.content.text.body for event in seen.messages]


def changes(seen: Seen) -> list[pb.StreamItem.EventChanged]:
    return [item.event_changed for item in seen.items if item.HasField("event_changed")]


async def listed(h: House, **asked: object) -> pb.ListEventsResponse:
    answer: pb.ListEventsResponse = await h.do(pb.ListEventsRequest(room_id="r1", **asked))
    return answer


# ------------------------------------------------------------------ what is kept how long


async def test_s11_a_room_keeps_its_events_as_long_as_it_says(h: House) -> None:
    """Semantics 11: "Retention … per room": what is older goes, with its deliveries and its
    words; the index goes on, also over a restart.
    """
    await h.room("r1", "ws", retention=keep(events=2.5))
    await h.add("sms")
    await h.room("r2", retention=keep(events=0))
    await h.attach("ws", "r2")
    await say_daily(h, 2, "r2")
    await say_daily(h, 6)
    (old,) = (await h.do(pb.SearchEventsRequest(query="day1", room_id="r1"))).hits
    await sweep(h)
    assert await kept(h) == ["day3", "day4", "day5"]
    assert await kept(h, "r2") == ["day0", "day1"]
    assert (await h.failure(pb.GetEventRequest(room_id="r1", event_id=old.event.event_id))).reason
    assert not (await h.do(pb.SearchEventsRequest(query="day1", room_id="r1"))).hits
    oldest = (await h.timeline())[0].index
    assert min(row.event_index for row in await h.deliveries("sms")) >= oldest
    newest = (await h.state()).latest_index
    await h.restart()
    said = await h.say("later")
    assert said.event.index == newest + 1
    assert (await h.state()).event_count == newest + 2


async def test_s11_nothing_of_what_was_too_old_is_left_in_any_table(h: House) -> None:
    """Content, what the provider sent, the hooks' reasons, provider names, words, changes; also
    of an event that was edited when others were young.
    """
    canary = "kanarienvogel"
    await h.room("r1", "ws", retention=keep(events=1.5))
    provider = await h.provider()
    provider.outcome.provider_message_id = canary
    number = {"phone_number": "+15550100"}
    await h.add("sms", pb.CHANNEL_TYPE_SMS, by="gateway", binding={"metadata": number})
    said = (await h.say(f"a {canary}", raw_payload={"text": canary})).event
    await serve(h, hook("gate", spec()), behave=lambda _: block(canary))
    await h.say(f"blocked {canary}", metadata={"note": canary})
    h.clock.pass_unseen(1.4 * DAY)
    content = pb.Content(text=pb.TextContent(body=f"another {canary}"))
    edit = pb.UpdateEventRequest(room_id="r1", event_id=said.event_id, content=content)
    edit.update_mask.paths.append("content")
    await h.do(edit)
    assert (await h.do(pb.SearchEventsRequest(query=canary))).hits
    assert await tables_with(h, canary) >= {"events", "deliveries", "delivery_provider_ids"}
    h.clock.pass_unseen(0.2 * DAY)
    await sweep(h)
    assert await tables_with(h, canary) == set()


async def test_s11_the_server_says_it_for_rooms_that_do_not() -> None:
    """The default is for ever; ``--retention-days`` is another one; a room's 0 is for ever."""
    async with house(retention_days=2.0) as h:
        await h.room("r1", "ws")
        await h.room("r2", retention=keep(events=0))
        await h.attach("ws", "r2")
        await say_daily(h, 4)
        await h.say("old", room_id="r2")
        h.clock.pass_unseen(3 * DAY)
        await sweep(h)
        assert await kept(h) == []
        assert await kept(h, "r2") == ["old"]
    async with house() as h:
        await h.room("r1", "ws")
        await say_daily(h, 2)
        h.clock.pass_unseen(3650 * DAY)
        await sweep(h)
        assert await kept(h) == ["day0", "day1"]


async def test_s11_a_room_can_say_something_else_later(h: House) -> None:
    await h.room("r1", "ws")
    await say_daily(h, 4)
    room = pb.Room(room_id="r1", retention=keep(events=1.5))
    mask = FieldMask(paths=["retention"])
    changed = (await h.do(pb.UpdateRoomRequest(room=room, update_mask=mask))).room
    assert changed.retention == room.retention
    await sweep(h)
    assert await kept(h) == ["day2", "day3"]


async def test_s11_it_happens_by_itself(h: House) -> None:
    await h.room("r1", "ws", retention=keep(events=1))
    await say_daily(h, 3)
    gone = (await h.timeline())[0]
    h.clock.advance(retention.SWEEP_SECONDS)
    actor = await h.engine.directory.get(ORG, "r1")
    await until(lambda: actor.kept_from.index > gone.index)


async def test_s11_less_than_a_day_counts_as_a_day(h: House) -> None:
    """As long as a repeated key is remembered it is answered with the first event (P2)."""
    await h.room("r1", "ws", retention=keep(events=0.01))
    first = await h.say("once", idempotency_key="k")
    h.clock.pass_unseen(DAY - 60)
    await sweep(h)
    again = await h.say("once", idempotency_key="k")
    assert again.outcome == pb.OUTCOME_DUPLICATE
    assert again.event.event_id == first.event.event_id


async def test_s11_a_clock_that_jumps_forward_removes_nothing(h: House) -> None:
    await h.room("r1", "ws", retention=keep(events=3, closed=3))
    await say_daily(h, 2)
    await h.do(pb.CloseRoomRequest(room_id="r1"))
    h.clock.jump(30 * DAY)
    await sweep(h)
    assert await kept(h) == ["day0", "day1"]


async def test_s11_it_goes_step_by_step(h: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history does not hold up the room: others get in between."""
    monkeypatch.setattr(retention, "STEP_EVENTS", 2)
    await h.room("r1", "ws", retention=keep(events=2.5))
    await say_daily(h, 12)
    steps: list[int] = []
    store = h.server._store
    trim = store.trim_room

    async def watched(org: str, room_id: str, index: int) -> object:
        steps.append(index)
        return await trim(org, room_id, index)

    monkeypatch.setattr(store, "trim_room", watched)
    await sweep(h)
    assert await kept(h) == ["day9", "day10", "day11"]
    assert len(steps) > 3
    assert all(later - index <= 2 for index, later in pairwise(steps))


# ------------------------------------------------------------------ who reads too late is told


async def test_s11_p4_a_subscriber_learns_that_its_cursor_is_too_old(h: House) -> None:
    """P4: "an explicit truncation. Never a silent hole": from memory and from the store."""
    await h.room("r1", "ws", retention=keep(events=2))
    await say_daily(h, 2)
    async with subscribed(h, after_index=-1) as seen:
        await seen.until(lambda seen: "day0" in texts(seen))
        cursor = seen.items[1].cursor
    h.clock.pass_unseen(DAY)
    await say_daily(h, 3)
    await sweep(h)
    oldest = (await listed(h)).oldest_index
    for _ in range(2):
        for start in ({"cursor": cursor}, {"after_index": 0}, {"after_index": -1}):
            request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r1", **start))
            failure = await failure_of(drained(h.client.stream(SUBSCRIBE, request)))
            assert failure.reason == "HISTORY_TRUNCATED"
            assert failure.info.metadata["oldest_index"] == str(oldest)
        async with subscribed(h, after_index=oldest - 1) as seen:
            await seen.until(lambda seen: texts(seen)[-1:] == ["day2"])
            assert seen.items[0].subscribed.oldest_index == oldest
        await h.restart()


async def test_s11_p4_the_shell_watches_a_room_from_what_is_kept(h: House) -> None:
    await h.room("r1", "ws", retention=keep(events=2))
    await say_daily(h, 4)
    await sweep(h)
    (port,) = h.server._api.ports
    tail = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "roomd_server.cli", "room", "tail", "r1", "--from-start"),
        *("--address", f"127.0.0.1:{port}"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert tail.stdout is not None
    try:
        async with asyncio.timeout(20):
            lines = [(await tail.stdout.readline()).decode() for _ in await kept(h)]
    finally:
        tail.kill()
        await tail.wait()
    assert [line.strip().rpartition("\t")[2] for line in lines] == await kept(h)


async def test_s11_p4_a_page_of_the_timeline_says_what_is_missing(h: House) -> None:
    """A page that would begin behind a hole fails; one that begins with what is kept says so."""
    await h.room("r1", "ws", retention=keep(events=2))
    await say_daily(h, 3)
    first = await listed(h, page_size=2)
    assert not first.HasField("oldest_index")
    h.clock.pass_unseen(2 * DAY)
    await h.say("now")
    await sweep(h)
    following = pb.ListEventsRequest(room_id="r1", page_size=2, page_token=first.next_page_token)
    failure = await h.failure(following)
    assert failure.reason == "HISTORY_TRUNCATED"
    oldest = int(failure.info.metadata["oldest_index"])
    whole = await listed(h)
    assert (whole.oldest_index, whole.events[0].index) == (oldest, oldest)
    assert (await listed(h, after_index=-1)).events == whole.events
    assert (await listed(h, after_index=oldest - 1)).events == whole.events
    late = await h.failure(pb.ListEventsRequest(room_id="r1", after_index=oldest - 2))
    assert late.reason == "HISTORY_TRUNCATED"
    backwards = await listed(h, newest_first=True)
    assert backwards.oldest_index == oldest
    assert list(backwards.events) == list(reversed(whole.events))


async def test_s11_p4_what_goes_while_a_page_is_read_is_told(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is read when events are gone, and their removal not yet answered."""
    await h.room("r1", "ws", retention=keep(events=1.5))
    await say_daily(h, 4)
    store = h.server._store
    trim = store.trim_room
    reasons: list[str] = []

    async def watched(org: str, room_id: str, index: int) -> object:
        kept_from = await trim(org, room_id, index)
        page = pb.ListEventsRequest(room_id="r1", after_index=0)
        reasons.append((await h.failure(page)).reason)
        return kept_from

    monkeypatch.setattr(store, "trim_room", watched)
    await sweep(h)
    assert reasons == ["HISTORY_TRUNCATED"]


async def test_s11_p4_a_store_that_fails_leaves_no_hole_untold(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it removed anything before it failed; the next sweep makes it true."""
    await h.room("r1", "ws", retention=keep(events=1.5))
    await say_daily(h, 4)
    trim = h.server._store.trim_room

    async def failing(org: str, room_id: str, index: int) -> object:
        await trim(org, room_id, index - 1)
        raise Unavailable(pb.ERROR_REASON_STORE_DOWN, "away")

    with monkeypatch.context() as patch:
        patch.setattr(h.server._store, "trim_room", failing)
        with pytest.raises(Unavailable):
            await sweep(h)
        late = await h.failure(pb.ListEventsRequest(room_id="r1", after_index=0))
        assert late.reason == "HISTORY_TRUNCATED"
    await sweep(h)
    whole = await listed(h)
    assert whole.oldest_index == whole.events[0].index
    assert await kept(h) == ["day2", "day3"]


async def test_s11_p4_a_change_of_an_event_that_is_gone_tells_its_ids_alone(h: House) -> None:
    """What it said then is not read any more, in memory or in the store."""
    await h.room("r1", "ws", retention=keep(events=2))
    said = (await h.say("a secret")).event
    h.clock.pass_unseen(2 * DAY)
    await h.say("young")
    async with subscribed(h, after_index=said.index) as seen:
        await seen.until(lambda seen: seen.messages)
        cursor = seen.items[-1].cursor
    content = pb.Content(text=pb.TextContent(body="another secret"))
    mask = FieldMask(paths=["content"])
    await h.do(
        pb.UpdateEventRequest(
            room_id="r1", event_id=said.event_id, content=content, update_mask=mask
        )
    )
    h.clock.pass_unseen(DAY)
    await sweep(h)
    for _ in range(2):
        async with subscribed(h, cursor=cursor) as seen:
            await seen.until(changes)
            (changed,) = changes(seen)
        ids = pb.RoomEvent(event_id=said.event_id, room_id="r1", index=said.index)
        assert changed.event == ids
        assert "content" in changed.changed_paths
        await h.restart()


# ------------------------------------------------------------------ who is owed something


async def test_s11_what_a_durable_observer_is_owed_stays_until_it_was_told(h: House) -> None:
    """Retention loses nothing of a durable observer's queue: it is told all, in order."""
    await h.room("r1", "ws", retention=keep(events=1.5))
    described = spec(OBSERVE, pb.HOOK_TRIGGER_AFTER_BROADCAST, delivery=DURABLE)
    await h.do(pb.CreateHookRequest(name="one", spec=described))
    await say_daily(h, 5)
    await sweep(h)
    await h.restart()
    assert await kept(h) == [f"day{day}" for day in range(5)]
    worker: Worker = await serve(h, hook("one"), behave=lambda _: pb.Done())
    await until(lambda: len(worker.invocations) == 5)
    told = [one.hook.event.content.text.body for one in worker.invocations]
    assert told == [f"day{day}" for day in range(5)]
    while await h.server._store.observer_counts(ORG):
        await sweep(h)
    await sweep(h)
    assert await kept(h) == ["day3", "day4"]


async def test_s11_what_was_given_up_is_not_waited_for_and_its_end_is_told(h: House) -> None:
    """A parked row holds no event up; replayed too late it is no silent hole either."""
    await h.room("r1", "ws", retention=keep(events=1.5))
    described = spec(OBSERVE, pb.HOOK_TRIGGER_AFTER_BROADCAST, delivery=DURABLE)
    await h.do(pb.CreateHookRequest(name="one", spec=described))
    await say_daily(h, 3)
    rows = await h.server._store.observer_rows(ORG, ObserverQuery("one", 10))
    parked = [one.row._replace(parked=True, park_time=h.clock.now()) for one in rows]
    await h.server._store.commit(WriteSet(ORG, changed_observer_rows=parked))
    await h.restart()
    await sweep(h)
    assert await kept(h) == ["day1", "day2"]
    await h.do(pb.ReplayParkedInvocationsRequest(hook="one"))
    worker: Worker = await serve(h, hook("one"), behave=lambda _: pb.Done())
    await until(lambda: len(worker.invocations) == 2)
    told = [one.hook.event.content.text.body for one in worker.invocations]
    assert told == ["day1", "day2"]
    assert [event.room_id for event in h.told("hook_event_expired")] == ["r1"]


# ------------------------------------------------------------------ closed rooms


async def test_s11_a_closed_room_is_deleted_when_its_time_is_over(h: House) -> None:
    """Whoever watches it is told, and a room of its id begins anew."""
    for room_id in ("r1", "r2", "r3"):
        await h.room(room_id, retention=keep(closed=7))
    await h.register("ws")
    for room_id in ("r1", "r2", "r3"):
        await h.attach("ws", room_id)
    await say_daily(h, 3)
    await h.do(pb.CloseRoomRequest(room_id="r1"))
    h.clock.pass_unseen(4 * DAY)
    await h.do(pb.CloseRoomRequest(room_id="r2"))
    h.clock.pass_unseen(3 * DAY)
    async with subscribed(h) as seen:
        await sweep(h)
        await seen.until(lambda seen: seen.items[-1].ending.reason == "ROOM_DELETED")
    assert [event.room_id for event in h.told("room_deleted")] == ["r1"]
    assert (await h.failure(pb.GetRoomRequest(room_id="r1"))).reason == "ROOM_NOT_FOUND"
    assert (await h.state("r2")).status == pb.ROOM_STATUS_CLOSED
    assert (await h.state("r3")).status == pb.ROOM_STATUS_ACTIVE
    assert not (await h.do(pb.SearchEventsRequest(query="day0"))).hits
    await h.room("r1")
    assert (await h.state("r1")).event_count == 0
