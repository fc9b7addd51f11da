"""Channels in rooms: attach, detach, mute, access, visibility (semantics 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from channel_parts import Channels, channel_services
from core_services import ME
from google.protobuf.field_mask_pb2 import FieldMask
from test_channel_directory import SCRIPT, WORKER

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.ports import Caller
from roomd_server.core.room import Draft

PLACE = {"room_id": "r1", "channel_id": "ws"}


@pytest.fixture
async def c() -> AsyncIterator[Channels]:
    async with channel_services(max_room_bindings=3) as made:
        await made.register("ws")
        await made.register("ai", pb.CHANNEL_TYPE_AI, implementation=SCRIPT)
        await made.register("sms", pb.CHANNEL_TYPE_SMS, implementation=WORKER)
        made.services.tail.events.clear()
        yield made


async def timeline(c: Channels) -> list[pb.RoomEvent]:
    page = await c.services.timeline.list_events(ME, pb.ListEventsRequest(room_id="r1"))
    return list(page.events)


async def update(c: Channels, paths: list[str], **fields: object) -> pb.Binding:
    request = pb.UpdateBindingRequest(
        binding=pb.Binding(**PLACE, **fields), update_mask=FieldMask(paths=paths)
    )
    return (await c.bindings.update_binding(ME, request)).binding


async def detach(c: Channels, channel_id: str = "ws") -> bool:
    request = pb.DetachChannelRequest(room_id="r1", channel_id=channel_id)
    return (await c.bindings.detach_channel(ME, request)).detached


async def test_attaching_fills_defaults_and_is_stored(c: Channels) -> None:
    actor = await c.services.room()
    active = actor.room.last_activity_time
    c.services.clock.advance(5)
    c.services.hooks.listen_to_all()
    binding = await c.attach("ws", participant_id="ada", muted=True)
    assert binding.channel_type == pb.CHANNEL_TYPE_WEBSOCKET
    assert binding.category == pb.CHANNEL_CATEGORY_TRANSPORT
    assert binding.direction == pb.DIRECTION_BIDIRECTIONAL
    assert binding.access == pb.ACCESS_READ_WRITE
    assert binding.visibility.scope == pb.Visibility.SCOPE_ALL
    assert binding.muted
    assert binding.etag
    assert (await c.services.reloaded()).bindings["ws"] == binding
    (event,) = await timeline(c)
    assert event.type == pb.EVENT_TYPE_CHANNEL_ATTACHED
    assert event.content.system.code == "channel_attached"
    assert event.content.system.data["channel_id"] == "ws"
    assert event.visibility.scope == pb.Visibility.SCOPE_INTERNAL
    assert actor.room.last_activity_time == active, "bookkeeping is no activity"
    (told,) = c.services.hooks.told(pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED)
    assert told.subject.channel_id == "ws"
    assert told.subject.channel_type == pb.CHANNEL_TYPE_WEBSOCKET
    assert c.services.framework() == ["room_created", "room_channel_attached"]


async def test_subscribers_are_told_of_bindings(c: Channels) -> None:
    actor = await c.services.room()
    binding = await c.attach("ws")
    page = await c.services.store.read_log(ME.org, "r1", 0, 0, 10)
    items = [pb.StreamItem.FromString(entry.item) for entry in page.entries[1:]]
    assert items[0].room_changed.binding == binding
    assert items[0].room_changed.change == "channel_attached"
    assert actor.log.next.change == 1


async def test_the_category_follows_the_type(c: Channels) -> None:
    await c.services.room()
    assert (await c.attach("ai")).category == pb.CHANNEL_CATEGORY_INTELLIGENCE


async def test_a_category_that_the_channel_cannot_be_is_refused(c: Channels) -> None:
    await c.services.room()
    with pytest.raises(errors.InvalidArgument) as caught:
        await c.attach("ws", category=pb.CHANNEL_CATEGORY_INTELLIGENCE)
    assert caught.value.violations[0].field == "binding.category"
    await c.attach("sms", category=pb.CHANNEL_CATEGORY_INTELLIGENCE)


async def test_attaching_again_with_the_same_settings_changes_nothing(c: Channels) -> None:
    await c.services.room()
    first = await c.attach("ws", participant_id="ada")
    again = await c.attach("ws", participant_id="ada", access=pb.ACCESS_READ_WRITE, etag="x")
    assert again == first
    assert len(await timeline(c)) == 1
    with pytest.raises(errors.AlreadyExists) as caught:
        await c.attach("ws", participant_id="bob")
    assert caught.value.reason == pb.ERROR_REASON_BINDING_EXISTS


async def test_what_cannot_be_attached(c: Channels) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await c.attach("ws")
    assert caught.value.reason == pb.ERROR_REASON_ROOM_NOT_FOUND
    actor = await c.services.room()
    with pytest.raises(errors.NotFound) as caught:
        await c.attach("nobody")
    assert caught.value.reason == pb.ERROR_REASON_CHANNEL_NOT_FOUND
    first = await c.attach("ai")
    await c.services.lifecycle.close_room(ME, pb.CloseRoomRequest(room_id="r1"))
    assert await c.attach("ai") == first, "it is attached already"
    with pytest.raises(errors.FailedPrecondition) as refused:
        await c.attach("ws")
    assert refused.value.reason == pb.ERROR_REASON_ROOM_CLOSED
    assert list(actor.bindings) == ["ai"]


async def test_a_room_has_room_for_so_many_channels(c: Channels) -> None:
    await c.services.room()
    for name in ("w1", "w2", "w3", "w4"):
        await c.register(name)
    for name in ("w1", "w2", "w3"):
        await c.attach(name)
    with pytest.raises(errors.ResourceExhausted) as caught:
        await c.attach("w4")
    assert caught.value.reason == pb.ERROR_REASON_QUOTA


async def test_detaching_leaves_a_mark_that_attaching_removes(c: Channels) -> None:
    actor = await c.services.room()
    await c.attach("ws")
    c.services.hooks.listen_to_all()
    assert await detach(c)
    assert not await detach(c), "it is not attached any more"
    assert list(actor.room.detached_channel_ids) == ["ws"]
    assert (await c.services.reloaded()).bindings == {}
    assert [event.type for event in await timeline(c)] == [
        pb.EVENT_TYPE_CHANNEL_ATTACHED,
        pb.EVENT_TYPE_CHANNEL_DETACHED,
    ]
    assert len(c.services.hooks.told(pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED)) == 1
    assert c.services.framework()[-1] == "room_channel_detached"
    draft = Draft(actor, c.services.clock)
    assert c.bindings.auto_attach(draft, c.channels.get(ME.org, "ws")) is None
    await c.attach("ws")
    assert not actor.room.detached_channel_ids
    assert not (await c.services.reloaded()).room.detached_channel_ids


async def test_marks_do_not_grow_without_end(c: Channels) -> None:
    actor = await c.services.room()
    for number in range(5):
        await c.register(f"w{number}")
        await c.attach(f"w{number}")
        await detach(c, f"w{number}")
    assert list(actor.room.detached_channel_ids) == ["w2", "w3", "w4"]


async def test_a_first_message_attaches_its_channel(c: Channels) -> None:
    actor = await c.services.room()
    c.services.hooks.listen_to_all()
    async with actor.lock:
        draft = Draft(actor, c.services.clock)
        channel = c.channels.get(ME.org, "sms")
        binding = c.bindings.auto_attach(draft, channel, sender_id="+15550100")
        await draft.commit()
    c.bindings.attached(actor, draft.writes.bindings)
    assert binding is not None
    assert binding.metadata["phone_number"] == "+15550100", "answers find their way back"
    assert actor.bindings["sms"] == binding
    assert [event.content.system.code for event in await timeline(c)] == ["channel_attached"]
    assert len(c.services.hooks.told(pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED)) == 1
    assert c.services.framework()[-1] == "room_channel_attached"


async def test_muting_is_told_once(c: Channels) -> None:
    await c.services.room()
    await c.attach("ws")
    c.services.hooks.listen_to_all()
    for _ in range(2):
        muted = (await c.bindings.mute_channel(ME, pb.MuteChannelRequest(**PLACE))).binding
        assert muted.muted
    for _ in range(2):
        spoken = (await c.bindings.unmute_channel(ME, pb.UnmuteChannelRequest(**PLACE))).binding
        assert not spoken.muted
    assert muted.etag != spoken.etag
    assert [event.type for event in await timeline(c)][1:] == [
        pb.EVENT_TYPE_CHANNEL_MUTED,
        pb.EVENT_TYPE_CHANNEL_UNMUTED,
    ]
    assert len(c.services.hooks.told(pb.HOOK_TRIGGER_ON_CHANNEL_MUTED)) == 1
    assert len(c.services.hooks.told(pb.HOOK_TRIGGER_ON_CHANNEL_UNMUTED)) == 1
    assert c.services.framework()[-2:] == ["room_channel_muted", "room_channel_unmuted"]


async def test_other_changes_are_entries_without_personal_data(c: Channels) -> None:
    await c.services.room()
    await c.attach("ws")
    muted = await c.bindings.mute_output(ME, pb.MuteOutputRequest(**PLACE))
    assert muted.binding.output_muted
    heard = await c.bindings.unmute_output(ME, pb.UnmuteOutputRequest(**PLACE))
    assert not heard.binding.output_muted
    access = pb.SetAccessRequest(**PLACE, access=pb.ACCESS_READ_ONLY)
    assert (await c.bindings.set_access(ME, access)).binding.access == pb.ACCESS_READ_ONLY
    await update(c, ["metadata"], metadata={"phone_number": "+15550100"})
    entries = (await timeline(c))[1:]
    assert [event.type for event in entries] == [pb.EVENT_TYPE_CHANNEL_UPDATED] * 4
    changed = [list(event.content.system.data["changed"]) for event in entries]
    assert changed == [["output_muted"], ["output_muted"], ["access"], ["metadata"]]
    assert "5550100" not in str(entries)
    assert c.services.framework()[-1] == "room_channel_updated"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (pb.Visibility(), pb.Visibility(scope=pb.Visibility.SCOPE_ALL)),
        (
            pb.Visibility(scope=pb.Visibility.SCOPE_TRANSPORT),
            pb.Visibility(scope=pb.Visibility.SCOPE_TRANSPORT),
        ),
        (
            pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["b", "a", "b"]),
            pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["b", "a"]),
        ),
        (pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS), None),
        (pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=[""]), None),
        (pb.Visibility(channel_ids=["a"]), None),
        (pb.Visibility(scope=pb.Visibility.SCOPE_NONE, channel_ids=["a"]), None),
    ],
)
async def test_a_visibility_says_one_thing(
    c: Channels, given: pb.Visibility, kept: pb.Visibility | None
) -> None:
    await c.services.room()
    before = await c.attach("ws", visibility=pb.Visibility(scope=pb.Visibility.SCOPE_INTERNAL))
    request = pb.SetVisibilityRequest(**PLACE, visibility=given)
    if kept is None:
        with pytest.raises(errors.InvalidArgument):
            await c.bindings.set_visibility(ME, request)
        kept = before.visibility
    else:
        await c.bindings.set_visibility(ME, request)
    assert (await c.services.reloaded()).bindings["ws"].visibility == kept


async def test_an_update_merges_metadata_and_replaces_the_rest(c: Channels) -> None:
    await c.services.room()
    before = await c.attach("ws", metadata={"a": 1, "b": 2}, participant_id="ada")
    after = await update(
        c,
        ["metadata", "capabilities", "direction"],
        etag=before.etag,
        metadata={"b": None, "c": 3},
        capabilities=pb.Capabilities(max_length=4),
        participant_id="bob",
    )
    assert dict(after.metadata) == {"a": 1, "c": 3}
    assert after.capabilities.max_length == 4
    assert after.direction == pb.DIRECTION_BIDIRECTIONAL
    assert after.participant_id == "ada", "not in the mask"
    cleared = await update(c, ["capabilities"])
    assert not cleared.HasField("capabilities")
    assert (await c.services.reloaded()).bindings["ws"] == cleared


@pytest.mark.parametrize(
    ("paths", "fields", "reason"),
    [
        (["muted"], {}, pb.ERROR_REASON_MASK_NOT_MUTABLE),
        ([], {}, pb.ERROR_REASON_VALIDATION),
        (["metadata"], {"etag": "old"}, pb.ERROR_REASON_ETAG_MISMATCH),
        (["category"], {"category": 2}, pb.ERROR_REASON_VALIDATION),
    ],
)
async def test_updates_that_cannot_be(
    c: Channels, paths: list[str], fields: dict[str, object], reason: int
) -> None:
    await c.services.room()
    before = await c.attach("ws")
    with pytest.raises(errors.RoomdError) as caught:
        await update(c, paths, **fields)
    assert caught.value.reason == reason
    assert (await c.services.reloaded()).bindings["ws"] == before


async def test_reading_bindings(c: Channels) -> None:
    await c.services.room()
    await c.attach("ws")
    await c.attach("ai")
    got = await c.bindings.get_binding(ME, pb.GetBindingRequest(**PLACE))
    assert got.binding.channel_id == "ws"
    every = await c.bindings.list_bindings(ME, pb.ListBindingsRequest(room_id="r1"))
    assert [binding.channel_id for binding in every.bindings] == ["ws", "ai"]
    for call in (
        c.bindings.get_binding(ME, pb.GetBindingRequest(room_id="r1", channel_id="sms")),
        c.bindings.mute_channel(ME, pb.MuteChannelRequest(room_id="r1", channel_id="sms")),
    ):
        with pytest.raises(errors.NotFound) as caught:
            await call
        assert caught.value.reason == pb.ERROR_REASON_BINDING_NOT_FOUND


async def test_a_hook_that_calls_back_into_its_room_is_refused(c: Channels) -> None:
    await c.services.room()
    c.services.hooks.waiting_room = "r1"
    caller = Caller(ME.org, invocation_id="i1")
    with pytest.raises(errors.FailedPrecondition) as caught:
        await c.bindings.attach_channel(caller, pb.AttachChannelRequest(**PLACE))
    assert caught.value.reason == pb.ERROR_REASON_WOULD_DEADLOCK
