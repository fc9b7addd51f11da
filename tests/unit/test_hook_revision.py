"""Work that waits for a worker when the event it tells is edited or withdrawn."""

from __future__ import annotations

import pytest
from test_hook_dispatch import Bench, sent

from roomd import v1 as pb
from roomd_server.core.log import shown
from roomd_server.hooks.invocation import Fate

SECRET = b"secret"


def event(event_id="e1", body="secret"):
    content = pb.Content(text=pb.TextContent(body=body))
    return pb.RoomEvent(event_id=event_id, room_id="r", content=content)


def withdrawn(event_id="e1"):
    gone = event(event_id)
    gone.delete_time.seconds = 1
    return shown(gone)


def payload():
    return {"room_id": "r", "payload": pb.HookPayload(event=event()), "size": 50}


def context():
    told = pb.RoomContext(recent_events=[event("e0", "harmless"), event()])
    return {"room_id": "r", "payload": pb.HookPayload(event=event("e2", "new")), "context": told}


def delivery(kind="deliver"):
    call = pb.HandlerCall()
    getattr(call, kind).event.CopyFrom(event())
    return {"room_id": "r", "call": call}


async def invocations(seat):
    frame = await sent(seat)
    assert frame.WhichOneof("message") == "invocations"
    return frame.invocations.invocations


@pytest.mark.parametrize("told", [payload, context])
async def test_what_lingers_leaves_as_it_is_now(told):
    bench = Bench(linger_seconds=1)
    seat = bench.seat("a")
    bench.offer()
    await sent(seat)
    bench.offer(**told())
    bench.dispatcher.revise("o", withdrawn())
    bench.clock.move(1)
    (left,) = await invocations(seat)
    assert left.room_id == "r"
    assert SECRET not in left.SerializeToString()


@pytest.mark.parametrize("told", [payload, context])
async def test_what_is_offered_again_is_told_as_it_is_now(told):
    bench = Bench()
    first = bench.seat("a")
    offered = bench.offer(**told())
    (before,) = await invocations(first)
    assert SECRET in before.SerializeToString()
    second = bench.seat("b")
    bench.dispatcher.revise("o", withdrawn())
    bench.dispatcher.leave(first)
    (again,) = await invocations(second)
    assert (again.invocation_id, again.attempt) == (before.invocation_id, 2)
    assert SECRET not in again.SerializeToString()
    assert second.reply_bytes == offered.size
    bench.dispatcher.cancel(offered, pb.Cancel.REASON_CALLER_GONE)
    assert second.reply_bytes == 0


async def test_a_payload_that_is_fetched_is_as_it_is_now():
    bench = Bench(inline_payload_bytes=1)
    seat = bench.seat("a")
    offered = bench.offer(**payload())
    (told,) = await invocations(seat)
    assert told.HasField("oversize")
    bench.dispatcher.revise("o", withdrawn())
    fetched = bench.dispatcher.payload("o", offered.invocation_id, offered.lease)
    assert SECRET not in fetched.payload.SerializeToString()


@pytest.mark.parametrize("org_and_room", [("other", "r"), ("o", "other")])
async def test_a_revision_concerns_one_room_only(org_and_room):
    org, room_id = org_and_room
    bench = Bench()
    seat = bench.seat("a")
    offered = bench.offer(**payload())
    gone = withdrawn()
    gone.room_id = room_id
    bench.dispatcher.revise(org, gone)
    assert SECRET in offered.payload.SerializeToString()
    assert seat.held


async def test_contexts_that_others_share_stay_theirs():
    bench = Bench()
    bench.seat("a")
    shared = context()["context"]
    bench.offer(**context() | {"context": shared})
    bench.dispatcher.revise("o", withdrawn())
    assert SECRET in shared.SerializeToString()


# ------------------------------------------------------------------ deliveries


@pytest.mark.parametrize("kind", ["deliver", "respond"])
async def test_a_delivery_that_nobody_has_yet_ends_for_its_lane_to_decide(kind):
    bench = Bench(linger_seconds=1)
    seat = bench.seat("a", reply_window=2)
    bench.offer()
    due = bench.offer(**delivery(kind))
    waiting = bench.offer(**delivery(kind))
    bench.dispatcher.revise("o", withdrawn())
    assert due.future.result().fate is waiting.future.result().fate is Fate.OUTDATED
    bench.clock.move(1)
    (left,) = await invocations(seat)
    assert SECRET not in left.SerializeToString()


async def test_a_delivery_that_somebody_has_may_finish_and_is_offered_to_nobody_else():
    bench = Bench()
    first, second = bench.seat("a"), bench.seat("b")
    kept, lost = bench.offer(**delivery()), bench.offer(**delivery())
    for seat in (first, second):
        await invocations(seat)
    bench.dispatcher.revise("o", withdrawn())
    assert not kept.future.done()
    bench.dispatcher.leave(lost.attachment.seat)
    assert lost.future.result().fate is Fate.OUTDATED
    assert not kept.future.done()
