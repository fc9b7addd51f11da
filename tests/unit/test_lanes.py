"""Deliveries of one target: in order, within limits, through outages, without loss."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration
from lane_parts import LaneRig, lane_rig, states

from roomd import v1 as pb
from roomd_server.core.attempts import Attempt, Told, failed, told_by_failure

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
