"""Semantics 5: "filter (channel types, channel ids, directions, event types, room ids, room
labels) **applied to every payload kind**".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hook_kit import DECIDE, OBSERVE, Worker, allow, hook, spec
from hooks_kit import echo, gate, said_to, serve
from rooms_kit import House, house
from trigger_stories import STORIES, Facts

from roomd import v1 as pb

TRIGGER_IDS = [number for number in pb.HookTrigger.values() if number]
GATES = (pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HOOK_TRIGGER_BEFORE_DELIVER)
GOLD = {"tier": "gold"}
OTHERS = Facts(
    "elsewhere",
    pb.CHANNEL_TYPE_EMAIL,
    pb.DIRECTION_BIDIRECTIONAL,
    pb.EVENT_TYPE_OBSERVATION,
    "another-room",
)
"""Not what any story is about."""


@pytest.fixture
async def h() -> AsyncIterator[House]:
    """A house with the room r1, which is gold."""
    async with house() as made:
        await made.room("r1", "ws", labels=GOLD)
        yield made


def filters_for(facts: Facts) -> Mapping[str, pb.HookFilter]:
    """By their names: filters that want just this, and filters that want something else."""
    made = {}
    for field, name in (
        ("channel_ids", "channel_id"),
        ("channel_types", "channel_type"),
        ("directions", "direction"),
        ("event_types", "event_type"),
        ("room_ids", "room_id"),
    ):
        has, other = getattr(facts, name), getattr(OTHERS, name)
        made[f"{field}-others"] = pb.HookFilter(**{field: [other]})
        if has:
            made[f"{field}-this"] = pb.HookFilter(**{field: [has]})
            made[f"{field}-either"] = pb.HookFilter(**{field: [other, has]})
    made["room_labels-this"] = pb.HookFilter(room_labels=GOLD)
    made["room_labels-others"] = pb.HookFilter(room_labels={"tier": "iron"})
    made["all-of-it"] = pb.HookFilter()
    return made


def everything(facts: Facts) -> pb.HookFilter:
    """A filter that asks for every property of the facts at once."""
    return pb.HookFilter(
        channel_ids=[facts.channel_id] if facts.channel_id else [],
        channel_types=[facts.channel_type],
        directions=[facts.direction] if facts.direction else [],
        event_types=[facts.event_type] if facts.event_type else [],
        room_ids=[facts.room_id],
        room_labels=GOLD,
    )


@pytest.mark.parametrize(
    "trigger", TRIGGER_IDS, ids=lambda one: pb.HookTrigger.Name(one).removeprefix("HOOK_TRIGGER_")
)
async def test_s5_filters_apply_to_every_payload_kind(h: House, trigger: int) -> None:
    """Semantics 5: each filter on each trigger: what matches is called, what does not is not,
    and what the payload does not have matches no list that asks for it.
    """
    story = STORIES[trigger]
    if story.prepare is not None:
        await story.prepare(h)
    filters = {**filters_for(story.facts), "every-property": everything(story.facts)}
    mode = DECIDE if trigger in GATES else OBSERVE
    handlers = [
        hook(name.replace("_", "-"), spec(mode, trigger, filter=wanted))
        for name, wanted in filters.items()
    ]
    worker = await serve(h, *handlers, behave=lambda _: allow() if trigger in GATES else pb.Done())
    await story.fire(h)
    wanted = {name.replace("_", "-") for name in filters if not name.endswith("-others")}
    await worker.asked()
    await echo(worker)  # all observers are told together
    assert sorted(one.handler for one in worker.invocations) == sorted(wanted)


@pytest.fixture
async def two(h: House) -> House:
    """A second room, which is not gold, and a second channel in the first one."""
    await h.room("r2")
    await h.attach("ws", "r2")
    await h.add("web")
    return h


async def heard(h: House, **wanted: object) -> Worker:
    """A gate with a filter, after the same words came by two channels and in two rooms."""
    worker = await gate(h, lambda _: allow(), filter=pb.HookFilter(**wanted))
    await h.say("by ws", channel_id="ws")
    await h.say("by web", channel_id="web")
    await h.say("in r2", room_id="r2")
    return worker


async def test_s5_filter_lists_combine_with_and(two: House) -> None:
    """Semantics 5: every list of a filter must agree."""
    worker = await heard(two, channel_ids=["ws"], room_ids=["r1"])
    assert said_to(worker) == ["by ws"]


async def test_s5_filter_labels_must_all_be_there(two: House) -> None:
    """Semantics 5: "room labels": the room must have all of them."""
    worker = await heard(two, room_labels=GOLD | {"vip": "yes"})
    assert said_to(worker) == []


async def test_s5_filter_labels_are_those_that_the_room_has_now(two: House) -> None:
    """Semantics 5: "room labels": a room that gets the label gets the hook."""
    worker = await heard(two, room_labels=GOLD)
    assert said_to(worker) == ["by ws", "by web"]
    request = pb.UpdateRoomRequest(
        room=pb.Room(room_id="r2", labels=GOLD), update_mask=FieldMask(paths=["labels"])
    )
    await two.do(request)
    await two.say("in r2, now gold", room_id="r2")
    assert said_to(worker)[2:] == ["in r2, now gold"]


async def test_s5_filter_that_does_not_match_asks_nobody_and_leaves_no_trace(two: House) -> None:
    """Semantics 5: a hook whose filter does not match decides nothing, not even by its
    failure policy.
    """
    described = spec(
        failure_policy=pb.FAILURE_POLICY_BLOCK, filter=pb.HookFilter(channel_ids=["web"])
    )
    await two.do(pb.CreateHookRequest(name="gate", spec=described))
    passed, stopped = await two.say("hello"), await two.say("hello", channel_id="web")
    assert (passed.blocked_by, list(passed.event.hook_trace)) == ("", [])
    assert stopped.blocked_by == "gate"


async def test_s5_filter_sees_the_event_as_it_came(two: House) -> None:
    """Semantics 5: a filter looks at what happened: no hook before it changes who is asked."""

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        if invocation.handler != "first":
            return allow()
        changed = pb.RoomEvent(visibility=pb.Visibility(scope=pb.Visibility.SCOPE_NONE))
        modify = pb.Modify(payload=pb.HookPayload(event=changed))
        modify.update_mask.paths.append("event.visibility")
        return pb.HookDecision(modify=modify)

    worker = await serve(
        two,
        hook("first", spec(priority=1)),
        hook("second", spec(priority=2, filter=pb.HookFilter(channel_ids=["ws"]))),
        behave=behave,
    )
    await two.say("hello")
    assert [one.handler for one in worker.invocations] == ["first", "second"]
