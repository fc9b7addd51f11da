"""Offers, leases and batches, with a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import heapq
import itertools

import pytest

from roomd import v1 as pb
from roomd_server.hooks.chunks import ChunkBuffer
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.invocation import Fate, Invocation
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.seats import Seat, SeatState


class Timer:
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None


class StillClock:
    """Time passes only by ``move``."""

    def __init__(self):
        self.time = 1000.0
        self._timers = []
        self._order = itertools.count()

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        raise AssertionError("nothing here sleeps")

    def call_later(self, seconds, callback):
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.time + seconds, next(self._order), timer))
        return timer

    def move(self, seconds):
        end = self.time + seconds
        while self._timers and self._timers[0][0] <= end:
            self.time, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
        self.time = end


class CountingIds:
    def __init__(self):
        self._count = itertools.count(1)

    def new(self):
        return f"i{next(self._count)}"


class Bench:
    def __init__(self, **options):
        self.clock = StillClock()
        self.options = HookOptions(**options)
        self.dispatcher = Dispatcher(self.clock, CountingIds(), self.options)
        self.group = self.dispatcher.group("o", "h")

    def seat(self, name, **window):
        seat = Seat("o", name, self.clock, self.options, lambda: None)
        seat.worker_id = name
        seat.set_window(pb.SetWindow(**window), self.options)
        self.dispatcher.attach(seat, self.group, 0)
        return seat

    def offer(self, **fields):
        invocation = Invocation(
            self.group,
            self.dispatcher.new_id(),
            **({"timeout_seconds": 2.0, "longest_seconds": 10.0} | fields),
        )
        self.dispatcher.offer(invocation)
        return invocation


def answer(invocation, **changes):
    fields = {"invocation_id": invocation.invocation_id, "lease": invocation.lease}
    return pb.Result(**(fields | changes), decision=pb.HookDecision(allow=pb.Allow()))


async def sent(seat):
    """The next frame of a seat, which must be there."""
    async with asyncio.timeout(0.5):
        return await seat.outbox.next()


async def test_leases_rise_with_every_attempt_and_old_ones_are_stale():
    bench = Bench()
    first, second = bench.seat("a"), bench.seat("b")
    invocation = bench.offer()
    old = answer(invocation)
    assert first.held
    bench.dispatcher.leave(first)
    assert invocation.attempt == 2
    assert invocation.lease > old.lease
    assert bench.dispatcher.settle(second, old) == pb.Settled.DISPOSITION_STALE_LEASE
    assert bench.dispatcher.settle(second, answer(invocation)) == 0
    assert invocation.future.result().worker_id == "b"
    assert bench.dispatcher.settle(second, answer(invocation)) == pb.Settled.DISPOSITION_LATE


async def test_an_invocation_times_out_at_its_deadline_and_not_before():
    bench = Bench()
    seat = bench.seat("a")
    invocation = bench.offer()
    await sent(seat)
    bench.clock.move(1.999)
    assert not invocation.future.done()
    bench.clock.move(0.001)
    assert invocation.future.result().fate is Fate.TIMEOUT
    assert (await sent(seat)).cancel.reason == pb.Cancel.REASON_DEADLINE
    assert not seat.held
    assert not bench.dispatcher.in_flight


async def test_an_extended_invocation_ends_at_its_cap():
    bench = Bench()
    seat = bench.seat("a")
    invocation = bench.offer()
    bench.clock.move(1)
    extend = pb.Extend(invocation_id=invocation.invocation_id, lease=invocation.lease)
    assert bench.dispatcher.extend(seat, extend, 100) == 0
    bench.clock.move(8.9)
    assert not invocation.future.done()
    bench.clock.move(0.2)
    assert invocation.future.result().fate is Fate.TIMEOUT


async def test_extend_never_shortens():
    bench = Bench()
    seat = bench.seat("a")
    invocation = bench.offer()
    extend = pb.Extend(invocation_id=invocation.invocation_id, lease=invocation.lease)
    bench.dispatcher.extend(seat, extend, -5)
    bench.clock.move(1.9)
    assert not invocation.future.done()


async def test_an_invocation_that_has_not_left_is_taken_back_in_silence():
    bench = Bench()
    seat = bench.seat("a")
    invocation = bench.offer()
    bench.dispatcher.cancel(invocation, pb.Cancel.REASON_CALLER_GONE)
    seat.outbox.close()
    assert await seat.outbox.next() is None


async def test_the_others_linger_for_company_and_leave_together():
    bench = Bench(linger_seconds=0.001)
    seat = bench.seat("a")
    bench.offer()
    alone = await sent(seat)
    assert len(alone.invocations.invocations) == 1
    for _ in range(5):
        bench.offer()
    waiting = asyncio.create_task(seat.outbox.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.clock.move(0.001)
    together = await waiting
    assert len(together.invocations.invocations) == 5
    left = together.invocations.invocations[0].timeout
    assert 1.99 < left.seconds + left.nanos / 1e9 <= 2.0


async def test_a_crowd_waits_for_a_fuller_write():
    bench = Bench(linger_seconds=0.001, crowd_linger_seconds=0.006, in_flight=lambda: 16)
    seat = bench.seat("a")
    bench.offer()
    await sent(seat)
    for _ in range(3):
        bench.offer()
    waiting = asyncio.create_task(seat.outbox.next())
    await asyncio.sleep(0)
    bench.clock.move(0.001)
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.clock.move(0.005)
    assert len((await waiting).invocations.invocations) == 3


async def test_control_frames_leave_behind_the_work_that_was_offered_before_them():
    bench = Bench()
    seat = bench.seat("a")
    for _ in range(3):
        bench.offer()
    seat.outbox.push(pb.ConnectResponse(drain=pb.Drain()))
    assert len((await sent(seat)).invocations.invocations) == 3
    assert (await sent(seat)).WhichOneof("message") == "drain"


async def test_bytes_are_a_window_of_their_own_and_an_idle_one_takes_anything():
    bench = Bench()
    seat = bench.seat("a", max_bytes=1000)
    big = bench.offer(size=5000)
    waiting = bench.offer(size=10)
    assert list(seat.held.values()) == [big]
    bench.dispatcher.settle(seat, answer(big))
    assert list(seat.held.values()) == [waiting]
    second = bench.offer(size=980)
    third = bench.offer(size=20)
    assert list(seat.held.values()) == [waiting, second]
    bench.dispatcher.settle(seat, answer(waiting))
    assert list(seat.held.values()) == [second, third]


async def test_what_does_not_wait_is_dropped_when_no_window_has_room():
    bench = Bench()
    bench.seat("a", observe_window=1)
    first = bench.offer(replies=False, waits=False)
    second = bench.offer(replies=False, waits=False)
    assert not first.future.done()
    assert second.future.result().fate is Fate.FULL


async def test_a_drained_worker_is_expected_back_and_one_that_left_is_not():
    bench = Bench()
    seat = bench.seat("a")
    bench.dispatcher.retire(seat, SeatState.DRAINING)
    invocation = bench.offer()
    assert not invocation.future.done()
    bench.dispatcher.retire(seat, SeatState.LEAVING)
    assert invocation.future.result().fate is Fate.NO_WORKER
    assert bench.offer().future.result().fate is Fate.NO_WORKER


async def test_a_worker_that_comes_gets_what_waits():
    bench = Bench()
    bench.seat("a", reply_window=1)
    bench.offer()
    waiting = bench.offer()
    late = bench.seat("b")
    assert list(late.held.values()) == [waiting]


async def test_an_invocation_whose_worker_died_goes_before_what_waits():
    bench = Bench()
    first = bench.seat("a", reply_window=1)
    second = bench.seat("b", reply_window=1)
    one, two = bench.offer(), bench.offer()
    waiting = bench.offer()
    bench.dispatcher.settle(second, answer(two))
    assert list(second.held.values()) == [waiting]
    bench.dispatcher.leave(first)
    assert not one.future.done()
    bench.dispatcher.settle(second, answer(waiting))
    assert list(second.held.values()) == [one]


async def test_past_invocations_are_remembered_within_a_bound():
    bench = Bench()
    seat = bench.seat("a")
    first = bench.offer()
    old = answer(first)
    bench.dispatcher.settle(seat, old)
    for _ in range(1100):
        bench.dispatcher.settle(seat, answer(bench.offer()))
    assert len(seat.past) == 1024
    assert bench.dispatcher.settle(seat, old) == pb.Settled.DISPOSITION_UNKNOWN


async def test_everything_is_counted_back_to_zero():
    bench = Bench()
    seat = bench.seat("a", reply_window=4, observe_window=4)
    invocations = [bench.offer(size=n, replies=n % 2 == 0) for n in range(20)]
    for number, invocation in enumerate(invocations):
        if number % 3 == 0 and invocation.invocation_id in seat.held:
            bench.dispatcher.settle(seat, answer(invocation))
        elif number % 3 == 1:
            bench.dispatcher.cancel(invocation, pb.Cancel.REASON_CALLER_GONE)
    bench.clock.move(10)
    assert all(invocation.future.done() for invocation in invocations)
    assert (seat.replying, seat.observing, seat.reply_bytes, seat.observe_bytes) == (0, 0, 0, 0)
    assert next(iter(seat.attachments.values())).in_flight == 0
    assert not bench.group.waiting
    assert not bench.dispatcher.in_flight


@pytest.mark.parametrize("text", ["", "é" * 10, "x"])
async def test_chunks_come_out_as_they_went_in(text):
    ended = asyncio.get_running_loop().create_future()
    buffer = ChunkBuffer(max_entries=8, max_bytes=100)
    for number in range(3):
        chunk = pb.HandlerChunk(text_delta=text)
        assert not buffer.push(pb.ResultChunk(sequence=number, chunk=chunk))
    ended.set_result(None)
    assert [await buffer.next(ended) for _ in range(4)] == [text, text, text, None]
    assert buffer.started
