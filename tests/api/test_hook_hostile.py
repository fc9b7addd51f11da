"""Malformed and hostile frames change nothing: not a decision, not a hook, not a session."""

from __future__ import annotations

import asyncio
import contextlib

from hook_kit import (
    AFTER,
    BEFORE,
    ME,
    OBSERVE,
    Link,
    Worker,
    allow,
    hook,
    plain_worker,
    rig,
    spec,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core.errors import RoomdError

LIVE = "the id of the decision in flight"
"""Replaced by the real id when a frame is sent."""

ids = st.sampled_from(["", LIVE, "nobody", "x" * 5000, "\0"]) | st.text(max_size=20)
leases = st.integers(-2, 5) | st.sampled_from([2**63 - 1, -(2**63)])
text = st.text(max_size=50) | st.just("y" * 20_000)

payloads = st.builds(
    lambda **fields: pb.HookPayload(event=pb.RoomEvent(**fields)),
    event_id=ids,
    room_id=ids,
    blocked_by=st.text(max_size=5),
    content=st.builds(lambda body: pb.Content(text=pb.TextContent(body=body)), text),
)
paths = st.lists(
    st.sampled_from(
        ["event", "event.index", "event.room_id", "event.source.participant_id", "*", "", "a.b"]
    ),
    min_size=1,
    max_size=3,
)
bad_modifies = st.builds(
    lambda payload, wrong: pb.Modify(payload=payload, update_mask={"paths": wrong}),
    payloads,
    paths,
)
decisions = (
    st.just(pb.HookDecision())
    | st.builds(lambda change: pb.HookDecision(modify=change), bad_modifies)
    | st.builds(lambda why: pb.HookDecision(block=pb.Block(reason=why + "z" * 2049)), text)
    | st.builds(lambda n: pb.HookDecision(allow={}, tasks=[pb.Task()] * n), st.integers(1, 40))
)
wrong_outcomes = (
    st.builds(lambda one: {"decision": one}, decisions)
    | st.just({"done": pb.Done()})
    | st.just({"value": pb.HandlerResult()})
    | st.just({"value": pb.HandlerResult(route=pb.RouteAnswer(room_id="stolen"))})
    | st.just({"failure": pb.Failure(status=pb.Status(reason=9999, message="\0"))})
    | st.just({})
)
outcomes = wrong_outcomes | st.just({"decision": pb.HookDecision(block=pb.Block(reason="forged"))})

results = st.builds(
    lambda invocation_id, lease, outcome: pb.Result(
        invocation_id=invocation_id, lease=lease, **outcome
    ),
    ids,
    leases,
    outcomes,
)
bad_handlers = st.sampled_from(
    [
        hook("gate", spec(), etag="old"),
        hook("gate", spec(OBSERVE, BEFORE)),
        hook("nobody"),
        hook("NO", spec()),
        hook("", spec()),
        hook("x" * 100, spec()),
        hook("new", spec(failure_policy=pb.FAILURE_POLICY_BLOCK)),
        hook("new", spec(timeout=100)),
        hook("new", pb.HookSpec(triggers=[999], mode=pb.HOOK_MODE_DECIDE)),
        hook("new", pb.HookSpec(triggers=[AFTER], mode=77)),
        pb.Handler(name="gate", spec=pb.HandlerSpec(inbound_router={})),
        pb.Handler(name="new", spec=pb.HandlerSpec()),
    ]
)
frames = (
    st.builds(
        lambda many: pb.ConnectRequest(results=pb.ResultBatch(results=many)),
        st.lists(results, max_size=4),
    )
    | st.builds(
        lambda i, lease, n: pb.ConnectRequest(
            result_chunk=pb.ResultChunk(invocation_id=i, lease=lease, sequence=n)
        ),
        ids,
        leases,
        leases,
    )
    | st.builds(
        lambda i, lease, s: pb.ConnectRequest(
            extend=pb.Extend(invocation_id=i, lease=lease, timeout={"seconds": s})
        ),
        ids,
        leases,
        st.integers(-(10**12), 10**12),
    )
    | st.builds(
        lambda many: pb.ConnectRequest(attach=pb.Attach(handlers=many)),
        st.lists(bad_handlers, max_size=3),
    )
    | st.builds(
        lambda many: pb.ConnectRequest(detach=pb.Detach(names=many)),
        st.lists(st.sampled_from(["gate", "", "nobody"]), max_size=3),
    )
    | st.builds(
        lambda a, b: pb.ConnectRequest(set_window=pb.SetWindow(reply_window=a, max_bytes=b)),
        st.integers(-(2**31), 2**31 - 1),
        leases,
    )
    | st.builds(lambda n: pb.ConnectRequest(ping=pb.Ping(nonce=n)), leases)
    | st.just(pb.ConnectRequest())
    | st.just(pb.ConnectRequest(hello=pb.Hello(protocol_revision=1)))
    | st.just(pb.ConnectRequest(goodbye=pb.Goodbye(reason="x" * 1000)))
)

many_examples = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def aimed(frame: pb.ConnectRequest, invocation_id: str) -> pb.ConnectRequest:
    """The frame with the real id where it names the decision in flight."""
    copy = pb.ConnectRequest()
    copy.CopyFrom(frame)
    for one in (*copy.results.results, copy.result_chunk, copy.extend):
        if one.invocation_id == LIVE:
            one.invocation_id = invocation_id
    if not frame.WhichOneof("message"):
        copy.Clear()
    elif frame.WhichOneof("message") not in ("results", "result_chunk", "extend"):
        return frame
    return copy


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
