"""Deliveries of one target: in order, within limits, through outages, without loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from core_services import ME
from google.protobuf.duration_pb2 import Duration
from lane_parts import LaneRig, lane_rig, states

from roomd import v1 as pb
from roomd_server.core.attempts import Attempt, Told, failed, told_by_failure
from roomd_server.core.cascade import Cascade
from roomd_server.core.errors import Unavailable
from roomd_server.core.lane import Job, Lane, Ready
from roomd_server.core.room import Draft, RoomActor

DOWN = Attempt(failed("timeout", "down", retryable=True), Told.FAILS)
REFUSED = Attempt(failed("unknown_recipient", "no such number"), Told.WORKS)
UNSERVED = Attempt(failed("no_worker", "nobody", retryable=True))


@pytest.fixture
async def rig() -> AsyncIterator[LaneRig]:
    async with lane_rig() as made:
        yield made


# ------------------------------------------------------------------ rate limits


async def limit(rig: LaneRig, **fields: object) -> None:
    await rig.channels.register("sms", pb.CHANNEL_TYPE_SMS, replace=True, **fields)


async def test_what_is_given_up_takes_no_place_from_what_comes_later(rig: LaneRig) -> None:
    """A minute's place, deadlines of ten seconds: who comes in a minute must not wait for
    those who did not wait."""
    worker = rig.channels.channels.get("acme", "sms").implementation
    once = pb.RateLimit(max_per_minute=1)
    await limit(rig, rate_limit=once, delivery_deadline=Duration(seconds=10), implementation=worker)
    actor = await rig.room()
    for number in range(5):
        await rig.say(actor, str(number))
    await rig.settle(attempts=1)
    assert states(await rig.rows(actor)) == ["FAILED"] * 4 + ["SENT"]
    await rig.pass_time(60, step=60)
    await rig.say(actor, "later")
    await rig.settle(attempts=2)
    assert [body for _, body in rig.sender.sent] == ["0", "later"]


async def test_a_limit_that_does_not_let_it_go_costs_no_place_in_the_other(rig: LaneRig) -> None:
    worker = rig.channels.channels.get("acme", "sms").implementation
    await limit(
        rig,
        rate_limit=pb.RateLimit(max_per_minute=3),
        delivery_deadline=Duration(seconds=10),
        implementation=worker,
    )
    narrow = await rig.room("narrow", rate_limit=pb.RateLimit(max_per_hour=1))
    wide = await rig.room("wide")
    for number in range(5):
        await rig.say(narrow, str(number))
    await rig.settle(attempts=1)
    for number in range(2):
        await rig.say(wide, str(number))
    await rig.settle(attempts=3)
    assert rig.sender.sent == [("narrow", "0"), ("wide", "0"), ("wide", "1")]


async def test_who_waits_for_a_place_goes_when_it_comes(rig: LaneRig) -> None:
    actor = await rig.room(rate_limit=pb.RateLimit(max_per_second=1))
    start = rig.services.clock.monotonic()
    for number in range(3):
        await rig.say(actor, str(number))
    await rig.pass_time(4, step=0.5)
    assert [moment - start for moment in rig.sender.at] == [0, 1, 2]


async def test_what_waits_for_its_worker_takes_no_place(rig: LaneRig) -> None:
    """It is tried again and again; the first that is served has the one place of the hour."""
    rig.sender.answers.extend([UNSERVED] * 3)
    actor = await rig.room(rate_limit=pb.RateLimit(max_per_hour=1))
    await rig.say(actor, "patient")
    await rig.pass_time(20)
    assert states(await rig.rows(actor)) == ["SENT"]


async def waiting(rig: LaneRig) -> tuple[RoomActor, pb.Delivery]:
    """A message that waits for its place in the limit, behind one that went."""
    actor = await rig.room(rate_limit=pb.RateLimit(max_per_second=1))
    await rig.say(actor, "first")
    row = await rig.say(actor, "second")
    await rig.settle(attempts=1)
    return actor, row


async def withdraw(rig: LaneRig, actor: RoomActor, row: pb.Delivery) -> None:
    event = await rig.services.store.get_event(ME.org, actor.room_id, row.event_id)
    event.delete_time.CopyFrom(row.create_time)
    draft = Draft(actor, rig.services.clock)
    draft.change_event(event, ["delete_time"])
    await draft.commit()


async def test_what_is_withdrawn_while_it_waits_leaves_its_place(rig: LaneRig) -> None:
    actor, row = await waiting(rig)
    await withdraw(rig, actor, row)
    await rig.pass_time(1)
    assert (await rig.row(row)).result.error_code == "event_deleted"
    await rig.say(actor, "third")
    await rig.settle(attempts=2)
    assert [body for _, body in rig.sender.sent] == ["first", "third"]


async def test_what_is_detached_while_it_waits_says_so(rig: LaneRig) -> None:
    actor, row = await waiting(rig)
    draft = Draft(actor, rig.services.clock)
    draft.remove_binding(actor.bindings["sms"], "channel_detached")
    await draft.commit()
    await rig.pass_time(1)
    assert (await rig.row(row)).result.error_code == "not_attached"


# ------------------------------------------------------------------ breakers


async def outage(rig: LaneRig, failures: int = 1000) -> None:
    """From now on the channel fails so often."""
    rig.sender.answers.extend([DOWN] * failures)


async def with_open_breaker(rig: LaneRig) -> None:
    """Five rooms fail once each, which opens the breaker; they have retries left."""
    await outage(rig, 5)
    for number in range(5):
        actor = await rig.room(f"room-{number}")
        await rig.say(actor, "during the outage")
    await rig.settle(attempts=5)
    assert rig.channels.channels.breaker("acme", "sms").is_open


async def all_rows(rig: LaneRig, *room_ids: str) -> list[pb.Delivery]:
    rooms = room_ids or [f"room-{number}" for number in range(5)]
    rows = []
    for room_id in rooms:
        rows += await rig.rows(await rig.services.directory.get("acme", room_id))
    return rows


async def test_nothing_is_lost_in_an_outage_of_a_minute(rig: LaneRig) -> None:
    await outage(rig)
    actors = [await rig.room(f"room-{number}") for number in range(5)]
    for second in range(60):
        await rig.say(actors[second % 5], f"at {second}")
        await rig.pass_time(1)
    tried = len(rig.sender.sent)
    assert tried < 10, "an open breaker lets probes through only"
    rig.sender.answers.clear()
    await rig.pass_time(70)
    rows = await all_rows(rig)
    assert states(rows) == ["SENT"] * 60
    assert len(rig.sender.sent) == tried + 60
    kinds = [event.type for event in rig.services.tail.events]
    assert kinds.count("circuit_breaker_opened") == kinds.count("circuit_breaker_closed") == 1


async def test_nothing_is_lost_when_an_outage_meets_a_single_room(rig: LaneRig) -> None:
    """One room, one message: its retries are over before five failures open the breaker."""
    await outage(rig)
    actor = await rig.room()
    await rig.say(actor, "first")
    await rig.pass_time(30)
    await rig.say(actor, "second")
    await rig.pass_time(30)
    assert states(await rig.rows(actor)) == ["PENDING"] * 2
    rig.sender.answers.clear()
    await rig.pass_time(70)
    assert states(await rig.rows(actor)) == ["SENT"] * 2
    assert [body for _, body in rig.sender.sent][-2:] == ["first", "second"]


async def test_a_single_room_is_patient_after_a_restart_too(rig: LaneRig) -> None:
    """The row counts attempts of a process whose breaker is forgotten."""
    await outage(rig)
    delivery = await rig.say(await rig.room(), "hello")
    await rig.pass_time(20)
    await rig.lanes.close()
    assert (await rig.row(delivery)).attempts >= 4
    rig.channels.channels.breaker("acme", "sms").success()
    assert await rig.lanes.recover() == 1
    await rig.pass_time(5)
    assert states([await rig.row(delivery)]) == ["PENDING"]


async def test_a_delivery_that_fails_alone_is_given_up(rig: LaneRig) -> None:
    """The channel answers others meanwhile: it is not the channel."""
    lonely, others = await rig.room("lonely"), await rig.room("others")
    answer = rig.sender.attempt

    async def poisoned(lane: Lane, job: Job, ready: Ready) -> Attempt:
        if ready.event.content.text.body == "poison":
            rig.sender.answers.append(DOWN)
        return await answer(lane, job, ready)

    rig.sender.attempt = poisoned  # type: ignore[method-assign]
    delivery = await rig.say(lonely, "poison")
    for number in range(4):
        await rig.say(others, f"fine {number}")
        await rig.pass_time(4, step=0.5)
    assert states([await rig.row(delivery)]) == ["FAILED"]
    assert states(await rig.rows(others)) == ["SENT"] * 4


@pytest.mark.parametrize(
    ("attempt", "binding"),
    [
        (DOWN, {"retry_policy": pb.RetryPolicy(max_retries=3)}),
        (Attempt(failed("worker_lost", "died", retryable=True), Told.NOTHING), {}),
    ],
    ids=["a number of retries was chosen", "workers die over it"],
)
async def test_who_is_not_patient_in_an_outage(
    rig: LaneRig, attempt: Attempt, binding: dict[str, Any]
) -> None:
    rig.sender.answers.extend([attempt] * 4)
    delivery = await rig.say(await rig.room(**binding), "hello")
    await rig.pass_time(10)
    assert states([await rig.row(delivery)]) == ["FAILED"]
    assert len(rig.sender.sent) == 4


async def test_an_outage_is_told_to_hooks_on_errors(rig: LaneRig) -> None:
    rig.services.hooks.listen(pb.HOOK_TRIGGER_ON_ERROR)
    await with_open_breaker(rig)
    (told,) = rig.services.hooks.told(pb.HOOK_TRIGGER_ON_ERROR)
    event = told.payload.event
    assert event.metadata["error_type"] == "circuit_breaker_opened"
    assert event.metadata["error"]
    assert (told.subject.channel_id, event.content.system.data["channel_id"]) == ("sms", "sms")
    assert event.event_id


async def test_waiting_for_the_breaker_uses_up_no_retries(rig: LaneRig) -> None:
    await with_open_breaker(rig)
    await rig.pass_time(59)
    assert len(rig.sender.sent) == 5
    assert [row.attempts for row in await all_rows(rig)] == [1] * 5
    assert states(await all_rows(rig)) == ["PENDING"] * 5


async def test_a_probe_that_fails_uses_up_no_retries_either(rig: LaneRig) -> None:
    """An outage of three minutes is three probes: with the first attempt all retries."""
    await with_open_breaker(rig)
    await outage(rig)
    await rig.pass_time(185, step=5)
    assert len(rig.sender.sent) == 8
    assert states(await all_rows(rig)) == ["PENDING"] * 5
    rig.sender.answers.clear()
    await rig.pass_time(60)
    assert states(await all_rows(rig)) == ["SENT"] * 5


async def test_an_outage_longer_than_the_deadline_expires(rig: LaneRig) -> None:
    await with_open_breaker(rig)
    await outage(rig)
    await rig.pass_time(310, step=5)
    rows = await all_rows(rig)
    assert states(rows) == ["EXPIRED"] * 5
    assert {row.result.error_code for row in rows} <= {"circuit_open", "timeout"}


async def test_a_success_lets_all_who_wait_go_at_once(rig: LaneRig) -> None:
    await with_open_breaker(rig)
    await rig.pass_time(60)
    assert len(rig.sender.sent) == 10
    assert states(await all_rows(rig)) == ["SENT"] * 5
    assert not rig.channels.channels.breaker("acme", "sms").is_open


async def test_a_probe_that_is_refused_closes_the_breaker(rig: LaneRig) -> None:
    """The number is wrong, but the channel has answered."""
    await with_open_breaker(rig)
    rig.sender.answers.append(REFUSED)
    await rig.pass_time(60)
    assert not rig.channels.channels.breaker("acme", "sms").is_open
    assert sorted(states(await all_rows(rig))) == ["FAILED"] + ["SENT"] * 4


async def test_a_refusal_ends_the_row_of_failures(rig: LaneRig) -> None:
    """Four failures, an answer, four failures: not five in a row."""
    rig.sender.answers.extend([DOWN] * 4 + [REFUSED] + [DOWN] * 4)
    for number in range(9):
        await rig.say(await rig.room(f"room-{number}"), "hello")
    await rig.settle(attempts=9)
    assert not rig.channels.channels.breaker("acme", "sms").is_open


@pytest.mark.parametrize("silence", [UNSERVED, RuntimeError("a fault of the server")])
async def test_a_probe_that_says_nothing_leaves_the_probe_to_the_next(
    rig: LaneRig, silence: Attempt | BaseException
) -> None:
    await with_open_breaker(rig)
    rig.sender.answers.append(silence)
    await rig.pass_time(60)
    assert states(await all_rows(rig)).count("SENT") >= 4
    assert not rig.channels.channels.breaker("acme", "sms").is_open


@pytest.mark.parametrize(
    ("code", "retryable", "told"),
    [
        ("timeout", True, Told.FAILS),
        ("500", True, Told.FAILS),
        ("rate_limited", True, Told.WORKS),
        ("unknown_recipient", False, Told.WORKS),
        ("no_worker", True, Told.NOTHING),
        ("worker_lost", True, Told.NOTHING),
        ("event_changed", True, Told.NOTHING),
        ("no_recipient", False, Told.NOTHING),
        ("transcoding_failed", False, Told.NOTHING),
        ("invalid_answer", False, Told.NOTHING),
    ],
)
def test_what_a_failure_says_about_the_channel(code: str, retryable: bool, told: Told) -> None:
    assert told_by_failure(code, retryable=retryable) is told


async def test_an_open_breaker_takes_no_places_in_the_rate_limit(rig: LaneRig) -> None:
    await with_open_breaker(rig)
    worker = rig.channels.channels.get("acme", "sms").implementation
    await limit(rig, rate_limit=pb.RateLimit(max_per_hour=5), implementation=worker)
    await rig.say(await rig.room("another"), "hello")
    await rig.pass_time(59)
    bucket = rig.channels.channels.outbound_limit("acme", "sms")
    assert bucket is not None
    now = rig.services.clock.monotonic()
    assert [bucket.take(now) for _ in range(5)] == [0.0] * 5


async def test_waiting_for_a_worker_uses_up_no_retries_over_a_restart(rig: LaneRig) -> None:
    rig.sender.answers.extend([UNSERVED] * 10)
    delivery = await rig.say(await rig.room(), "hello")
    await rig.pass_time(45, step=5)
    await rig.lanes.close()
    stored = await rig.row(delivery)
    assert (stored.attempts, stored.result.error_code) == (0, "no_worker")
    rig.sender.answers.clear()
    rig.sender.answers.append(DOWN)
    assert await rig.lanes.recover() == 1
    await rig.pass_time(2)
    assert states([await rig.row(delivery)]) == ["SENT"]


# ------------------------------------------------------------------ rooms and stores that go


class Away:
    """Makes the store answer nothing for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rig: LaneRig, *names: str) -> None:
        self.calls = 0
        self.over = False
        for name in names:
            original = getattr(rig.services.store, name)
            monkeypatch.setattr(rig.services.store, name, self._refusing(name, original))

    def _refusing(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*arguments: Any) -> Any:
            if self.over:
                return original(*arguments)
            self.calls += 1
            down = Unavailable(pb.ERROR_REASON_STORE_DOWN, f"{name}: away")
            if name == "submit":
                _, then = arguments
                asyncio.get_running_loop().call_soon(then, down)
                return None
            future = asyncio.get_running_loop().create_future()
            future.set_exception(down)
            return future

        return refuse


async def test_what_was_sent_is_noted_when_the_store_is_back(
    rig: LaneRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = await rig.room()
    rows = [await rig.say(actor, str(number), start=False) for number in range(3)]
    away = Away(monkeypatch, rig, "submit")
    for row in rows:
        event = await rig.services.store.get_event("acme", "r1", row.event_id)
        rig.lanes.enqueue(actor, row, event, Cascade())
    await rig.pass_time(5)
    assert away.calls > 1
    assert len(rig.sender.sent) == 1, "what comes behind it could not be stored either"
    away.over = True
    await rig.pass_time(2)
    assert states([await rig.row(row) for row in rows]) == ["SENT"] * 3
    assert len(rig.sender.sent) == 3, "nothing was sent again"


@pytest.mark.parametrize("answer", [DOWN, REFUSED])
async def test_what_failed_is_noted_when_the_store_is_back(
    rig: LaneRig, monkeypatch: pytest.MonkeyPatch, answer: Attempt
) -> None:
    actor = await rig.room(retry_policy=pb.RetryPolicy(max_retries=0))
    first = await rig.say(actor, "first", start=False)
    second = await rig.say(actor, "second", start=False)
    rig.sender.answers.append(answer)
    away = Away(monkeypatch, rig, "submit", "load_room", "list_deliveries")
    actor.broken = True
    rig.services.directory._live.clear()
    for row in (first, second):
        rig.lanes.enqueue(actor, row, None, Cascade())
    await rig.pass_time(20)
    away.over = True
    await rig.pass_time(7)
    assert states([await rig.row(row) for row in (first, second)]) == ["FAILED", "SENT"]


async def test_a_store_that_is_away_uses_up_no_retries(
    rig: LaneRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = await rig.room()
    row = await rig.say(actor, "hello", start=False)
    away = Away(monkeypatch, rig, "get_event")
    rig.lanes.enqueue(actor, row, None, Cascade())
    await rig.pass_time(60)
    waiting = await rig.row(row)
    assert (waiting.attempts, waiting.result.error_code) == (0, "store_down")
    away.over = True
    await rig.pass_time(6)
    assert states([await rig.row(row)]) == ["SENT"]


async def test_a_lane_that_overflowed_goes_on_when_the_store_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with lane_rig(lane_entries=2) as rig:
        actor = await rig.room()
        away = Away(monkeypatch, rig, "unfinished_of_lane")
        rig.sender.gate = asyncio.Event()
        rows = [await rig.say(actor, str(number)) for number in range(5)]
        rig.sender.gate.set()
        await rig.pass_time(3)
        assert len(rig.sender.sent) == 2
        away.over = True
        await rig.pass_time(3)
        assert states([await rig.row(row) for row in rows]) == ["SENT"] * 5


async def test_what_was_sent_while_the_room_was_loaded_anew_is_noted_as_sent(
    rig: LaneRig,
) -> None:
    """Somebody else wrote the room meanwhile: the old owner's numbers are taken."""
    actor = await rig.room()
    rig.sender.gate = asyncio.Event()
    row = await rig.say(actor, "hello")
    await rig.settle(attempts=1)
    rig.services.directory._live.clear()
    present = await rig.services.directory.get("acme", "r1")
    await rig.services.bind(present, "other")  # a change in the log
    rig.sender.gate.set()
    await rig.pass_time(3)
    assert states([await rig.row(row)]) == ["SENT"]
    assert len(rig.sender.sent) == 1


async def test_a_lane_follows_its_room_to_its_present_owner(rig: LaneRig) -> None:
    """What was detached there is not delivered here."""
    actor = await rig.room()
    rig.sender.answers.append(UNSERVED)
    row = await rig.say(actor, "hello")
    await rig.settle(attempts=1)
    actor.broken = True
    present = await rig.services.directory.get("acme", "r1")
    assert present is not actor
    async with present.lock:
        draft = Draft(present, rig.services.clock)
        draft.remove_binding(present.bindings["sms"], "channel_detached")
        await draft.commit()
    await rig.pass_time(6)
    assert (await rig.row(row)).result.error_code == "not_attached"
    assert (actor.pins, present.pins) == (0, 0)


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
async def test_a_clock_that_jumps_expires_nothing(rig: LaneRig, hours: int) -> None:
    rig.sender.answers.extend([UNSERVED] * 5)
    row = await rig.say(await rig.room(), "hello")
    await rig.settle(attempts=1)
    rig.services.clock.jump(hours * 3600.0)
    await rig.pass_time(30, step=5)
    assert states([await rig.row(row)]) == ["SENT"]


async def test_a_deadline_is_kept_however_the_clock_jumps(rig: LaneRig) -> None:
    rig.sender.answers.extend([UNSERVED] * 500)
    row = await rig.say(await rig.room(), "hello")
    await rig.settle(attempts=1)
    rig.services.clock.jump(-24 * 3600.0)
    await rig.pass_time(310, step=10)
    assert states([await rig.row(row)]) == ["EXPIRED"]
