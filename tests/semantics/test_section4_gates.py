"""Semantics 4, steps 8 to 10: who may edit, what hooks decide, whether the source may write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hook_kit import DECIDE, Worker, allow, block, modify
from pipeline_kit import House, Room, content, room_in, served

from roomd import v1 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


async def watching(room: Room) -> Worker:
    """A hook that allows everything and sees what comes to step 9."""
    return await room.hook("watch", lambda _: allow(), DECIDE)


# ------------------------------------------------------------------ 8: edits and deletes


def edit(target_id: str, new: str = "new", **fields: Any) -> pb.Content:
    changed = pb.EditContent(target_event_id=target_id, new_content=content(new), **fields)
    return pb.Content(edit=changed)


def delete(target_id: str, **fields: Any) -> pb.Content:
    return pb.Content(delete=pb.DeleteContent(target_event_id=target_id, **fields))


CHANGES = {"edit": edit, "delete": delete}
both = pytest.mark.parametrize("kind", CHANGES)


async def event(room: Room, event_id: str) -> pb.RoomEvent:
    found = (await room.call("GetEvent", event_id=event_id)).event
    assert isinstance(found, pb.RoomEvent)
    return found


async def original(room: Room, sender: str = "ann") -> str:
    """Id of a message that may be changed."""
    return str((await room.say("old", participant_id=sender)).event.event_id)


async def is_untouched(room: Room, event_id: str) -> bool:
    found = await event(room, event_id)
    changed = found.HasField("edit_time") or found.HasField("delete_time")
    return not changed and found.content == content("old")


async def refused(room: Room, said: pb.Content, reason: str, **sender: Any) -> None:
    """The change is REFUSED for this reason; nothing of it is stored."""
    before = len(await room.events())
    answer = await room.say(said, **sender)
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, reason)
    assert len(await room.events()) == before


async def owner(room: Room, participant_id: str) -> None:
    who = pb.Participant(participant_id=participant_id, role=pb.PARTICIPANT_ROLE_OWNER)
    await room.call("AddParticipant", participant=who)


async def test_s4_step8_the_author_may_edit(room: Room) -> None:
    """The author: the target says something else from then on."""
    target = await original(room)
    answer = await room.say(edit(target))
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    changed = await event(room, target)
    assert changed.content == content("new")
    assert changed.HasField("edit_time")


async def test_s4_step8_the_author_may_withdraw(room: Room) -> None:
    """The author: the target says nothing any more."""
    target = await original(room)
    assert (await room.say(delete(target))).outcome == pb.OUTCOME_ACCEPTED
    changed = await event(room, target)
    assert changed.HasField("delete_time")
    assert not changed.HasField("content")


@both
async def test_s4_step8_an_owner_may_change_what_others_said(room: Room, kind: str) -> None:
    """… or OWNER."""
    target = await original(room, "bob")
    await owner(room, "ann")
    assert (await room.say(CHANGES[kind](target))).outcome == pb.OUTCOME_ACCEPTED
    assert not await is_untouched(room, target)


@both
async def test_s4_step8_the_system_may_change_what_others_said(room: Room, kind: str) -> None:
    """… or system: a channel of that type."""
    target = await original(room, "bob")
    await room.add("notices", pb.CHANNEL_TYPE_SYSTEM)
    answer = await room.say(CHANGES[kind](target), "notices", participant_id="")
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    assert not await is_untouched(room, target)


@both
async def test_s4_step8_nobody_else_may(room: Room, kind: str) -> None:
    """Wrong author → REFUSED with the reason."""
    target = await original(room, "bob")
    await refused(room, CHANGES[kind](target), "not_original_author")
    assert await is_untouched(room, target)


@both
async def test_s4_step8_who_does_not_say_who_they_are_may_not(room: Room, kind: str) -> None:
    """Wrong author: nobody is nobody's author, not even of what nobody said."""
    target = await original(room, "")
    reason = "identity_required_for_edit"
    await refused(room, CHANGES[kind](target), reason, participant_id="")
    assert await is_untouched(room, target)


@both
async def test_s4_step8_a_target_that_does_not_exist_is_refused(room: Room, kind: str) -> None:
    """Wrong target → REFUSED with the reason."""
    await refused(room, CHANGES[kind]("no-such-event"), "target_event_not_found")


@both
async def test_s4_step8_a_target_in_another_room_is_refused(
    house: House, room: Room, kind: str
) -> None:
    """Wrong target: events of this room only."""
    async with room_in(house) as other:
        target = await original(other)
        await refused(room, CHANGES[kind](target), "target_event_not_found")
        assert await is_untouched(other, target)


@both
async def test_s4_step8_a_withdrawn_target_is_refused(room: Room, kind: str) -> None:
    """Wrong target: what was withdrawn cannot change any more."""
    target = await original(room)
    await room.say(delete(target))
    await refused(room, CHANGES[kind](target), "target_event_not_found")


@both
async def test_s4_step8_an_edit_is_no_target(room: Room, kind: str) -> None:
    """Wrong target: messages are edited, not edits."""
    said = (await room.say(edit(await original(room)))).event.event_id
    await refused(room, CHANGES[kind](said), "target_event_not_found")


async def test_s4_step8_who_claims_to_be_an_owner_must_be_one(room: Room) -> None:
    """The author may as the author only: a claim to more is checked."""
    target = await original(room)
    admin = pb.DeleteContent.DELETE_TYPE_ADMIN
    await refused(room, delete(target, delete_type=admin), "not_authorized")
    await refused(room, edit(target, edit_source="admin"), "not_authorized")
    await owner(room, "ann")
    assert (await room.say(delete(target, delete_type=admin))).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step8_who_claims_to_be_the_system_must_be_it(room: Room) -> None:
    """An OWNER is not the system."""
    target = await original(room)
    await owner(room, "ann")
    system = pb.DeleteContent.DELETE_TYPE_SYSTEM
    await refused(room, delete(target, delete_type=system), "not_authorized")
    await refused(room, edit(target, edit_source="system"), "not_authorized")
    assert await is_untouched(room, target)


async def test_s4_step8_is_before_the_hooks(room: Room) -> None:
    """What may not change is shown to no hook."""
    target = await original(room, "bob")
    hook = await watching(room)
    await room.say(edit(target))
    await room.say("after it")
    seen = [one.hook.event.content for one in hook.invocations]
    assert seen == [content("after it")]


async def test_s4_step8_the_same_rules_hold_for_messages_from_outside(room: Room) -> None:
    """Whichever way an edit comes in."""
    target = await original(room, "bob")
    answer = await room.arrive(edit(target), sender_id="ann")
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, "not_original_author")
    assert await is_untouched(room, target)


# ------------------------------------------------------------------ 9: BEFORE_BROADCAST


def injected(text: str, *targets: str) -> pb.InjectedEvent:
    event = pb.RoomEvent(content=content(text))
    return pb.InjectedEvent(event=event, target_channel_ids=targets)


async def test_s4_step9_what_a_hook_blocks_is_stored_with_hook_reason_and_trace(
    room: Room,
) -> None:
    """Block → the event is stored BLOCKED with `blocked_by`, reason and the hook trace."""
    await room.hook("first", lambda _: allow(), DECIDE, priority=-1)
    await room.hook("no", lambda _: block("because"), DECIDE)
    answer = await room.say("bad")
    assert answer.outcome == pb.OUTCOME_BLOCKED
    assert (answer.blocked_by, answer.reason) == (room.id("no"), "because")
    (stored,) = await room.events()
    assert stored.status == pb.EVENT_STATUS_BLOCKED
    assert (stored.blocked_by, stored.block_reason) == (room.id("no"), "because")
    assert stored.content == content("bad")
    assert [(one.hook, one.decision, one.reason) for one in stored.hook_trace] == [
        (room.id("first"), "allow", ""),
        (room.id("no"), "block", "because"),
    ]
    assert all(one.worker_id for one in stored.hook_trace)


async def test_s4_step9_what_a_hook_blocks_reaches_nobody(room: Room) -> None:
    """BLOCKED: neither delivered nor answered, now or later."""
    phone, ai = await room.phone(), await room.model()
    await room.hook("no", lambda _: block(), DECIDE)
    answer = await room.say("bad", wait=pb.WAIT_DELIVERED)
    assert await room.rows(answer.event.event_id) == {}
    assert (phone.got, ai.got) == ([], [])


async def test_s4_step9_what_a_hook_blocks_has_its_place_in_the_timeline(room: Room) -> None:
    """Stored: it has an index, and the next one has the next."""
    refusing = await room.hook("no", lambda _: block(), DECIDE)
    blocked = (await room.say("bad")).event
    await refusing.kill()
    assert (await room.say("good")).event.index == blocked.index + 1


async def test_s4_step9_injected_events_of_a_block_are_kept(room: Room) -> None:
    """Injected events … are kept, and reach whom they are meant for."""
    phone, other = await room.phone(), await room.phone("other")
    refusal = block("because")
    refusal.injected_events.append(injected("please be polite", room.id("phone")))
    await room.hook("no", lambda _: refusal, DECIDE)
    answer = await room.say("bad", wait=pb.WAIT_DELIVERED)
    blocked, extra = await room.events()
    assert blocked.event_id == answer.event.event_id
    assert extra.content == content("please be polite")
    assert extra.index == blocked.index + 1
    assert (extra.blocked_by, extra.chain_depth) == ("", 1)
    assert extra.correlation_id == blocked.event_id
    assert (phone.texts, other.texts) == (["please be polite"], [])


async def test_s4_step9_tasks_and_observations_of_a_block_are_kept(room: Room) -> None:
    """… tasks and observations are kept."""
    refusal = block("because")
    refusal.tasks.append(pb.Task(title="call back"))
    refusal.observations.append(pb.Observation(category="mood", content="angry"))
    await room.hook("no", lambda _: refusal, DECIDE)
    event_id = (await room.say("bad")).event.event_id
    (task,) = (await room.call("ListTasks")).tasks
    (observation,) = (await room.call("ListObservations")).observations
    assert task.title == "call back"
    assert (observation.category, observation.event_id) == ("mood", event_id)


async def test_s4_step9_an_edit_that_a_hook_blocks_changes_nothing(room: Room) -> None:
    """The chain decides before anything is applied."""
    target = await original(room)
    await room.hook("no", lambda _: block(), DECIDE)
    assert (await room.say(edit(target))).outcome == pb.OUTCOME_BLOCKED
    assert (await room.say(delete(target))).outcome == pb.OUTCOME_BLOCKED
    assert await is_untouched(room, target)


async def test_s4_step9_what_a_hook_makes_of_a_message_is_stored_and_delivered(
    room: Room,
) -> None:
    """BEFORE_BROADCAST chain: each hook sees what the one before it made."""
    phone = await room.phone()
    await room.hook("one", lambda _: modify("from one"), DECIDE, priority=1)
    two = await room.hook("two", lambda _: allow(), DECIDE, priority=2)
    answer = await room.say("raw", wait=pb.WAIT_DELIVERED)
    assert answer.event.content == content("from one")
    assert [one.hook.event.content for one in two.invocations] == [content("from one")]
    assert (await room.texts(), phone.texts) == (["from one"], ["from one"])


async def test_s4_step9_nothing_is_stored_or_seen_before_the_hooks_have_decided(
    room: Room,
) -> None:
    """Before broadcast means before the timeline, too."""
    seen: list[int] = []

    async def look(_: pb.Invocation) -> pb.HookDecision:
        seen.append(len(await room.events()))
        return allow()

    await room.hook("look", look, DECIDE)
    await room.say("a")
    await room.say("b")
    assert seen == [0, 1]


# ------------------------------------------------------------------ 10: write gate

MAY_NOT_WRITE = {
    "muted": ("source_muted", {"muted": True}),
    "read_only": ("source_read_only", {"access": pb.ACCESS_READ_ONLY}),
    "none": ("source_read_only", {"access": pb.ACCESS_NONE}),
    "outbound": ("source_read_only", {"direction": pb.DIRECTION_OUTBOUND}),
    "muted_read_only": ("source_read_only", {"muted": True, "access": pb.ACCESS_READ_ONLY}),
}


@pytest.mark.parametrize("name", MAY_NOT_WRITE)
async def test_s4_step10_what_a_source_may_not_write_is_stored_blocked(
    room: Room, name: str
) -> None:
    """Source write gate (`can_write`) → stored BLOCKED `source_muted` / `source_read_only`."""
    reason, binding = MAY_NOT_WRITE[name]
    phone = await room.phone()
    await room.add("source", **binding)
    for answer in (await room.say("a", "source"), await room.arrive("b", "source")):
        assert answer.outcome == pb.OUTCOME_BLOCKED
        assert (answer.blocked_by, answer.reason) == (reason, reason)
        assert await room.rows(answer.event.event_id) == {}
    stored = await room.events()
    assert [one.blocked_by for one in stored] == [reason, reason]
    assert [one.status for one in stored] == [pb.EVENT_STATUS_BLOCKED] * 2
    await room.say("the end", wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["the end"]


async def test_s4_step10_a_write_only_source_may_write(room: Room) -> None:
    """Source write gate: READ_WRITE or WRITE_ONLY, and not muted."""
    await room.add("source", access=pb.ACCESS_WRITE_ONLY)
    assert (await room.say("a", "source")).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step10_is_after_the_hooks(room: Room) -> None:
    """Write gate after hooks: they see it, and their tasks are kept."""
    noting = allow()
    noting.tasks.append(pb.Task(title="a muted one spoke"))
    hook = await room.hook("watch", lambda _: noting, DECIDE)
    await room.add("source", muted=True)
    answer = await room.say("a", "source")
    assert answer.blocked_by == "source_muted"
    assert len(hook.invocations) == 1
    assert [one.hook for one in answer.event.hook_trace] == [room.id("watch")]
    assert [one.title for one in (await room.call("ListTasks")).tasks] == ["a muted one spoke"]


async def test_s4_step10_what_a_hook_has_blocked_is_blocked_by_the_hook(room: Room) -> None:
    """Step 9 is before step 10: the first reason stays."""
    await room.hook("no", lambda _: block("because"), DECIDE)
    await room.add("source", muted=True)
    answer = await room.say("a", "source")
    assert (answer.blocked_by, answer.reason) == (room.id("no"), "because")


async def test_s4_step10_an_edit_from_a_muted_source_changes_nothing(room: Room) -> None:
    """The gate is before edits are applied."""
    target = await original(room)
    await room.add("source", muted=True)
    assert (await room.say(edit(target), "source")).blocked_by == "source_muted"
    assert await is_untouched(room, target)
