"""Registered channels: stored configuration with limits (semantics 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from channel_parts import Channels, channel_services
from core_services import ME, STRANGER
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core import errors

SCRIPT = pb.ChannelImplementation(script=pb.ChannelImplementation.Script(responses=["hello"]))
WORKER = pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler="sms"))
CONNECTION = pb.ChannelImplementation(connection=pb.ChannelImplementation.Connection())


@pytest.fixture
async def c() -> AsyncIterator[Channels]:
    async with channel_services() as made:
        yield made


async def update(c: Channels, paths: list[str], **fields: object) -> pb.Channel:
    request = pb.UpdateChannelRequest(
        channel=pb.Channel(**fields), update_mask=FieldMask(paths=paths)
    )
    return (await c.channels.update_channel(ME, request)).channel


async def listed(c: Channels, **fields: object) -> pb.ListChannelsResponse:
    return await c.channels.list_channels(ME, pb.ListChannelsRequest(**fields))


async def test_a_registered_channel_is_stored_with_its_defaults(c: Channels) -> None:
    channel = await c.register("ws", category=pb.CHANNEL_CATEGORY_INTELLIGENCE, attached=7)
    assert channel.category == pb.CHANNEL_CATEGORY_TRANSPORT, "it follows the type"
    assert channel.implementation.HasField("connection")
    assert channel.attached == 0
    assert channel.etag
    assert channel.create_time.seconds == int(c.services.clock.now())
    assert not channel.HasField("capabilities"), "stored as given"
    stored = (await c.reloaded()).get(ME.org, "ws")
    assert stored == channel
    assert c.services.framework() == ["channel_registered"]


@pytest.mark.parametrize(
    ("kind", "implementation"),
    [
        (pb.CHANNEL_TYPE_WEBSOCKET, "connection"),
        (pb.CHANNEL_TYPE_CLI, "connection"),
        (pb.CHANNEL_TYPE_SYSTEM, "system"),
    ],
)
async def test_who_serves_a_type_by_default(c: Channels, kind: int, implementation: str) -> None:
    channel = await c.register("one", kind)
    assert channel.implementation.WhichOneof("kind") == implementation


@pytest.mark.parametrize("kind", [pb.CHANNEL_TYPE_SMS, pb.CHANNEL_TYPE_AI])
async def test_other_types_must_say_who_serves_them(c: Channels, kind: int) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        await c.register("one", kind)
    assert caught.value.violations[0].field == "channel.implementation"
    assert "worker" in caught.value.violations[0].description


@pytest.mark.parametrize(
    ("kind", "implementation"),
    [
        (pb.CHANNEL_TYPE_AI, CONNECTION),
        (pb.CHANNEL_TYPE_REALTIME_VOICE, CONNECTION),
        (pb.CHANNEL_TYPE_SMS, SCRIPT),
        (pb.CHANNEL_TYPE_AI, pb.ChannelImplementation(system=pb.ChannelImplementation.System())),
    ],
)
async def test_an_implementation_serves_its_category_only(
    c: Channels, kind: int, implementation: pb.ChannelImplementation
) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        await c.register("one", kind, implementation=implementation)
    assert caught.value.violations[0].field == "channel.implementation"
    assert c.channels.find(ME.org, "one") is None


async def test_an_existing_channel_is_replaced_only_when_asked_to(c: Channels) -> None:
    first = await c.register("ws")
    with pytest.raises(errors.AlreadyExists) as caught:
        await c.register("ws")
    assert caught.value.reason == pb.ERROR_REASON_CHANNEL_EXISTS
    c.services.clock.advance(5)
    second = await c.register("ws", replace=True, capabilities=pb.Capabilities(max_length=10))
    assert second.capabilities.max_length == 10
    assert second.create_time == first.create_time
    assert second.update_time != first.update_time
    assert second.etag != first.etag


async def test_a_channel_keeps_its_type(c: Channels) -> None:
    await c.register("ws")
    with pytest.raises(errors.AlreadyExists) as caught:
        await c.register("ws", pb.CHANNEL_TYPE_CLI, replace=True)
    assert "WEBSOCKET" in caught.value.message
    assert c.channels.get(ME.org, "ws").type == pb.CHANNEL_TYPE_WEBSOCKET


async def test_the_same_request_id_gives_the_first_answer(c: Channels) -> None:
    first = await c.register("ws", request_id="k")
    c.services.clock.advance(5)
    again = await c.register("ws", request_id="k")
    assert again == first
    with pytest.raises(errors.AlreadyExists) as caught:
        await c.register("other", request_id="k")
    assert caught.value.reason == pb.ERROR_REASON_KEY_REUSED


async def test_equal_requests_side_by_side_register_once(c: Channels) -> None:
    answers = await asyncio.gather(*(c.register("ws", request_id="k") for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert c.services.framework() == ["channel_registered"]


async def test_organizations_do_not_see_each_other(c: Channels) -> None:
    await c.register("ws")
    with pytest.raises(errors.NotFound) as caught:
        await c.channels.get_channel(STRANGER, pb.GetChannelRequest(channel_id="ws"))
    assert caught.value.reason == pb.ERROR_REASON_CHANNEL_NOT_FOUND
    theirs = await c.channels.list_channels(STRANGER, pb.ListChannelsRequest())
    assert not theirs.channels


async def test_lists_are_paged_by_id_and_selected_by_type(c: Channels) -> None:
    for name in ("b", "a", "d", "c"):
        await c.register(name)
    await c.register("ai", pb.CHANNEL_TYPE_AI, implementation=SCRIPT)
    seen: list[str] = []
    token = ""
    while True:
        page = await listed(c, page_size=3, page_token=token, types=[pb.CHANNEL_TYPE_WEBSOCKET])
        seen += [channel.channel_id for channel in page.channels]
        token = page.next_page_token
        if not token:
            break
    assert seen == ["a", "b", "c", "d"]
    page = await listed(c, page_size=1, types=[pb.CHANNEL_TYPE_WEBSOCKET])
    with pytest.raises(errors.InvalidArgument) as caught:
        await listed(c, page_size=1, page_token=page.next_page_token)
    assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR


async def test_an_update_takes_the_fields_of_its_mask(c: Channels) -> None:
    before = await c.register(
        "ws", capabilities=pb.Capabilities(max_length=5), rate_limit=pb.RateLimit(max_per_second=1)
    )
    after = await update(
        c,
        ["capabilities", "rate_limit"],
        channel_id="ws",
        etag=before.etag,
        capabilities=pb.Capabilities(max_length=9),
        delivery_deadline=Duration(seconds=9),
    )
    assert after.capabilities.max_length == 9
    assert not after.HasField("rate_limit"), "unset in the request: back to the default"
    assert not after.HasField("delivery_deadline"), "not in the mask"
    assert (await c.reloaded()).get(ME.org, "ws") == after


@pytest.mark.parametrize(
    ("paths", "fields", "reason"),
    [
        ([], {}, pb.ERROR_REASON_VALIDATION),
        (["type"], {}, pb.ERROR_REASON_MASK_NOT_MUTABLE),
        (["settings.temperature"], {}, pb.ERROR_REASON_MASK_NOT_MUTABLE),
        (["settings"], {"etag": "old"}, pb.ERROR_REASON_ETAG_MISMATCH),
        (["implementation"], {"implementation": SCRIPT}, pb.ERROR_REASON_VALIDATION),
    ],
)
async def test_updates_that_cannot_be(
    c: Channels, paths: list[str], fields: dict[str, object], reason: int
) -> None:
    before = await c.register("ws")
    with pytest.raises(errors.RoomdError) as caught:
        await update(c, paths, channel_id="ws", **fields)
    assert caught.value.reason == reason
    assert c.channels.get(ME.org, "ws") == before


async def test_a_store_that_fails_leaves_the_memory_as_it_was(c: Channels) -> None:
    before = await c.register("ws")
    await c.services.store.close()
    with pytest.raises(errors.Unavailable):
        await update(c, ["rate_limit"], channel_id="ws", rate_limit=pb.RateLimit(max_per_second=1))
    assert c.channels.get(ME.org, "ws") == before


async def test_a_channel_in_use_is_unregistered_by_force_only(c: Channels) -> None:
    await c.register("ws")
    actor = await c.services.room()
    await c.attach("ws")
    request = pb.UnregisterChannelRequest(channel_id="ws")
    with pytest.raises(errors.FailedPrecondition) as caught:
        await c.bindings.unregister_channel(ME, request)
    assert caught.value.reason == pb.ERROR_REASON_CHANNEL_IN_USE
    assert c.channels.attachable(ME.org, "ws"), "as before"
    request.force = True
    await c.bindings.unregister_channel(ME, request)
    assert "ws" not in actor.bindings
    assert not actor.room.detached_channel_ids, "no room decided against it"
    assert (await c.reloaded()).find(ME.org, "ws") is None
    with pytest.raises(errors.NotFound):
        await c.bindings.unregister_channel(ME, request)
    assert c.services.framework()[-1] == "channel_unregistered"


async def test_no_room_attaches_a_channel_that_is_leaving(c: Channels) -> None:
    await c.register("ws")
    await c.services.room()
    c.channels.retire(ME.org, "ws")
    with pytest.raises(errors.NotFound):
        await c.attach("ws")
    c.channels.reinstate(ME.org, "ws")
    await c.attach("ws")


async def test_capabilities_of_binding_channel_and_type(c: Channels) -> None:
    await c.register("plain")
    await c.register("own", capabilities=pb.Capabilities(max_length=7))
    binding = pb.Binding(channel_id="own", channel_type=pb.CHANNEL_TYPE_WEBSOCKET)
    assert c.channels.capabilities(ME.org, binding).max_length == 7
    binding.capabilities.max_length = 3
    assert c.channels.capabilities(ME.org, binding).max_length == 3
    plain = pb.Binding(channel_id="plain")
    assert c.channels.capabilities(ME.org, plain).supports_streaming
    gone = pb.Binding(channel_id="gone", channel_type=pb.CHANNEL_TYPE_SMS)
    assert c.channels.capabilities(ME.org, gone).max_length == 1600


async def test_the_inbound_limit_refuses_and_recovers() -> None:
    async with channel_services(inbound_rate_limit=pb.RateLimit(max_per_second=2)) as c:
        own = pb.RateLimit(max_per_second=1)
        await c.register("own", inbound_rate_limit=own)
        channel = await c.register("ws")
        delays = [c.channels.inbound_delay(ME.org, channel) for _ in range(4)]
        assert delays[:2] == [0, 0]
        assert delays[2] == pytest.approx(delays[3]) == pytest.approx(0.5), "refused ones are free"
        c.services.clock.advance(0.5)
        assert c.channels.inbound_delay(ME.org, channel) == 0
        strict = c.channels.get(ME.org, "own")
        assert c.channels.inbound_delay(ME.org, strict) == 0
        assert c.channels.inbound_delay(ME.org, strict) == pytest.approx(1)


async def test_the_outbound_limit_gives_places_and_begins_anew_when_it_changes(
    c: Channels,
) -> None:
    await c.register("ws", rate_limit=pb.RateLimit(max_per_second=1))

    def delay() -> float:
        limit = c.channels.outbound_limit(ME.org, "ws")
        assert limit is not None
        return limit.take(c.services.clock.monotonic())

    assert [delay() for _ in range(3)] == pytest.approx([0, 1, 2])
    await update(c, ["settings"], channel_id="ws")
    assert delay() == pytest.approx(3)
    await update(c, ["rate_limit"], channel_id="ws", rate_limit=pb.RateLimit(max_per_second=5))
    assert delay() == 0
    await update(c, ["rate_limit"], channel_id="ws")
    assert c.channels.outbound_limit(ME.org, "ws") is None
    assert c.channels.outbound_limit(ME.org, "gone") is None


async def test_the_breaker_lives_as_long_as_the_channel(c: Channels) -> None:
    await c.register("ws")
    breaker = c.channels.breaker(ME.org, "ws")
    for _ in range(5):
        breaker.failure(0.0)
    await update(c, ["settings"], channel_id="ws")
    assert c.channels.breaker(ME.org, "ws").is_open
    await c.bindings.unregister_channel(ME, pb.UnregisterChannelRequest(channel_id="ws"))
    await c.register("ws")
    assert not c.channels.breaker(ME.org, "ws").is_open
    assert c.channels.breaker(ME.org, "gone").allow(0.0)


async def test_the_deadline_of_a_delivery(c: Channels) -> None:
    await c.register("ws")
    assert c.channels.delivery_deadline_seconds(ME.org, "ws") == 300
    await c.register("quick", delivery_deadline=Duration(seconds=2, nanos=500_000_000))
    assert c.channels.delivery_deadline_seconds(ME.org, "quick") == 2.5
    assert c.channels.delivery_deadline_seconds(ME.org, "gone") == 300
