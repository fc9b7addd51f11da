"""Semantics 5: "HookResult: allow, block(reason), modify(payload), injected events with
targets, tasks, observations, metadata".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
from hook_kit import DECIDE, OBSERVE, Worker, allow, block, hook, modify, spec
from hooks_kit import BLOCKED, DELIVERED, author, echo, found, gate, phone, send, serve
from rooms_kit import House, house, text_content
from trigger_stories import DELIVER, STORIES

from roomd import v1 as pb

BEFORE_DELIVER = pb.HOOK_TRIGGER_BEFORE_DELIVER
GATES = (pb.HOOK_TRIGGER_BEFORE_BROADCAST, BEFORE_DELIVER)
WATCHED = [number for number in pb.HookTrigger.values() if number and number not in GATES]
ACTIONS: Mapping[str, pb.HookDecision] = {
    "allow": allow(),
    "modify": modify("in other words"),
    "block": block("not now"),
}
NOBODY = pb.Visibility.SCOPE_NONE


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


def with_more(action: str) -> pb.HookDecision:
    """A decision that carries everything a result may."""
    decision = pb.HookDecision()
    decision.CopyFrom(ACTIONS[action])
    decision.tasks.add(title="call back", assigned_to="boss")
    decision.observations.add(category="mood", content="angry", confidence=0.25)
    noted = pb.RoomEvent(content=text_content("a note"))
    decision.injected_events.add(event=noted, target_channel_ids=["sms"])
    decision.metadata.update({"score": 0.5, "labels": ["a", "b"]})
    return decision


async def decided(h: House, decision: pb.HookDecision, trigger: int) -> pb.RoomEvent:
    """What became of what was said, when a hook on the trigger decided so."""
    await serve(h, hook("gate", spec(DECIDE, trigger)), behave=lambda _: decision)
    await STORIES[trigger].fire(h)
    return (await h.messages())[0]


# ------------------------------------------------------------------ the three actions


@pytest.mark.parametrize("trigger", GATES)
async def test_s5_allow_lets_it_pass_as_it_is(h: House, trigger: int) -> None:
    """Semantics 5: "allow"."""
    provider = await phone(h)
    event = await decided(h, allow(), trigger)
    assert (event.status, event.blocked_by) == (DELIVERED, "")
    assert event.content.text.body == STORIES[trigger].carries
    await provider.worker.until(lambda: provider.texts == [STORIES[trigger].carries])


@pytest.mark.parametrize("trigger", GATES)
async def test_s5_block_stores_it_blocked_with_its_reason(h: House, trigger: int) -> None:
    """Semantics 5: "block(reason)": by whom and why is in the timeline; nobody gets it."""
    provider = await phone(h)
    event = await decided(h, block("not now"), trigger)
    assert (event.status, event.blocked_by, event.block_reason) == (BLOCKED, "gate", "not now")
    assert not (await h.deliveries("sms"))
    assert provider.texts == []


async def test_s5_block_tells_its_reason_to_the_caller(h: House) -> None:
    """Semantics 5: "block(reason)": shown to the caller."""
    await gate(h, lambda _: block("not now"))
    answer = await h.say("hello")
    assert (answer.outcome, answer.blocked_by) == (pb.OUTCOME_BLOCKED, "gate")
    assert answer.reason == "not now"


async def test_s5_block_without_words_gives_its_code(h: House) -> None:
    """Semantics 5: "block(reason)": a code is a reason too."""
    await gate(h, lambda _: pb.HookDecision(block=pb.Block(code="pii")))
    assert (await h.say("hello")).reason == "pii"


@pytest.mark.parametrize("trigger", GATES)
async def test_s5_modify_replaces_what_is_stored_and_delivered(h: House, trigger: int) -> None:
    """Semantics 5: "modify(payload)"."""
    provider = await phone(h)
    event = await decided(h, modify("in other words"), trigger)
    assert event.content.text.body == "in other words"
    await provider.worker.until(lambda: provider.texts == ["in other words"])


async def test_s5_modify_is_what_the_next_hook_sees(h: House) -> None:
    """Semantics 5: "modify(payload)": for the rest of the chain too."""
    seen: list[str] = []

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        seen.append(invocation.hook.event.content.text.body)
        return modify(f"{seen[-1]}!")

    await serve(h, hook("one", spec()), hook("two", spec()), behave=behave)
    assert (await h.say("oh")).event.content.text.body == "oh!!"
    assert seen == ["oh", "oh!"]


async def test_s5_modify_may_change_the_metadata(h: House) -> None:
    """Semantics 5: "modify(payload)": event.metadata."""
    change = modify("", "event.metadata")
    change.modify.payload.event.metadata.update({"checked": True})
    await gate(h, lambda _: change)
    event = (await h.say("hello")).event
    assert (event.metadata["checked"], event.content.text.body) == (True, "hello")


async def test_s5_modify_may_change_who_sees_it(h: House) -> None:
    """Semantics 5: "modify(payload)": event.visibility."""
    provider = await phone(h)
    change = modify("", "event.visibility")
    change.modify.payload.event.visibility.scope = NOBODY
    await gate(h, lambda _: change)
    event = (await h.say("hello")).event
    assert (event.visibility.scope, provider.texts) == (NOBODY, [])


async def test_s5_modify_may_change_who_sees_the_answers(h: House) -> None:
    """Semantics 5: "modify(payload)": event.response_visibility."""
    provider, ai = await phone(h), await author(h)
    change = modify("", "event.response_visibility")
    change.modify.payload.event.response_visibility.scope = NOBODY

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        is_question = invocation.hook.event.chain_depth == 0
        return change if is_question else allow()

    await gate(h, behave)
    await send(h, "Well?")
    await ai.say(events=[pb.RoomEvent(content=text_content("for you only"))])
    await send(h, "bye")
    await provider.worker.until(lambda: "bye" in provider.texts)
    assert "for you only" not in provider.texts
    answer = (await h.messages())[1]
    assert (answer.content.text.body, answer.visibility.scope) == ("for you only", NOBODY)


async def test_s5_modify_may_change_who_is_asked(h: House) -> None:
    """Semantics 5: "modify(payload)": event.addressed_to."""
    ai = await author(h)
    change = modify("", "event.addressed_to")
    change.modify.payload.event.addressed_to.SetInParent()
    await gate(h, lambda _: change)
    assert (await h.say("hello")).event.HasField("addressed_to")
    assert not (await h.deliveries("ai"))
    assert not ai.worker.invocations


# ------------------------------------------------------------------ what it carries besides


@pytest.fixture
async def extended(h: House, action: str, trigger: int) -> House:
    """A house where a hook decided and added everything it may."""
    await phone(h)
    await decided(h, with_more(action), trigger)
    return h


on_every_gate = pytest.mark.parametrize("trigger", GATES, ids=["on_broadcast", "on_deliver"])
with_every_action = pytest.mark.parametrize("action", list(ACTIONS))


@on_every_gate
@with_every_action
async def test_s5_result_tasks_are_stored(extended: House) -> None:
    """Semantics 5: "HookResult: … tasks", whatever it decides."""
    (task,) = (await found(extended))[0]
    assert (task.title, task.assigned_to, task.room_id) == ("call back", "boss", "r1")
    assert task.status == pb.TASK_STATUS_PENDING


@on_every_gate
@with_every_action
async def test_s5_result_observations_are_stored(extended: House) -> None:
    """Semantics 5: "HookResult: … observations", about the event that it decided on."""
    (noted,) = (await found(extended))[1]
    assert (noted.category, noted.content, noted.confidence) == ("mood", "angry", 0.25)
    assert noted.event_id == (await extended.messages())[0].event_id


@on_every_gate
@with_every_action
async def test_s5_result_injected_events_are_stored_and_reach_their_targets(
    extended: House,
) -> None:
    """Semantics 5: "HookResult: … injected events with targets": behind the event."""
    event, injected = await extended.messages()
    assert injected.content.text.body == "a note"
    assert injected.index > event.index
    assert injected.correlation_id == event.event_id
    assert injected.source.channel_type == pb.CHANNEL_TYPE_SYSTEM
    told = [row.event_id for row in await extended.deliveries("sms")]
    assert injected.event_id in told


@on_every_gate
@with_every_action
async def test_s5_result_metadata_is_kept_under_the_hooks_name(extended: House) -> None:
    """Semantics 5: "HookResult: … metadata": "kept in the event's metadata under the hook's
    name".
    """
    event = (await extended.messages())[0]
    kept = event.metadata["_hooks"]["gate"]
    assert (kept["score"], list(kept["labels"])) == (0.5, ["a", "b"])


async def test_s5_result_metadata_of_several_hooks_and_triggers_is_kept(h: House) -> None:
    """Semantics 5: "metadata": each hook's under its own name."""

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        decision = allow()
        decision.metadata.update({"by": invocation.handler})
        return decision

    await phone(h)
    on_both = hook("two", spec(DECIDE, *GATES))
    on_deliver = hook("three", spec(DECIDE, BEFORE_DELIVER))
    await serve(h, hook("one", spec()), on_both, on_deliver, behave=behave)
    await DELIVER(h)
    kept = (await h.messages())[0].metadata["_hooks"]
    assert {name: kept[name]["by"] for name in kept} == {
        name: name for name in ("one", "two", "three")
    }


async def test_s5_injected_event_goes_to_its_targets_only(h: House) -> None:
    """Semantics 5: "injected events with targets": to nobody else."""
    provider = await phone(h)
    await phone(h, "mobile", "other")
    decision = block("later")
    decision.injected_events.add(
        event=pb.RoomEvent(content=text_content("only you")), target_channel_ids=["sms"]
    )
    await gate(h, lambda _: decision)
    await h.say("hello")
    assert provider.texts == ["only you"]
    assert not await h.deliveries("mobile")
    assert not await h.deliveries("ws")


async def test_s5_injected_event_without_targets_is_stored_only(h: House) -> None:
    """Semantics 5: "injected events with targets": "empty: it is stored only"."""
    await phone(h)
    decision = block("later")
    decision.injected_events.add(event=pb.RoomEvent(content=text_content("a note")))
    await gate(h, lambda _: decision)
    await h.say("hello")
    assert [event.content.text.body for event in await h.messages()] == ["hello", "a note"]
    assert not await h.deliveries("sms")


async def test_s5_injected_event_may_ask_an_ai(h: House) -> None:
    """Semantics 5: "injected events with targets": an AI among them is asked."""
    ai = await author(h)
    decision = block("later")
    decision.injected_events.add(
        event=pb.RoomEvent(content=text_content("say hello")), target_channel_ids=["ai"]
    )
    await gate(h, lambda _: decision)
    await send(h)
    invocation = await ai.begin()
    assert invocation.call.respond.event.content.text.body == "say hello"


async def test_s5_injected_events_of_one_message_keep_their_order(h: House) -> None:
    """Semantics 5: "injected events": of all hooks, in the order of the chain."""

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        decision = allow()
        for number in (1, 2):
            noted = pb.RoomEvent(content=text_content(f"{invocation.handler} {number}"))
            decision.injected_events.add(event=noted)
        return decision

    await serve(h, hook("aa", spec()), hook("bb", spec()), behave=behave)
    await h.say("hello")
    texts = [event.content.text.body for event in await h.messages()]
    assert texts == ["hello", "aa 1", "aa 2", "bb 1", "bb 2"]


# ------------------------------------------------------------------ of observers


async def finder(h: House, trigger: int) -> Worker:
    """A watcher that finds something."""
    done = pb.Done(tasks=[pb.Task(title="look at it")])
    done.observations.add(category="seen", content="by a watcher")
    return await serve(h, hook("finder", spec(OBSERVE, trigger)), behave=lambda _: done)


@pytest.mark.parametrize("trigger", WATCHED, ids=pb.HookTrigger.Name)
async def test_s5_what_observers_find_is_stored(h: House, trigger: int) -> None:
    """Semantics 5: "tasks, observations": an observer's answer may carry them, on every
    trigger.
    """
    story = STORIES[trigger]
    if story.prepare is not None:
        await story.prepare(h)
    worker = await finder(h, trigger)
    await story.fire(h)
    await worker.asked()
    await echo(worker)
    tasks, noted = await stored_notes(h, story.facts.room_id)
    assert "look at it" in [task.title for task in tasks]
    assert [one.content for one in noted if one.category == "seen"] == ["by a watcher"]


async def stored_notes(h: House, room_id: str) -> tuple[list[pb.Task], list[pb.Observation]]:
    """What is stored, behind everything that was handed to the store before."""
    await h.do(pb.CreateObservationRequest(room_id=room_id, observation=pb.Observation()))
    return await found(h, room_id)
