"""The hook stream, rule 6: what a durable observer is to see is stored in the transaction that
makes it true; told at least once, in order per room; parked, listed, replayed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_fakes import until
from hook_kit import OBSERVE, Worker, hook, spec
from hooks_kit import echo, found, phone, said_to, serve, store_hook, tailing
from rooms_kit import House, house, text_content
from test_section5_triggers import GATES, OTHER_WAYS, TRIGGER_IDS, name_of
from trigger_stories import STORIES, Step, change_the_message, withdraw_the_message

from roomd import v1 as pb
from roomd_server.core.ports import Settled, WriteSet
from roomd_server.core.triggers import TRIGGERS

WATCHED = [trigger for trigger in TRIGGER_IDS if trigger not in GATES]
DURABLE = pb.HOOK_DELIVERY_DURABLE
NO_COMMIT = (pb.HOOK_TRIGGER_ON_ERROR,)
"""A failure changes nothing that is stored: its rows are a transaction of their own."""


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path / "rooms.db") as made:
        await made.room("r1", "ws")
        yield made


def watch_commits(h: House) -> list[WriteSet]:
    """The sets with rows of durable observers, as they are handed in."""
    seen: list[WriteSet] = []
    store = h.server._store
    submit = store.writer.submit

    def watched(writes: WriteSet, then: Settled) -> None:
        if writes.observer_rows:
            seen.append(writes)
        submit(writes, then)

    store.writer.submit = watched  # type: ignore[method-assign]
    return seen


def has_more(writes: WriteSet) -> bool:
    """Whether a set makes something true besides its rows."""
    return bool(
        writes.room is not None
        or writes.events
        or writes.changed_events
        or writes.tasks
        or writes.observations
        or writes.deliveries
    )


async def late(h: House, name: str = "one") -> Worker:
    """A worker that comes when everything has happened."""
    return await serve(h, hook(name), behave=lambda _: pb.Done())


async def durable(h: House, *triggers: int, name: str = "one") -> None:
    """A durable observer that nobody serves yet."""
    described = spec(OBSERVE, *triggers, delivery=DURABLE)
    await h.do(pb.CreateHookRequest(name=name, spec=described))


async def shown(h: House, name: str = "one") -> pb.Hook:
    answer: pb.GetHookResponse = await h.do(pb.GetHookRequest(name=name))
    return answer.hook


# ------------------------------------------------------------------ every trigger


@pytest.mark.parametrize("trigger", WATCHED, ids=name_of)
async def test_hook_rule6_every_trigger_is_told_to_who_was_away(h: House, trigger: int) -> None:
    """Rule 6: "a row written in the committing transaction", whatever the trigger; the server
    is started anew before anybody comes.
    """
    story = STORIES[trigger]
    if story.prepare is not None:
        await story.prepare(h)
    await durable(h, trigger)
    commits = watch_commits(h)
    await story.fire(h)
    await until(lambda: commits)
    assert len(commits) == 1
    assert has_more(commits[0]) != (trigger in NO_COMMIT)
    await until(lambda: not h.engine.proactive._observers)  # AFTER_DELIVER: it is after it now
    (row,) = commits[0].observer_rows
    await h.restart()
    worker = await late(h)
    invocation = await worker.asked()
    await echo(worker)
    assert len(worker.invocations) == 1
    assert invocation.invocation_id == row.invocation_id
    assert invocation.trigger == trigger
    assert invocation.hook.WhichOneof("kind") == TRIGGERS[trigger].payload
    assert story.shows(invocation.hook) == story.carries
    assert invocation.room_id == story.facts.room_id


async def test_hook_rule6_after_deliver_is_told_as_it_is_stored(h: House) -> None:
    """AFTER_DELIVER of a delivery that failed: its row is the event's, and the error, which the
    deliveries have, is not in it.
    """
    provider = await phone(h)
    provider.outcome = pb.DeliveryResult(state=pb.DELIVERY_STATE_FAILED, error_code="gone")
    await durable(h, pb.HOOK_TRIGGER_AFTER_DELIVER)
    request = pb.DeliverRequest(room_id="r1", channel_id="sms", content=text_content("hello"))
    said = (await h.do(request)).event
    event = (await (await late(h)).asked()).hook.event
    assert (event.event_id, dict(event.metadata)) == (said.event_id, dict(said.metadata))
    stored = await h.do(pb.ListDeliveriesRequest(room_id="r1", event_id=said.event_id))
    assert [row.result.error_code for row in stored.deliveries] == ["gone"]


@pytest.mark.parametrize(
    ("trigger", "fire"),
    OTHER_WAYS,
    ids=[f"{name_of(trigger)}-{getattr(fire, '__name__', '')}" for trigger, fire in OTHER_WAYS],
)
async def test_hook_rule6_whatever_made_it_happen(h: House, trigger: int, fire: Step) -> None:
    """Rule 6: by call, message, timer, hook or watcher."""
    await durable(h, trigger)
    commits = watch_commits(h)
    await fire(h)
    await until(lambda: commits)
    assert [len(one.observer_rows) for one in commits] == [1]
    assert has_more(commits[0])
    worker = await late(h)
    assert (await worker.asked()).trigger == trigger


async def test_hook_rule6_delivery_states_are_told_in_order(h: House) -> None:
    """Rule 6: triggers without a stored event keep what they carried then."""
    await durable(h, pb.HOOK_TRIGGER_ON_DELIVERY_STATUS)
    await phone(h)
    await h.say("hello")
    await until(lambda: h.told("delivery_succeeded"))
    for state in (pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_READ):
        request = pb.ReportDeliveryStatusRequest(
            channel_id="sms", provider_message_id="m1", state=state
        )
        await h.do(request)
    worker = await late(h)
    await worker.asked(3)
    states = [one.hook.delivery.result.state for one in worker.invocations]
    wanted = [pb.DELIVERY_STATE_SENT, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_READ]
    assert states == wanted


# ------------------------------------------------------------------ what costs nothing


async def test_hook_rule6_without_a_durable_observer_there_are_no_rows(h: House) -> None:
    """Nothing is written for hooks that are told at once."""
    commits = watch_commits(h)
    await store_hook(h, "plain", OBSERVE)
    await durable(h, pb.HOOK_TRIGGER_ON_ROOM_CLOSED)
    await h.say("hello")
    assert commits == []


async def test_hook_rule6_a_filter_keeps_rows_away(h: House) -> None:
    """A row is written for hooks whose filter matches, as for all others."""
    elsewhere = pb.HookFilter(room_ids=["r2"])
    described = spec(OBSERVE, delivery=DURABLE, filter=elsewhere)
    await h.do(pb.CreateHookRequest(name="one", spec=described))
    await h.room("r2", "ws2")
    await h.say("here")
    await h.say("there", room_id="r2", channel_id="ws2")
    worker = await late(h)
    await worker.asked()
    await echo(worker)
    assert said_to(worker) == ["there"]


# ------------------------------------------------------------------ privacy


async def test_hook_rule6_an_edited_event_is_told_as_it_is_now(h: House) -> None:
    """A row refers to its event: nobody reads later what was taken back."""
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    await h.say("first words")
    await change_the_message(h)
    worker = await late(h)
    await worker.asked()
    assert said_to(worker) == ["changed"]
    assert "first words" not in str(worker.invocations[0])


async def test_hook_rule6_a_withdrawn_event_is_told_without_its_content(h: House) -> None:
    """The same for what was withdrawn."""
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    await h.say("a secret")
    await withdraw_the_message(h)
    await h.restart()
    worker = await late(h)
    told = (await worker.asked()).hook.event
    assert told.HasField("delete_time")
    assert "a secret" not in str(worker.invocations[0])


# ------------------------------------------------------------------ acknowledged, retried, parked


async def test_hook_rule6_told_in_order_and_not_again(h: House) -> None:
    """Rule 6: "at least once, in order per room, acknowledged"."""
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    texts = [f"text {number}" for number in range(20)]
    for text in texts:
        await h.say(text)
    assert (await shown(h)).backlog == 20
    worker = await late(h)
    await worker.asked(20)
    assert said_to(worker) == texts
    entry = h.server._plane.registry.find("default", "one")
    assert entry is not None
    await until(lambda: not entry.backlog)
    await h.restart()
    worker = await late(h)
    await h.say("new")
    await worker.asked()
    assert said_to(worker) == ["new"]


async def test_hook_rule6_a_durable_observer_holds_nobody_up(h: House) -> None:
    """wait=DELIVERED, as here, does not wait for who may be away for days."""
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    answer = await h.say("hello")
    assert answer.outcome == pb.OUTCOME_ACCEPTED


async def test_hook_rule6_tasks_are_stored_once_and_tell_their_own_observers(h: House) -> None:
    """Tasks of Done are stored with the acknowledgement, and the row of who watches tasks
    with them.
    """
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    await durable(h, pb.HOOK_TRIGGER_ON_TASK_CREATED, name="tasks")
    await h.say("call me")
    done = pb.Done(
        tasks=[pb.Task(title="call")], observations=[pb.Observation(category="wish", content="c")]
    )
    commits = watch_commits(h)
    await serve(h, hook("one"), behave=lambda _: done)
    await until(lambda: commits)
    (writes,) = commits
    assert [task.title for task in writes.tasks] == ["call"]
    assert [one.category for one in writes.observations] == ["wish"]
    assert [row.hook for row in writes.observer_rows] == ["tasks"]
    assert len(writes.removed_observer_rows) == 1
    await h.restart()
    again = await serve(h, hook("one"), behave=lambda _: done)
    tasks = await late(h, "tasks")
    await tasks.asked()
    await echo(again)
    assert again.invocations == []
    stored, _ = await found(h)
    assert [task.title for task in stored] == ["call"]


async def test_hook_rule6_parked_listed_replayed_purged(h: House) -> None:
    """Rule 6: "then parked, listed and replayable"."""
    described = spec(OBSERVE, delivery=DURABLE, max_attempts=1)
    await h.do(pb.CreateHookRequest(name="one", spec=described))
    broken = pb.Failure(status=pb.Status(code=13, message="no disk"), retryable=True)
    async with tailing(h, "hook_invocation_parked") as told:
        worker = await serve(h, hook("one"), behave=lambda _: broken)
        await h.say("one")
        await h.say("two")
        await until(lambda: len(told) >= 3)
    await worker.kill()
    assert ((await shown(h)).backlog, (await shown(h)).parked) == (0, 2)
    listed = (await h.do(pb.ListParkedInvocationsRequest(hook="one"))).parked
    assert [one.attempts for one in listed] == [1, 1]
    assert [one.last_status.message for one in listed] == ["no disk", "no disk"]
    first = listed[0].invocation_id
    purge = pb.PurgeParkedInvocationsRequest(hook="one", invocation_ids=[first])
    assert (await h.do(purge)).purged == 1
    assert (await h.do(pb.ReplayParkedInvocationsRequest(hook="one"))).replayed == 1
    again = await late(h)
    assert (await again.asked()).invocation_id == listed[1].invocation_id
    assert said_to(again) == ["two"]


async def test_hook_rule6_the_rows_of_a_room_go_with_it(h: House) -> None:
    """What is erased is told to nobody."""
    await durable(h, pb.HOOK_TRIGGER_AFTER_BROADCAST)
    await h.room("r2", "ws2")
    await h.say("gone")
    await h.say("here", room_id="r2", channel_id="ws2")
    await h.do(pb.DeleteRoomRequest(room_id="r1"))
    assert (await shown(h)).backlog == 1
    worker = await late(h)
    await worker.asked()
    assert said_to(worker) == ["here"]
