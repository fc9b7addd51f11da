"""Malformed and hostile frames change nothing: not a decision, not a hook, not a session."""

from __future__ import annotations

import asyncio
import contextlib

from hook_kit import (
    ME,
    Link,
    Worker,
    allow,
    hook,
    plain_worker,
    rig,
    spec,
)
from hostile_frames import aimed, frames, wrong_outcomes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core.errors import RoomdError

many_examples = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_1000_frames_of_a_stranger_change_nothing():
    sent = 0
    with asyncio.Runner() as runner:

        @many_examples
        @given(st.lists(frames, min_size=5, max_size=12))
        def attack(stream):
            nonlocal sent
            sent += len(stream)
            runner.run(attacked(stream))

        attack()
    assert sent >= 1000


async def attacked(stream):
    async with rig() as made:
        before = await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        honest = await plain_worker(made, hook("gate"))
        call = made.call("as it was")
        task = asyncio.create_task(made.plane.runner.decide(call))
        invocation = await honest.asked()

        stranger = Worker(Link(made.plane, ME))
        await stranger.hello()
        for frame in stream:
            await stranger.link.write(aimed(frame, invocation.invocation_id))
        await stranger.link.done_writing()
        error = await stranger.ended()
        assert error is None or isinstance(error, RoomdError)

        assert not task.done()
        await honest.answer(invocation, allow())
        verdict = await task
        assert not verdict.blocked_by
        assert verdict.payload is call.payload
        after = await made.hook("gate")
        after.attached_workers = 0
        assert after == before
        assert [one.name for one in await made.store.list_hooks()] == ["gate"]
        assert made.plane.streams.count == 1
        assert made.plane.dispatcher.in_flight == 0
        await honest.kill()


def test_wrong_answers_of_who_holds_the_lease_change_nothing():
    with asyncio.Runner() as runner:

        @many_examples
        @given(wrong_outcomes)
        def attack(outcome):
            runner.run(answered(outcome))

        attack()


async def answered(outcome):
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec()))
        call = made.call("as it was")
        task = asyncio.create_task(made.plane.runner.decide(call))
        invocation = await worker.asked()
        answer = pb.Result(
            invocation_id=invocation.invocation_id, lease=invocation.lease, **outcome
        )
        await worker.send(results=pb.ResultBatch(results=[answer, answer]))
        verdict = await task
        assert verdict.payload is call.payload
        assert not verdict.blocked_by
        assert not [*verdict.tasks, *verdict.observations, *verdict.injected]
        assert verdict.traces[0].decision == "error"
        # Refused the first time, late the second.
        await worker.told("settled", 1)
        kinds = {frame.settled.disposition for frame in worker.all("settled")}
        assert kinds == {pb.Settled.DISPOSITION_INVALID, pb.Settled.DISPOSITION_LATE}
        with contextlib.suppress(RoomdError):
            await worker.kill()
