"""What a chain of hooks decides, over plain streams."""

from __future__ import annotations

import asyncio
import time

import pytest
from hook_kit import (
    BEFORE,
    DECIDE,
    ME,
    VALIDATE,
    allow,
    block,
    hook,
    modify,
    plain_worker,
    rig,
    spec,
)

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable


def text_of(verdict):
    return verdict.payload.event.content.text.body


async def test_without_hooks_the_payload_passes_unchanged():
    async with rig() as made:
        assert not made.plane.runner.wants("default", BEFORE, "r")
        call = made.call()
        verdict = await made.plane.runner.decide(call)
        assert verdict.payload is call.payload
        assert not verdict.traces


async def test_allow_block_and_modify_reach_the_verdict_and_the_trace():
    def behave(invocation):
        said = invocation.hook.event.content.text.body
        return {"bad": block("rude"), "fix": modify("fixed")}.get(said, allow())

    async with rig() as made:
        await plain_worker(made, hook("gate", spec()), behave=behave, worker_id="w1")
        assert made.plane.runner.wants("default", BEFORE, "r")
        allowed = await made.plane.runner.decide(made.call("good"))
        blocked = await made.plane.runner.decide(made.call("bad"))
        changed = await made.plane.runner.decide(made.call("fix"))
    assert (allowed.blocked_by, text_of(allowed)) == ("", "good")
    assert (blocked.blocked_by, blocked.reason) == ("gate", "rude")
    assert text_of(changed) == "fixed"
    (trace,) = blocked.traces
    assert (trace.hook, trace.worker_id, trace.decision, trace.reason) == (
        "gate",
        "w1",
        "block",
        "rude",
    )
    assert 0 < trace.took.nanos < 500_000_000
    assert [changed.traces[0].decision, allowed.traces[0].decision] == ["modify", "allow"]


async def test_decide_hooks_run_by_priority_then_name_on_what_the_ones_before_made():
    def behave(invocation):
        return modify(invocation.hook.event.content.text.body + f" {invocation.handler}")

    async with rig() as made:
        await plain_worker(
            made,
            hook("zz", spec(priority=-1)),
            hook("bb", spec()),
            hook("aa", spec()),
            hook("cc", spec(priority=5)),
            behave=behave,
        )
        verdict = await made.plane.runner.decide(made.call("x"))
    assert text_of(verdict) == "x zz aa bb cc"
    assert [trace.hook for trace in verdict.traces] == ["zz", "aa", "bb", "cc"]


async def test_a_block_ends_the_chain_and_keeps_what_was_added_so_far():
    def behave(invocation):
        answer = allow() if invocation.handler == "first" else block("stop")
        answer.tasks.add(title=f"by {invocation.handler}")
        answer.observations.add(category="seen", content=invocation.handler)
        injected = answer.injected_events.add(target_channel_ids=["sms"])
        injected.event.content.text.body = "note"
        answer.metadata.update({"score": 1})
        return answer

    async with rig() as made:
        worker = await plain_worker(
            made,
            hook("first", spec(priority=1)),
            hook("second", spec(priority=2)),
            hook("third", spec(priority=3)),
            behave=behave,
        )
        verdict = await made.plane.runner.decide(made.call())
    assert [one.handler for one in worker.invocations] == ["first", "second"]
    assert verdict.blocked_by == "second"
    assert [task.title for task in verdict.tasks] == ["by first", "by second"]
    assert len(verdict.injected) == len(verdict.observations) == 2
    assert dict(verdict.metadata["first"]) == {"score": 1}


async def test_validate_hooks_of_one_priority_run_side_by_side_after_the_decide_hooks():
    async def slowly(invocation):
        await asyncio.sleep(0.15)
        return block("b") if invocation.handler == "vb" else allow()

    def behave(invocation):
        return modify("new") if invocation.handler == "x-decides" else slowly(invocation)

    async with rig() as made:
        worker = await plain_worker(
            made,
            *[hook(name, spec(VALIDATE)) for name in ("va", "vb", "vc")],
            hook("x-decides", spec()),
            hook("vlate", spec(VALIDATE, priority=1)),
            behave=behave,
        )
        began = time.monotonic()
        verdict = await made.plane.runner.decide(made.call("old"))
        took = time.monotonic() - began
    assert 0.14 < took < 0.29
    assert verdict.blocked_by == "vb"
    assert [trace.hook for trace in verdict.traces] == ["x-decides", "va", "vb", "vc"]
    seen = {one.handler: one.hook.event.content.text.body for one in worker.invocations}
    assert seen == {"x-decides": "old", "va": "new", "vb": "new", "vc": "new"}


@pytest.mark.parametrize(
    ("mode", "answer", "why"),
    [
        (DECIDE, modify("x", "event.source"), "may not be changed"),
        (DECIDE, modify("x", "event.room_id"), "may not be changed"),
        (DECIDE, modify("x", "event.content", "event.index"), "may not be changed"),
        (DECIDE, pb.HookDecision(modify=pb.Modify()), "modify.payload"),
        (
            DECIDE,
            pb.HookDecision(
                modify=pb.Modify(payload=pb.HookPayload(event=pb.RoomEvent(event_id="z")))
            ),
            "must say something",
        ),
        (
            DECIDE,
            pb.HookDecision(
                modify=pb.Modify(payload=pb.HookPayload(delivery=pb.Delivery(delivery_id="d")))
            ),
            "payload kind event",
        ),
        (DECIDE, pb.HookDecision(), "allow, block or modify"),
        (DECIDE, pb.Done(), "must be a decision"),
        (DECIDE, pb.HandlerResult(route=pb.RouteAnswer(room_id="x")), "must be a decision"),
        (VALIDATE, modify("x"), "does not modify"),
        (
            VALIDATE,
            pb.HookDecision(allow=pb.Allow(), tasks=[pb.Task(title="t")]),
            "adds nothing",
        ),
        (DECIDE, pb.HookDecision(allow=pb.Allow(), tasks=[pb.Task()]), "title"),
        (
            DECIDE,
            pb.HookDecision(allow=pb.Allow(), injected_events=[pb.InjectedEvent()]),
            "event",
        ),
        (DECIDE, block("x" * 3000), "at most 2048"),
        (
            DECIDE,
            pb.HookDecision(
                allow=pb.Allow(), observations=[pb.Observation(confidence=7.0, category="c")]
            ),
            "confidence",
        ),
    ],
)
async def test_an_answer_against_the_rules_is_refused_and_counts_as_a_failure(mode, answer, why):
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec(mode)), behave=lambda _: answer)
        call = made.call("as it was")
        verdict = await made.plane.runner.decide(call)
        settled = (await worker.told("settled")).settled
    assert verdict.payload == call.payload
    assert not verdict.blocked_by
    assert not verdict.tasks
    assert verdict.traces[0].decision == "error"
    assert why in verdict.traces[0].reason
    assert settled.disposition == pb.Settled.DISPOSITION_INVALID
    assert why in settled.status.message
    assert made.faults[0][:3] == ("hook_error", "gate", "r")


async def test_a_hook_cannot_touch_the_servers_metadata():
    async with rig() as made:
        answer = modify("x", "event.metadata")
        answer.modify.payload.event.metadata.update({"_stream": "forged", "_new": 1, "mine": 2})
        await plain_worker(made, hook("gate", spec()), behave=lambda _: answer)
        call = made.call()
        call.payload.event.metadata.update({"_stream": "true", "old": 1})
        verdict = await made.plane.runner.decide(call)
    assert dict(verdict.payload.event.metadata) == {"_stream": "true", "mine": 2}


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (pb.HookFilter(), True),
        (pb.HookFilter(channel_ids=["sms", "x"]), True),
        (pb.HookFilter(channel_ids=["x"]), False),
        (pb.HookFilter(channel_types=[pb.CHANNEL_TYPE_SMS]), True),
        (pb.HookFilter(channel_types=[pb.CHANNEL_TYPE_EMAIL]), False),
        (pb.HookFilter(event_types=[pb.EVENT_TYPE_MESSAGE], channel_ids=["sms"]), True),
        (pb.HookFilter(event_types=[pb.EVENT_TYPE_MESSAGE], channel_ids=["x"]), False),
        # The subject has no direction here: a list that asks for one does not match.
        (pb.HookFilter(directions=[pb.DIRECTION_INBOUND]), False),
        (pb.HookFilter(directions=[pb.DIRECTION_UNSPECIFIED]), False),
        (pb.HookFilter(room_ids=["q", "r"]), True),
        (pb.HookFilter(room_ids=["q"]), False),
        (pb.HookFilter(room_labels={"tier": "gold"}), True),
        (pb.HookFilter(room_labels={"tier": "gold", "vip": "1"}), False),
        (pb.HookFilter(room_labels={"tier": "iron"}), False),
    ],
)
async def test_filters_decide_who_is_asked(wanted, matches):
    async with rig() as made:
        worker = await plain_worker(
            made, hook("gate", spec(filter=wanted)), behave=lambda _: allow()
        )
        verdict = await made.plane.runner.decide(made.call())
        assert bool(worker.invocations) is matches
        assert bool(verdict.traces) is matches


async def test_wants_knows_room_hooks():
    async with rig() as made:
        await plain_worker(made, hook("room-q", spec(filter=pb.HookFilter(room_ids=["q"]))))
        wants = made.plane.runner.wants
        assert wants("default", BEFORE, "q")
        assert not wants("default", BEFORE, "r")
        assert not wants("other", BEFORE, "q")
        assert not wants("default", pb.HOOK_TRIGGER_BEFORE_DELIVER, "q")


async def test_context_is_built_once_for_equal_selections_and_only_when_asked_for():
    async with rig() as made:
        chosen = pb.ContextSelection(room=True, recent_events=3)
        worker = await plain_worker(
            made,
            hook("aa", spec(context=chosen)),
            hook("bb", spec(context=chosen)),
            hook("cc", spec(context=pb.ContextSelection(bindings=True))),
            hook("dd", spec()),
            behave=lambda _: allow(),
        )
        await made.plane.runner.decide(made.call())
        assert made.contexts == [chosen, pb.ContextSelection(bindings=True)]
    told = {one.handler: one.HasField("context") for one in worker.invocations}
    assert told == {"aa": True, "bb": True, "cc": True, "dd": False}


@pytest.mark.parametrize("policy", [pb.FAILURE_POLICY_ALLOW, pb.FAILURE_POLICY_BLOCK])
async def test_a_hook_that_hangs_costs_exactly_its_timeout_then_its_policy_applies(policy):
    async with rig() as made:
        await made.create("slow", spec(timeout=0.2, failure_policy=policy))
        worker = await plain_worker(made, hook("slow"))
        began = time.monotonic()
        verdict = await made.plane.runner.decide(made.call())
        took = time.monotonic() - began
        cancel = (await worker.told("cancel")).cancel
        assert 0.195 <= took <= 0.23
        assert bool(verdict.blocked_by) is (policy == pb.FAILURE_POLICY_BLOCK)
        assert verdict.traces[0].decision == "timeout"
        assert verdict.traces[0].worker_id == "w"
        assert cancel.reason == pb.Cancel.REASON_DEADLINE
        assert made.faults == [("hook_timeout", "slow", "r", "no answer within 0.2 s")]
        # The late answer changes nothing.
        await worker.answer(worker.invocations[0], block())
        settled = (await worker.told("settled")).settled
        assert settled.disposition == pb.Settled.DISPOSITION_LATE


@pytest.mark.parametrize("policy", [pb.FAILURE_POLICY_ALLOW, pb.FAILURE_POLICY_BLOCK])
async def test_with_nobody_attached_the_policy_applies_at_once(policy):
    async with rig() as made:
        await made.create("gate", spec(failure_policy=policy))
        await made.plane.runner.decide(made.call())
        took = []
        for _ in range(20):
            began = time.monotonic()
            verdict = await made.plane.runner.decide(made.call())
            took.append(time.monotonic() - began)
        # The best of twenty: others use the same processor.
        assert min(took) < 0.005
        assert verdict.traces[0].decision == "no_worker"
        assert bool(verdict.blocked_by) is (policy == pb.FAILURE_POLICY_BLOCK)
        # Nobody there is no failure in a row: the first worker is asked at once.
        await plain_worker(made, hook("gate"), behave=lambda _: allow())
        assert (await made.plane.runner.decide(made.call())).traces[0].decision == "allow"


async def test_a_workers_failure_applies_the_policy_and_is_traced():
    failure = pb.Failure(status=pb.Status(code=13, message="my database is gone"))
    async with rig() as made:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        await plain_worker(made, hook("gate"), behave=lambda _: failure)
        verdict = await made.plane.runner.decide(made.call())
    assert verdict.blocked_by == "gate"
    assert "my database is gone" in verdict.reason
    assert verdict.traces[0].decision == "error"


async def test_the_chains_budget_ends_it_undecided():
    async with rig(chain_budget_seconds=0.3) as made:
        worker = await plain_worker(
            made, *[hook(name, spec(timeout=0.2)) for name in ("aa", "bb", "cc")]
        )
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await made.plane.runner.decide(made.call())
        took = time.monotonic() - began
    assert caught.value.reason == pb.ERROR_REASON_HOOK_BUDGET_EXHAUSTED
    assert 0.295 <= took <= 0.33
    assert [one.handler for one in worker.invocations] == ["aa", "bb"]


async def test_the_circuit_opens_after_five_failures_and_probes():
    failing = True

    def behave(_):
        return pb.Failure() if failing else allow()

    async with rig(circuit_probe_seconds=0.2) as made:
        worker = await plain_worker(made, hook("gate", spec()), behave=behave)

        async def decision():
            return (await made.plane.runner.decide(made.call())).traces[0].decision

        assert [await decision() for _ in range(6)] == ["error"] * 5 + ["circuit_open"]
        assert len(worker.invocations) == 5
        assert (await made.hook("gate")).state == pb.Hook.STATE_CIRCUIT_OPEN
        assert (await worker.told("notice")).notice.code == "CIRCUIT_OPEN"
        assert "hook_circuit_opened" in [fault[0] for fault in made.faults]
        await asyncio.sleep(0.21)
        assert [await decision(), await decision()] == ["error", "circuit_open"]
        failing = False
        assert await decision() == "circuit_open"
        await asyncio.sleep(0.21)
        assert [await decision(), await decision()] == ["allow", "allow"]
        assert (await made.hook("gate")).state == pb.Hook.STATE_ACTIVE


async def test_an_open_circuit_blocks_when_the_policy_is_to_block():
    async with rig() as made:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        await plain_worker(made, hook("gate"), behave=lambda _: pb.Failure())
        for _ in range(5):
            await made.plane.runner.decide(made.call())
        verdict = await made.plane.runner.decide(made.call())
        assert verdict.traces[0].decision == "circuit_open"
        assert verdict.blocked_by == "gate"
        # Resuming closes it.
        await made.plane.rpc["ResumeHook"](ME, pb.ResumeHookRequest(name="gate"))
        assert (await made.plane.runner.decide(made.call())).traces[0].decision == "error"


async def test_shadow_hooks_are_recorded_and_never_applied():
    def behave(invocation):
        return block("would stop") if invocation.handler == "shadow" else allow()

    async with rig() as made:
        worker = await plain_worker(
            made,
            hook("real", spec()),
            hook("shadow", spec(shadow=True, priority=-1)),
            behave=behave,
        )
        verdict = await made.plane.runner.decide(made.call())
    assert not verdict.blocked_by
    assert [(one.hook, one.decision) for one in verdict.traces] == [
        ("shadow", "shadow:block"),
        ("real", "allow"),
    ]
    expected = {one.handler: one.reply_expected for one in worker.invocations}
    assert expected == {"shadow": False, "real": True}


async def test_a_slow_shadow_does_not_hold_the_chain_up():
    async with rig(shadow_wait_seconds=0.05) as made:
        worker = await plain_worker(made, hook("shadow", spec(shadow=True, timeout=1)))
        began = time.monotonic()
        verdict = await made.plane.runner.decide(made.call())
        assert time.monotonic() - began < 0.1
        assert verdict.traces[0].decision == "shadow:pending"
        await worker.answer(worker.invocations[0], block())
        await asyncio.sleep(0.02)
        assert verdict.traces[0].decision == "shadow:pending"
        assert not worker.all("settled")


async def test_a_chain_whose_caller_leaves_calls_its_workers_back():
    async with rig() as made:
        worker = await plain_worker(made, hook("aa", spec(VALIDATE)), hook("bb", spec(VALIDATE)))
        deciding = asyncio.create_task(made.plane.runner.decide(made.call()))
        await worker.asked(2)
        deciding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deciding
        reasons = {(await worker.told("cancel", n)).cancel.reason for n in range(2)}
        assert reasons == {pb.Cancel.REASON_CALLER_GONE}
        assert made.plane.dispatcher.in_flight == 0


async def test_the_room_of_an_invocation_in_flight_is_known_to_its_organization_only():
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec()))
        deciding = asyncio.create_task(made.plane.runner.decide(made.call()))
        invocation = await worker.asked()
        room = made.plane.runner.active_invocation_room
        assert room("default", invocation.invocation_id) == "r"
        assert room("other", invocation.invocation_id) is None
        await worker.answer(invocation, allow())
        await deciding
        assert room("default", invocation.invocation_id) is None


async def test_a_hook_that_is_deleted_mid_chain_counts_as_not_there():
    async with rig() as made:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        worker = await plain_worker(made, hook("gate"))
        deciding = asyncio.create_task(made.plane.runner.decide(made.call()))
        await worker.asked()
        await made.plane.rpc["DeleteHook"](ME, pb.DeleteHookRequest(name="gate"))
        verdict = await deciding
        assert not verdict.blocked_by
        assert (await worker.told("cancel")).cancel.reason == pb.Cancel.REASON_HANDLER_REMOVED
        assert list((await worker.told("detached")).detached.names) == ["gate"]
