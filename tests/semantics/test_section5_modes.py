"""Semantics 5: "Sync = DECIDE, async = OBSERVE", priority, timeout, failure policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hook_kit import DECIDE, OBSERVE, VALIDATE, allow, block, hook, modify, spec
from hooks_kit import (
    ALLOW_POLICY,
    BLOCK_POLICY,
    BLOCKED,
    DELIVERED,
    PERSISTENT,
    author,
    echo,
    gate,
    send,
    serve,
    store_hook,
    subscribed,
)
from rooms_kit import House, house, text_content

from roomd import HookExecution, HookResult, HookTrigger, RoomEvent, RoomKit
from roomd import v1 as pb
from roomd.models.event import RoomEvent as Event
from roomd_server.core.times import seconds_of

DECIDING = (HookTrigger.BEFORE_BROADCAST, HookTrigger.BEFORE_DELIVER)


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


# ------------------------------------------------------------------ sync and async


async def modes(h: House, kit: RoomKit) -> dict[str, int]:
    """The mode of every hook that the kit serves."""
    await kit.connect()
    return {one.name: one.spec.mode for one in (await h.do(pb.ListHooksRequest())).hooks}


async def test_s5_sync_is_decide(h: House) -> None:
    """Semantics 5: "Sync = DECIDE": and its answer counts."""
    async with RoomKit(f"127.0.0.1:{h.client.server.ports[0]}") as kit:

        @kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.SYNC, name="judge")
        async def judge(event: RoomEvent) -> HookResult:
            return HookResult.block("no")

        assert await modes(h, kit) == {"judge": DECIDE}
        assert (await h.say("hello")).blocked_by == "judge"


async def test_s5_async_is_observe(h: House) -> None:
    """Semantics 5: "async = OBSERVE": it sees what was committed, and changes nothing."""
    seen: list[Event] = []
    async with RoomKit(f"127.0.0.1:{h.client.server.ports[0]}") as kit:

        @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC, name="watch")
        async def watch(event: RoomEvent) -> HookResult:
            seen.append(event)
            return HookResult.block("too late")

        assert await modes(h, kit) == {"watch": OBSERVE}
        event = (await h.say("hello")).event
    assert event.blocked_by == ""
    assert [one.index for one in seen] == [event.index]


async def test_s5_triggers_that_decide_nothing_are_observed_whatever_was_asked_for(
    h: House,
) -> None:
    """Semantics 5: "Sync = DECIDE" where there is something to decide, else OBSERVE."""
    async with RoomKit(f"127.0.0.1:{h.client.server.ports[0]}") as kit:
        for trigger in HookTrigger:
            register = kit.hook(trigger, execution=HookExecution.SYNC, name=trigger.name.lower())
            register(lambda event: None)
        assert await modes(h, kit) == {
            trigger.name.lower(): DECIDE if trigger in DECIDING else OBSERVE
            for trigger in HookTrigger
        }


async def test_s5_observe_sees_it_after_the_commit(h: House) -> None:
    """Semantics 5: OBSERVE: what it is told of is in the timeline already."""
    stored: list[bool] = []

    async def look(invocation: pb.Invocation) -> pb.Done:
        event_id = invocation.hook.event.event_id
        stored.append(event_id in [event.event_id for event in await h.messages()])
        return pb.Done()

    await serve(h, hook("watch", spec(OBSERVE)), behave=look)
    await h.say("hello")
    assert stored == [True]


async def test_s5_decide_sees_it_before_the_commit(h: House) -> None:
    """Semantics 5: DECIDE: nothing is stored while it thinks."""
    worker = await gate(h)
    sending = asyncio.create_task(send(h))
    invocation = await worker.asked()
    assert not invocation.hook.event.HasField("index")
    assert await h.messages() == []
    await worker.answer(invocation, allow())
    assert (await sending).outcome == pb.OUTCOME_ACCEPTED
    assert len(await h.messages()) == 1


# ------------------------------------------------------------------ order


async def order_of(h: House, *handlers: pb.Handler) -> list[str]:
    """In which order hooks are asked."""
    worker = await serve(h, *handlers, behave=lambda _: allow())
    await h.say("hello")
    return [one.handler for one in worker.invocations]


async def test_s5_priority_lower_runs_first(h: House) -> None:
    """Semantics 5: "priority (lower first": negative ones before zero."""
    handlers = [hook(f"p{n}", spec(priority=value)) for n, value in enumerate((5, -5, 0, 100))]
    assert await order_of(h, *handlers) == ["p1", "p2", "p0", "p3"]


async def test_s5_priority_of_equal_ones_is_by_name(h: House) -> None:
    """Semantics 5: "then name)": not by who was attached first."""
    assert await order_of(h, *(hook(name, spec()) for name in "cab")) == ["a", "b", "c"]


async def test_s5_priority_that_is_changed_holds_at_once(h: House) -> None:
    """Semantics 5: "priority": also by an update."""
    handlers = [hook(name, spec()) for name in "ab"]
    assert await order_of(h, *handlers) == ["a", "b"]
    request = pb.UpdateHookRequest(name="b", spec=pb.HookSpec(priority=-1))
    request.update_mask.paths.append("priority")
    await h.do(request)
    event = (await h.say("again")).event
    assert [trace.hook for trace in event.hook_trace] == ["b", "a"]


async def test_s5_decide_hooks_run_one_after_another(h: House) -> None:
    """Semantics 5: the next one is asked when the one before has answered."""
    worker = await serve(h, hook("a", spec()), hook("b", spec()))
    sending = asyncio.create_task(send(h))
    await worker.asked()
    await echo(worker)
    assert [one.handler for one in worker.invocations] == ["a"]
    await worker.answer(worker.invocations[0], allow())
    await worker.answer(await worker.asked(2), allow())
    assert (await sending).outcome == pb.OUTCOME_ACCEPTED


# ------------------------------------------------------------------ timeout


async def test_s5_timeout_is_exactly_the_hooks_own(h: House) -> None:
    """Semantics 5: "timeout": a hook that hangs costs as much as it was given: not a
    millisecond less or more.
    """
    worker = await gate(h, timeout=3)
    sending = asyncio.create_task(send(h))
    await worker.asked()
    h.clock.advance(2.999)
    await echo(worker)
    assert not worker.all("cancel")
    h.clock.advance(0.001)
    answer = await sending
    assert [trace.decision for trace in answer.event.hook_trace] == ["timeout"]
    assert seconds_of(answer.event.hook_trace[0].took) == pytest.approx(3, abs=1e-5)


async def test_s5_timeout_is_told_to_the_worker(h: House) -> None:
    """Semantics 5: "timeout": the invocation says how long it may take; its end is a Cancel."""
    worker = await gate(h, timeout=3)
    sending = asyncio.create_task(send(h))
    invocation = await worker.asked()
    assert seconds_of(invocation.timeout) == 3
    h.clock.advance(3)
    assert (await worker.told("cancel")).cancel.reason == pb.Cancel.REASON_DEADLINE
    await sending


async def test_s5_timeout_of_one_hook_is_not_that_of_the_next(h: House) -> None:
    """Semantics 5: "timeout": the chain goes on, and the next one has its own."""
    worker = await serve(h, hook("a", spec(timeout=1)), hook("b", spec(timeout=2)))
    sending = asyncio.create_task(send(h))
    await worker.asked()
    h.clock.advance(1)
    await worker.answer(await worker.asked(2), block("not after this"))
    answer = await sending
    assert [trace.decision for trace in answer.event.hook_trace] == ["timeout", "block"]


async def test_s5_timeout_of_an_observer_holds_nobody_up(h: House) -> None:
    """Semantics 5: "timeout": of OBSERVE: it is over without anybody having waited."""
    await serve(h, hook("watch", spec(OBSERVE, timeout=5)))
    await send(h, "one")
    await send(h, "two")
    h.clock.advance(5)
    await h.state()
    assert len(h.told("hook_timeout")) == 2


# ------------------------------------------------------------------ failure policy


async def hangs(h: House, policy: int) -> pb.SendEventResponse:
    worker = await gate(h, lifetime=PERSISTENT, failure_policy=policy, timeout=1)
    sending = asyncio.create_task(send(h))
    await worker.asked()
    h.clock.advance(1)
    return await sending


async def fails(h: House, policy: int) -> pb.SendEventResponse:
    failure = pb.Failure(status=pb.Status(code=13, message="boom"))
    await gate(h, lambda _: failure, lifetime=PERSISTENT, failure_policy=policy)
    return await send(h)


async def answers_against_the_rules(h: House, policy: int) -> pb.SendEventResponse:
    forged = modify("x", "event.source")
    await gate(h, lambda _: forged, lifetime=PERSISTENT, failure_policy=policy)
    return await send(h)


async def is_not_there(h: House, policy: int) -> pb.SendEventResponse:
    await store_hook(h, failure_policy=policy)
    return await send(h)


async def dies(h: House, policy: int) -> pb.SendEventResponse:
    worker = await gate(h, lifetime=PERSISTENT, failure_policy=policy)
    sending = asyncio.create_task(send(h))
    await worker.asked()
    await worker.kill()
    return await sending


async def has_failed_too_often(h: House, policy: int) -> pb.SendEventResponse:
    worker = await gate(h, lambda _: pb.Failure(), lifetime=PERSISTENT, failure_policy=policy)
    for _ in range(6):
        answer = await send(h)
    assert len(worker.invocations) == 5
    return answer


FAILURES: dict[str, Callable[[House, int], Awaitable[pb.SendEventResponse]]] = {
    "timeout": hangs,
    "error": fails,
    "invalid": answers_against_the_rules,
    "no_worker": is_not_there,
    "died": dies,
    "circuit_open": has_failed_too_often,
}
DECISIONS = {"invalid": "error", "died": "no_worker"}
"""What the trace says, where it is not the name of the failure."""


@pytest.mark.parametrize("failure", list(FAILURES))
async def test_s5_failure_policy_allow_lets_it_pass(h: House, failure: str) -> None:
    """Semantics 5: "failure policy": ALLOW, whatever way the hook fails."""
    answer = await FAILURES[failure](h, ALLOW_POLICY)
    assert (answer.outcome, answer.blocked_by) == (pb.OUTCOME_ACCEPTED, "")
    event = (await h.messages())[-1]
    assert (event.status, event.content.text.body) == (DELIVERED, "hello")
    assert event.hook_trace[0].decision == DECISIONS.get(failure, failure)


@pytest.mark.parametrize("failure", list(FAILURES))
async def test_s5_failure_policy_block_blocks(h: House, failure: str) -> None:
    """Semantics 5: "failure policy": BLOCK, whatever way the hook fails: stored BLOCKED by it."""
    answer = await FAILURES[failure](h, BLOCK_POLICY)
    assert (answer.outcome, answer.blocked_by) == (pb.OUTCOME_BLOCKED, "gate")
    event = (await h.messages())[-1]
    assert (event.status, event.blocked_by) == (BLOCKED, "gate")
    assert "failed closed" in event.block_reason
    assert event.hook_trace[0].decision == DECISIONS.get(failure, failure)


async def test_s5_failure_policy_allow_asks_the_next_hook(h: House) -> None:
    """Semantics 5: "failure policy": ALLOW: "Go on as if it had allowed"."""
    await store_hook(h, "away", failure_policy=ALLOW_POLICY)
    await gate(h, lambda _: block("no"), "there")
    event = (await h.say("hello")).event
    assert [trace.decision for trace in event.hook_trace] == ["no_worker", "block"]


async def test_s5_failure_policy_block_asks_nobody_else(h: House) -> None:
    """Semantics 5: "failure policy": BLOCK ends the chain like any block."""
    await store_hook(h, "away", failure_policy=BLOCK_POLICY)
    worker = await gate(h, lambda _: allow(), "there")
    assert (await h.say("hello")).blocked_by == "away"
    assert worker.invocations == []


async def test_s5_failure_policy_is_allow_unless_said_otherwise(h: House) -> None:
    """Semantics 5: "failure policy": the default is stored with the hook."""
    assert (await store_hook(h)).spec.failure_policy == ALLOW_POLICY


@pytest.mark.parametrize("mode", [DECIDE, VALIDATE])
async def test_s5_failure_policy_block_needs_a_stored_hook(h: House, mode: int) -> None:
    """Semantics 5: "failure policy, lifetime": a SESSION hook may not have BLOCK."""
    described = spec(mode, failure_policy=BLOCK_POLICY, lifetime=pb.LIFETIME_SESSION)
    worker = await serve(h)
    (status,) = await worker.attach(hook("gate", described))
    assert status.status.reason == pb.ERROR_REASON_POLICY_NEEDS_PERSISTENT


async def test_s5_failure_policy_holds_for_answers_of_an_ai(h: House) -> None:
    """Semantics 5: "failure policy": for every event, also for what an AI says."""
    ai = await author(h)
    of_the_ai = pb.HookFilter(channel_ids=["ai"])
    await store_hook(h, failure_policy=BLOCK_POLICY, filter=of_the_ai)
    async with subscribed(h) as seen:
        await send(h, "Well?")
        await ai.say(events=[pb.RoomEvent(content=text_content("unseen"))])
        await seen.until(lambda one: len(one.messages) == 2)
    assert [event.status for event in await h.messages()] == [DELIVERED, BLOCKED]
