"""Deliveries of one target: in order, within limits, through outages, without loss."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration
from lane_parts import LaneRig, lane_rig, states

from roomd import v1 as pb


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
