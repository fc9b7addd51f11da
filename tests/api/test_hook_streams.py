"""The worker stream: its states, leases, windows, batches, and its end; plain and gRPC."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from api_fakes import failure_of, read_failure
from hook_kit import (
    AFTER,
    BEFORE,
    FOREIGN,
    HOOKS,
    ME,
    OBSERVE,
    Link,
    Worker,
    allow,
    block,
    grpc_worker,
    hook,
    plain_worker,
    result,
    rig,
    served,
    spec,
)

from roomd import v1 as pb
from roomd_server.core.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    ResourceExhausted,
    RoomdError,
    Unavailable,
)

GATE = hook("gate", spec())


@asynccontextmanager
async def deciding(made, **call):
    task = asyncio.create_task(made.plane.runner.decide(made.call(**call)))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# ------------------------------------------------------------------ opening


async def test_hello_is_answered_with_welcome():
    async with rig(node_id="n1", server_version="9") as made:
        worker = Worker(Link(made.plane, ME))
        welcome = await worker.hello()
        assert welcome.protocol_revision == 1
        assert welcome.ping_interval.seconds == 20
        assert welcome.max_message_bytes == 4 * 1024 * 1024
        assert (welcome.node_id, welcome.server_version) == ("n1", "9")
        assert welcome.session_id


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([pb.ConnectRequest(ping=pb.Ping())], "PROTOCOL_VIOLATION"),
        ([pb.ConnectRequest(results=pb.ResultBatch())], "PROTOCOL_VIOLATION"),
        ([pb.ConnectRequest(attach=pb.Attach(handlers=[GATE]))], "PROTOCOL_VIOLATION"),
        ([pb.ConnectRequest()], "PROTOCOL_VIOLATION"),
        ([pb.ConnectRequest(hello=pb.Hello())], "PROTOCOL_TOO_OLD"),
        (
            [pb.ConnectRequest(hello=pb.Hello(protocol_revision=1))] * 2,
            "PROTOCOL_VIOLATION",
        ),
        (
            [pb.ConnectRequest(hello=pb.Hello(protocol_revision=1, worker_id="x" * 300))],
            "VALIDATION",
        ),
        (
            [
                pb.ConnectRequest(hello=pb.Hello(protocol_revision=1)),
                pb.ConnectRequest(set_window=pb.SetWindow(reply_window=-1)),
            ],
            "VALIDATION",
        ),
    ],
)
async def test_a_stream_that_breaks_the_protocol_ends_with_the_reason(frames, reason):
    async with rig() as made:
        worker = Worker(Link(made.plane, ME))
        for frame in frames:
            await worker.link.write(frame)
        error = await worker.ended()
        assert isinstance(error, RoomdError)
        assert error.reason_name == reason
        assert made.plane.streams.count == 0


async def test_a_stream_without_hello_is_closed():
    async with rig(hello_timeout_seconds=0.05) as made:
        worker = Worker(Link(made.plane, ME))
        assert isinstance(await worker.ended(), DeadlineExceeded)


async def test_a_silent_worker_is_closed_and_one_that_pings_is_not():
    async with rig(ping_interval_seconds=0.05, silence_seconds=0.2) as made:
        silent = await plain_worker(made, GATE)
        lively = await plain_worker(made, GATE)
        for _ in range(8):
            await lively.send(ping=pb.Ping(nonce=7))
            await asyncio.sleep(0.05)
        assert isinstance(await silent.ended(), DeadlineExceeded)
        assert not lively.reader.done()
        assert 7 in [frame.pong.nonce for frame in lively.all("pong")]
        assert (await made.hook("gate")).attached_workers == 1


async def test_each_handler_is_answered_by_itself():
    async with rig() as made:
        worker = Worker(Link(made.plane, ME))
        await worker.hello()
        statuses = await worker.attach(
            hook("good", spec()),
            hook("missing"),
            hook("wrong-mode", spec(OBSERVE, BEFORE)),
            hook("Bad Name", spec()),
            hook("blocks", spec(failure_policy=pb.FAILURE_POLICY_BLOCK)),
            hook("too-slow", spec(timeout=11)),
            pb.Handler(name="nothing", spec=pb.HandlerSpec()),
            hook("watcher", spec(OBSERVE, shadow=True)),
            hook(
                "stored",
                spec(failure_policy=pb.FAILURE_POLICY_BLOCK, lifetime=pb.LIFETIME_PERSISTENT),
            ),
        )
        assert [pb.ErrorReason.Name(one.status.reason)[13:] for one in statuses] == [
            "UNSPECIFIED",
            "HOOK_NOT_FOUND",
            "TRIGGER_MODE_MISMATCH",
            "VALIDATION",
            "POLICY_NEEDS_PERSISTENT",
            "VALIDATION",
            "VALIDATION",
            "UNSPECIFIED",
            "UNSPECIFIED",
        ]
        assert statuses[0].etag
        assert statuses[7].warnings
        assert [one.name for one in await made.store.list_hooks()] == ["stored"]


async def test_detach_ends_new_work_and_what_is_held_may_be_answered():
    async with rig() as made:
        worker = await plain_worker(made, GATE)
        async with deciding(made) as first:
            held = await worker.asked()
            await worker.send(detach=pb.Detach(names=["gate", "other"]))
            detached = (await worker.told("detached")).detached
            assert list(detached.names) == ["gate"]
            assert detached.status.reason == pb.ERROR_REASON_NOT_ATTACHED
            await worker.answer(held, block())
            assert (await first).blocked_by == "gate"
        # It was a session hook: gone with its last session.
        with pytest.raises(NotFound):
            await made.hook("gate")


# ------------------------------------------------------------------ lifetimes


async def test_session_hooks_go_with_their_last_session():
    async with rig() as made:
        first = await plain_worker(made, GATE)
        second = await plain_worker(made, GATE)
        await first.kill()
        assert (await made.hook("gate")).attached_workers == 1
        await second.kill()
        with pytest.raises(NotFound):
            await made.hook("gate")
        assert not made.plane.runner.wants("default", BEFORE, "r")
        assert not made.plane.dispatcher._groups


async def test_persistent_hooks_stay():
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec(lifetime=pb.LIFETIME_PERSISTENT)))
        await worker.kill()
        assert (await made.hook("gate")).attached_workers == 0
        assert made.plane.runner.wants("default", BEFORE, "r")


# ------------------------------------------------------------------ leases


async def test_a_killed_workers_work_is_offered_to_the_next_at_once():
    async with rig() as made:
        first = await plain_worker(made, GATE, worker_id="w1")
        second = await plain_worker(made, GATE, worker_id="w2")
        async with deciding(made) as task:
            one = await first.asked()
            began = time.monotonic()
            await first.kill()
            two = await second.asked()
            await second.answer(two, block("by the second"))
            verdict = await task
            assert time.monotonic() - began < 0.05
        assert one.invocation_id == two.invocation_id
        assert two.lease > one.lease
        assert (one.attempt, two.attempt) == (1, 2)
        assert verdict.traces[0].worker_id == "w2"


async def test_a_worker_process_that_is_killed_is_replaced_within_50_ms():
    child = Path(__file__).with_name("hook_hanging_child.py")
    async with rig() as made, served(made) as client:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(child),
            f"127.0.0.1:{client.server.ports[0]}",
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert await process.stdout.readline() == b"attached\n"
            standby = await grpc_worker(client, GATE, behave=lambda _: allow())
            # The child was attached first: equally loaded, it is asked first.
            async with deciding(made) as task:
                assert await process.stdout.readline() == b"asked\n"
                began = time.monotonic()
                process.kill()
                verdict = await task
                took = time.monotonic() - began
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        assert verdict.traces[0].worker_id == "w"
        assert standby.invocations[0].attempt == 2
        assert took < 0.05


async def test_work_that_kills_its_workers_is_given_up():
    async with rig() as made:
        workers = [await plain_worker(made, GATE) for _ in range(4)]
        async with deciding(made) as task:
            for worker in workers[:3]:
                await worker.asked()
                await worker.kill()
            verdict = await task
        assert verdict.traces[0].decision == "error"
        assert not workers[3].invocations


@pytest.mark.parametrize(
    ("change", "disposition"),
    [
        (lambda one: one.__setattr__("lease", one.lease + 1), "STALE_LEASE"),
        (lambda one: one.__setattr__("lease", 0), "STALE_LEASE"),
        (lambda one: one.__setattr__("invocation_id", "nobody"), "UNKNOWN"),
        (lambda one: one.ClearField("invocation_id"), "UNKNOWN"),
    ],
)
async def test_answers_that_are_not_to_this_attempt_are_refused(change, disposition):
    async with rig() as made:
        worker = await plain_worker(made, GATE)
        async with deciding(made) as task:
            invocation = await worker.asked()
            wrong = result(invocation, block())
            change(wrong)
            await worker.send(results=pb.ResultBatch(results=[wrong]))
            settled = (await worker.told("settled")).settled
            assert pb.Settled.Disposition.Name(settled.disposition).endswith(disposition)
            assert not task.done()
            await worker.answer(invocation, allow())
            assert not (await task).blocked_by
            # Twice: the second one is late.
            await worker.answer(invocation, block())
            again = (await worker.told("settled", 1)).settled
            assert again.disposition == pb.Settled.DISPOSITION_LATE


@pytest.mark.parametrize("caller", [ME, FOREIGN])
async def test_another_sessions_answer_is_refused(caller):
    async with rig() as made:
        worker = await plain_worker(made, GATE)
        stranger = await plain_worker(made, hook("own", spec(OBSERVE)), caller=caller)
        async with deciding(made) as task:
            invocation = await worker.asked()
            await stranger.answer(invocation, block("stolen"))
            settled = (await stranger.told("settled")).settled
            assert settled.disposition == pb.Settled.DISPOSITION_UNKNOWN
            await worker.answer(invocation, allow())
            assert not (await task).blocked_by


async def test_a_session_of_another_organization_is_never_asked():
    async with rig() as made:
        stranger = await plain_worker(made, GATE, caller=FOREIGN)
        verdict = await made.plane.runner.decide(made.call())
        assert not verdict.traces
        assert not stranger.invocations


async def test_extend_gives_more_time_up_to_the_cap():
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec(timeout=0.1)))
        async with deciding(made) as task:
            invocation = await worker.asked()
            extend = pb.Extend(invocation_id=invocation.invocation_id, lease=invocation.lease)
            extend.timeout.nanos = 400_000_000
            await worker.send(extend=extend)
            await asyncio.sleep(0.25)
            assert not task.done()
            await worker.answer(invocation, block("took my time"))
            assert (await task).reason == "took my time"


async def test_extend_never_goes_beyond_the_chains_budget():
    async with rig(chain_budget_seconds=0.3) as made:
        worker = await plain_worker(made, hook("gate", spec(timeout=0.1)))
        began = time.monotonic()
        async with deciding(made) as task:
            invocation = await worker.asked()
            extend = pb.Extend(invocation_id=invocation.invocation_id, lease=invocation.lease)
            extend.timeout.seconds = 10
            await worker.send(extend=extend)
            assert (await task).traces[0].decision == "timeout"
        assert 0.29 < time.monotonic() - began < 0.34


# ------------------------------------------------------------------ windows and batches


async def test_the_least_loaded_worker_gets_the_next():
    async with rig() as made:
        workers = [await plain_worker(made, GATE) for _ in range(3)]
        tasks = [asyncio.create_task(made.plane.runner.decide(made.call())) for _ in range(9)]
        for worker in workers:
            await worker.asked(3)
        await asyncio.sleep(0.02)
        assert [len(worker.invocations) for worker in workers] == [3, 3, 3]
        for worker in workers:
            for invocation in worker.invocations:
                await worker.answer(invocation, allow())
        await asyncio.gather(*tasks)


async def test_a_full_window_waits_for_room_in_order():
    async with rig() as made:
        worker = await plain_worker(made, GATE, window=pb.SetWindow(reply_window=2))
        tasks = [asyncio.create_task(made.plane.runner.decide(made.call(str(n)))) for n in range(5)]
        await worker.asked(2)
        await asyncio.sleep(0.02)
        assert len(worker.invocations) == 2
        await worker.answer(worker.invocations[0], allow())
        await worker.asked(3)
        await worker.send(set_window=pb.SetWindow(reply_window=10))
        await worker.asked(5)
        texts = [one.hook.event.content.text.body for one in worker.invocations]
        assert texts == ["0", "1", "2", "3", "4"]
        for invocation in worker.invocations[1:]:
            await worker.answer(invocation, allow())
        await asyncio.gather(*tasks)


async def test_waiting_for_room_ends_with_the_deadline():
    async with rig() as made:
        worker = await plain_worker(
            made, hook("gate", spec(timeout=0.1)), window=pb.SetWindow(reply_window=1)
        )
        verdicts = await asyncio.gather(*(made.plane.runner.decide(made.call()) for _ in range(3)))
        assert {one.traces[0].decision for one in verdicts} == {"timeout"}
        assert made.plane.dispatcher.in_flight == 0
        # The end of the first makes room, a moment before the others end.
        assert len(worker.invocations) < 3


async def test_the_queue_for_room_is_bounded():
    async with rig(group_queue=2) as made:
        worker = await plain_worker(made, GATE, window=pb.SetWindow(reply_window=1))
        tasks = [asyncio.create_task(made.plane.runner.decide(made.call())) for _ in range(4)]
        verdict = await tasks[3]
        assert verdict.traces[0].decision == "error"
        assert "busy" in verdict.traces[0].reason
        for task in tasks:
            task.cancel()
        await worker.told("cancel")


async def test_max_in_flight_limits_one_handler_and_not_the_others():
    async with rig() as made:
        worker = await plain_worker(
            made, hook("gate", spec(), max_in_flight=1), hook("seer", spec(OBSERVE))
        )
        tasks = [asyncio.create_task(made.plane.runner.decide(made.call())) for _ in range(3)]
        await worker.asked()
        made.plane.runner.observe(made.call(trigger=AFTER))
        await worker.asked(2)
        await asyncio.sleep(0.02)
        assert [one.handler for one in worker.invocations] == ["gate", "seer"]
        for task in tasks:
            task.cancel()


async def test_a_backlog_of_observers_does_not_starve_decisions():
    async with rig() as made:
        worker = await plain_worker(
            made,
            GATE,
            hook("seer", spec(OBSERVE)),
            window=pb.SetWindow(observe_window=3, max_bytes=1000),
        )
        for _ in range(10):
            made.plane.runner.observe(made.call("x" * 400, trigger=AFTER))
        async with deciding(made, text="y" * 400) as task:
            await worker.until(lambda: "gate" in [one.handler for one in worker.invocations])
            handlers = [one.handler for one in worker.invocations]
            # One payload fits into the observers' half of the bytes.
            assert handlers.count("seer") == 1
            await worker.answer(
                next(one for one in worker.invocations if one.handler == "gate"), allow()
            )
            await task


async def test_what_is_due_together_leaves_together():
    async with rig() as made, served(made) as client:
        worker = await grpc_worker(client, GATE, behave=lambda _: allow())
        await asyncio.gather(*(made.plane.runner.decide(made.call()) for _ in range(64)))
        assert sum(worker.batches) == 64
        # The first is alone and leaves at once; the rest follows in few writes.
        assert len(worker.batches) <= 6


async def test_a_lone_call_does_not_linger():
    async with rig(linger_seconds=0.5) as made:
        await plain_worker(made, GATE, behave=lambda _: allow())
        began = time.monotonic()
        for _ in range(5):
            await made.plane.runner.decide(made.call())
        assert time.monotonic() - began < 0.2


async def test_a_batch_stays_below_what_a_client_takes():
    async with rig() as made, served(made) as client:
        worker = await grpc_worker(client, GATE, behave=lambda _: allow())
        big = "x" * 900_000
        verdicts = await asyncio.gather(
            *(made.plane.runner.decide(made.call(big)) for _ in range(12))
        )
        assert {one.traces[0].decision for one in verdicts} == {"allow"}
        assert max(worker.batches) <= 3


# ------------------------------------------------------------------ oversize


async def test_a_payload_over_1_mib_comes_by_reference():
    async with rig() as made, served(made) as client:
        worker = await grpc_worker(client, GATE)
        text = "x" * 1_500_000
        async with deciding(made, text=text) as task:
            invocation = await worker.asked()
            assert invocation.WhichOneof("input") == "oversize"
            assert invocation.oversize.size_bytes > 1_500_000
            request = pb.GetInvocationPayloadRequest(
                invocation_id=invocation.invocation_id, lease=invocation.lease
            )
            payload = await client.unary(HOOKS + "GetInvocationPayload", request)
            assert payload.hook.event.content.text.body == text
            for wrong, caller in (
                (pb.GetInvocationPayloadRequest(invocation_id=request.invocation_id), ME),
                (request, FOREIGN),
            ):
                with pytest.raises(NotFound) as caught:
                    await made.plane.get_invocation_payload(caller, wrong)
                assert caught.value.reason == pb.ERROR_REASON_INVOCATION_NOT_FOUND
            await worker.answer(invocation, allow())
            assert (await task).traces[0].decision == "allow"
        failure = await failure_of(client.unary(HOOKS + "GetInvocationPayload", request))
        assert failure.reason == "INVOCATION_NOT_FOUND"


# ------------------------------------------------------------------ the end


async def test_goodbye_takes_outstanding_answers_and_no_new_work():
    async with rig() as made:
        await made.create("gate", spec())
        worker = await plain_worker(made, hook("gate"))
        async with deciding(made) as task:
            held = await worker.asked()
            await worker.send(goodbye=pb.Goodbye(reason="deploy"))
            await asyncio.sleep(0.02)
            # Nobody is expected back: the policy applies at once.
            began = time.monotonic()
            other = await made.plane.runner.decide(made.call())
            assert other.traces[0].decision == "no_worker"
            assert time.monotonic() - began < 0.02
            await worker.answer(held, block("last word"))
            assert (await task).reason == "last word"
        assert await worker.ended() is None


async def test_a_worker_that_stops_writing_is_replaced():
    async with rig() as made:
        first = await plain_worker(made, GATE)
        second = await plain_worker(made, GATE, behave=lambda _: allow())
        async with deciding(made) as task:
            await first.asked()
            await first.link.done_writing()
            assert (await task).traces[0].decision == "allow"
            assert second.invocations[0].attempt == 2
        assert await first.ended() is None


async def test_an_old_stream_is_drained_and_work_waits_for_the_next_one():
    async with rig(max_age_seconds=0.1, drain_grace_seconds=1.0) as made:
        old = await plain_worker(made, GATE)
        drain = (await old.told("drain")).drain
        assert drain.reason == pb.Drain.REASON_MAX_AGE
        assert drain.grace.seconds == 1
        async with deciding(made) as task:
            await asyncio.sleep(0.05)
            assert not task.done()
            assert not old.invocations
            await plain_worker(made, GATE, behave=lambda _: block("by the new stream"))
            assert (await task).reason == "by the new stream"
        await old.kill()


async def test_ages_differ_by_a_fifth():
    ages = []
    for jitter in (0.0, 0.999):
        async with rig(max_age_seconds=0.2, jitter=lambda j=jitter: j) as made:
            began = time.monotonic()
            worker = await plain_worker(made, GATE)
            await worker.told("drain")
            ages.append(time.monotonic() - began)
    assert 0.15 < ages[0] < 0.19
    assert 0.23 < ages[1] < 0.27


async def test_a_drained_stream_ends_with_the_grace_and_others_take_over():
    async with rig(max_age_seconds=0.05, max_age_spread=0, drain_grace_seconds=0.1) as made:
        worker = await plain_worker(made, hook("gate", spec(timeout=1)))
        async with deciding(made) as task:
            await worker.asked()
            await worker.told("drain")
            verdict = await task
            assert verdict.traces[0].decision == "no_worker"
        assert await worker.ended() is None


async def test_a_server_that_stops_lets_calls_finish_then_ends_the_streams():
    async with rig() as made, served(made) as client:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_ALLOW))
        worker = await grpc_worker(client, hook("gate"))
        async with deciding(made) as task:
            held = await worker.asked()
            draining = asyncio.create_task(made.plane.drain(2.0))
            await asyncio.sleep(0.05)
            assert not worker.all("drain")
            await worker.answer(held, block("in time"))
            assert (await task).reason == "in time"
        drain = (await worker.told("drain")).drain
        assert drain.reason == pb.Drain.REASON_NODE_SHUTDOWN
        await draining
        assert await worker.ended() is None
        # Fail-open is no answer to a server that sends its workers away.
        with pytest.raises(Unavailable) as caught:
            await made.plane.runner.decide(made.call())
        assert caught.value.reason == pb.ERROR_REASON_NODE_DRAINING
        late = Worker(client.bidi(HOOKS + "Connect"))
        await late.send(hello=pb.Hello(protocol_revision=1))
        assert read_failure(await late.ended()).reason == "NODE_DRAINING"


async def test_a_worker_that_does_not_read_is_closed():
    async with rig(outbox_frames=50) as made:
        stream = made.plane.connect(ME, _flood())
        assert (await anext(stream)).WhichOneof("message") == "welcome"
        await asyncio.sleep(0.05)
        with pytest.raises(ResourceExhausted) as caught:
            async for _ in stream:
                pass
        assert caught.value.reason == pb.ERROR_REASON_SLOW_CONSUMER


async def _flood():
    yield pb.ConnectRequest(hello=pb.Hello(protocol_revision=1))
    for nonce in range(1000):
        yield pb.ConnectRequest(ping=pb.Ping(nonce=nonce))
    await asyncio.sleep(10)


async def test_sessions_are_counted_per_organization():
    async with rig(max_sessions=1) as made:
        await plain_worker(made, GATE)
        await plain_worker(made, GATE, caller=FOREIGN)
        third = Worker(Link(made.plane, ME))
        error = await third.ended()
        assert isinstance(error, ResourceExhausted)
        assert error.reason == pb.ERROR_REASON_QUOTA


async def test_workers_are_listed_by_page():
    async with rig() as made:
        for number in range(3):
            await plain_worker(
                made,
                hook(f"h{number}", spec()),
                worker_id=f"w{number}",
                sdk_name="roomd-python",
                sdk_version="1",
            )
        await plain_worker(made, GATE, caller=FOREIGN)
        listed = made.plane.rpc["ListWorkers"]
        first = await listed(ME, pb.ListWorkersRequest(page_size=2))
        second = await listed(
            ME, pb.ListWorkersRequest(page_size=2, page_token=first.next_page_token)
        )
        both = [*first.workers, *second.workers]
        assert [one.worker_id for one in both] == ["w0", "w1", "w2"]
        assert not second.next_page_token
        assert both[0].sdk == "roomd-python 1"
        assert list(both[0].handlers) == ["h0"]
        assert both[0].window.reply_window == 256
        only = await listed(ME, pb.ListWorkersRequest(handler="h1"))
        assert [one.worker_id for one in only.workers] == ["w1"]


# ------------------------------------------------------------------ over gRPC


async def test_over_grpc_decisions_and_errors_look_the_same():
    async with rig() as made, served(made) as client:
        worker = await grpc_worker(client, GATE, behave=lambda _: block("no"))
        verdict = await made.plane.runner.decide(made.call())
        assert verdict.reason == "no"
        await worker.send(hello=pb.Hello(protocol_revision=1))
        failure = read_failure(await worker.ended())
        assert failure.reason == "PROTOCOL_VIOLATION"
        assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
        first = Worker(client.bidi(HOOKS + "Connect"))
        await first.send(hello=pb.Hello())
        assert read_failure(await first.ended()).reason == "PROTOCOL_TOO_OLD"


async def test_over_grpc_a_cancelled_worker_is_replaced_at_once():
    async with rig() as made, served(made) as client:
        first = await grpc_worker(client, GATE)
        await grpc_worker(client, GATE, behave=lambda _: allow())
        async with deciding(made) as task:
            await first.asked()
            began = time.monotonic()
            first.link.cancel()
            await task
            assert time.monotonic() - began < 0.05
        await first.ended()
        await asyncio.sleep(0.05)
        assert made.plane.streams.count == 1


async def test_over_grpc_every_rpc_of_the_service_is_served():
    names = {method.name for method in pb_methods()}
    async with rig() as made:
        assert set(made.plane.rpc) == names - {"Connect", "WatchHooks"}  # streams


def pb_methods():
    from roomd.v1 import hook_service_pb2

    return hook_service_pb2.DESCRIPTOR.services_by_name["HookService"].methods


async def test_a_protocol_violation_gives_the_work_to_others():
    async with rig() as made:
        bad = await plain_worker(made, GATE)
        await plain_worker(made, GATE, behave=lambda _: allow())
        async with deciding(made) as task:
            await bad.asked()
            await bad.link.write(pb.ConnectRequest())
            assert (await task).traces[0].decision == "allow"
        assert isinstance(await bad.ended(), FailedPrecondition)
