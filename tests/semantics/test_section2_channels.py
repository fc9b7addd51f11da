"""Semantics 2, bullets 1, 2 and 5: channels, who serves them, whom they reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from api_fakes import until
from rooms_kit import SMS_NUMBER, House, house

from roomd import v1 as pb
from roomd_server.core.times import duration

SMS = pb.CHANNEL_TYPE_SMS
INTELLIGENCE, TRANSPORT = pb.CHANNEL_CATEGORY_INTELLIGENCE, pb.CHANNEL_CATEGORY_TRANSPORT
INTELLIGENT_TYPES = {
    pb.CHANNEL_TYPE_AI,
    pb.CHANNEL_TYPE_REALTIME_VOICE,
    pb.CHANNEL_TYPE_REALTIME_AUDIO_VIDEO,
}
RECIPIENT_KEYS = {
    pb.CHANNEL_TYPE_SMS: "phone_number",
    pb.CHANNEL_TYPE_MMS: "phone_number",
    pb.CHANNEL_TYPE_RCS: "phone_number",
    pb.CHANNEL_TYPE_EMAIL: "email_address",
    pb.CHANNEL_TYPE_WHATSAPP: "phone_number",
    pb.CHANNEL_TYPE_WHATSAPP_PERSONAL: "phone_number",
    pb.CHANNEL_TYPE_MESSENGER: "facebook_user_id",
    pb.CHANNEL_TYPE_TELEGRAM: "telegram_chat_id",
    pb.CHANNEL_TYPE_TEAMS: "teams_conversation_id",
    pb.CHANNEL_TYPE_WEBHOOK: "recipient_id",
}
by_recipient = pytest.mark.parametrize(
    ("kind", "key"),
    [pytest.param(*item, id=pb.ChannelType.Name(item[0])) for item in RECIPIENT_KEYS.items()],
)


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def with_sms(h: House, room_id: str = "r1", **channel: object) -> None:
    """A room with live connections and a telephone number that a worker serves."""
    await h.room(room_id, "ws")
    binding = {"metadata": SMS_NUMBER}
    await h.add("sms", SMS, room_id, binding=binding, by="gateway", **channel)


async def row_of(h: House, channel_id: str = "sms") -> pb.Delivery:
    """The only delivery to a channel."""
    (row,) = await h.deliveries(channel_id)
    return row


async def tried_row_of(h: House, channel_id: str = "sms") -> pb.Delivery:
    """The same, once it says how the first attempt went: the caller may hear of that first."""
    async with asyncio.timeout(5):
        while True:
            row = await row_of(h, channel_id)
            if row.result.error_code:
                return row
            await asyncio.sleep(0.005)


# ------------------------------------------------------------------ stored configuration


async def test_s2_channel_is_stored_configuration(tmp_path: Path) -> None:
    """Semantics 2, bullet 1: "A channel is stored configuration (type, provider, settings …)":
    all of it is there after a restart.
    """
    async with house(tmp_path / "r.db") as h:
        settings = {"from": "+15550999", "hold_back": "answer"}
        registered = await h.register(
            "sms",
            SMS,
            by="gateway",
            settings=settings,
            capabilities=pb.Capabilities(max_length=70),
            rate_limit=pb.RateLimit(max_per_second=5),
            inbound_rate_limit=pb.RateLimit(max_per_minute=7),
            delivery_deadline=duration(30),
        )
        assert dict(registered.settings) == settings
        assert registered.implementation.worker.handler == "gateway"
        await h.restart()
        assert (await h.do(pb.GetChannelRequest(channel_id="sms"))).channel == registered


async def test_s2_channel_has_the_workers_attached_to_it(h: House) -> None:
    """Semantics 2, bullet 1: "plus, for client-implemented ones, the workers … attached"."""
    await h.register("sms", SMS, by="gateway")
    get = pb.GetChannelRequest(channel_id="sms")
    counts = [(await h.do(get)).channel.attached]
    provider = await h.provider("gateway")
    counts.append((await h.do(get)).channel.attached)
    await provider.kill()
    await until(lambda: not h.server.gauges()["worker_sessions"])
    counts.append((await h.do(get)).channel.attached)
    assert counts == [0, 1, 0]


async def test_s2_channel_has_the_connections_attached_to_it(h: House) -> None:
    """Semantics 2, bullet 1: "… or connections attached to it"."""
    await h.register("ws")
    get = pb.GetChannelRequest(channel_id="ws")
    async with h.dial(), h.dial():
        assert (await h.do(get)).channel.attached == 2
    await until(lambda: not h.server.gauges()["connections"])
    assert (await h.do(get)).channel.attached == 0


async def test_s2_channel_is_registered_once(h: House) -> None:
    """Semantics 2, bullet 1: "Registered once": a second registration is refused, and the
    first one stays.
    """
    first = await h.register("ws", settings={"a": 1})
    again = pb.Channel(channel_id="ws", type=pb.CHANNEL_TYPE_WEBSOCKET, settings={"a": 2})
    failure = await h.failure(pb.RegisterChannelRequest(channel=again))
    assert failure.reason == "CHANNEL_EXISTS"
    assert (await h.do(pb.GetChannelRequest(channel_id="ws"))).channel == first


async def test_s2_channel_is_attached_to_many_rooms(h: House) -> None:
    """Semantics 2, bullet 1: "attached to many rooms": each binding has its own recipient."""
    provider = await h.provider("gateway")
    await with_sms(h)
    await h.room("r2")
    await h.attach("ws", "r2")
    await h.attach("sms", "r2", metadata={"phone_number": "+15550200"})
    for room_id in ("r1", "r2"):
        await h.say(f"in {room_id}", room_id=room_id)
    reached = [(one.recipient, one.event.content.text.body) for one in provider.delivered]
    assert reached == [("+15550100", "in r1"), ("+15550200", "in r2")]


# ------------------------------------------------------------------ nobody to serve it


async def test_s2_channel_with_nobody_to_serve_it_fails_no_worker(h: House) -> None:
    """Semantics 2, bullet 1: "A bound channel with nobody to serve it fails loudly …
    `no_worker`": the caller who waits, the delivery's row and a framework event say so.
    """
    await with_sms(h)
    (told,) = [one for one in (await h.say("hello")).deliveries if one.channel_id == "sms"]
    assert told.result.error_code == "no_worker"
    assert (await tried_row_of(h)).result.error_code == "no_worker"
    (event,) = h.told("delivery_failed")
    assert (event.channel_id, event.data["error_code"]) == ("sms", "no_worker")


async def test_s2_hooks_are_told_that_nobody_serves_a_channel(h: House) -> None:
    """Semantics 2, bullet 1: "loudly": ON_DELIVERY_STATUS carries the row."""
    watcher = await h.observe(pb.HOOK_TRIGGER_ON_DELIVERY_STATUS)
    await with_sms(h)
    await h.say("hello")
    row = (await watcher.asked()).hook.delivery
    assert (row.channel_id, row.result.error_code) == ("sms", "no_worker")


async def test_s2_ai_with_nobody_to_serve_it_fails_no_worker(h: House) -> None:
    """Semantics 2, bullet 1: the rule holds for channels that answer, too."""
    await h.room("r1", "ws")
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model")
    await h.say("anybody?")
    assert (await tried_row_of(h, "ai")).result.error_code == "no_worker"


async def test_s2_connection_channel_without_connections_fails_no_connection(h: House) -> None:
    """Semantics 2, bullet 1: "fails loudly" where connections would serve it."""
    await h.room("r1", "ws", "other")
    (told,) = (await h.say("hello")).deliveries
    assert (told.channel_id, told.result.error_code) == ("other", "no_connection")
    assert told.result.state == pb.DELIVERY_STATE_FAILED
    assert [event.data["error_code"] for event in h.told("delivery_failed")] == ["no_connection"]


async def test_s2_unserved_delivery_goes_out_when_a_worker_comes(h: House) -> None:
    """Semantics 2, bullet 1: "retried until its deadline": at once when somebody serves it."""
    await with_sms(h)
    await h.say("hello")
    provider = await h.provider("gateway")
    await until(lambda: provider.texts == ["hello"])
    await until(lambda: h.told("delivery_succeeded"))
    assert (await row_of(h)).result.state == pb.DELIVERY_STATE_SENT


async def test_s2_unserved_delivery_is_retried_again_and_again(h: House) -> None:
    """Semantics 2, bullet 1: "retried until its deadline", also by a binding that retries
    nothing else: nobody has failed yet.
    """
    await with_sms(h)
    never = pb.RetryPolicy(max_retries=0)
    await h.change("sms", retry_policy=never)
    await h.say("hello")
    dues = [(await tried_row_of(h)).next_attempt_time.seconds]
    for _ in range(5):
        h.clock.advance(5)
        await until(lambda: h.engine.lanes.backlog == 1)
        due = dues[-1]
        while due == dues[-1]:
            due = (await row_of(h)).next_attempt_time.seconds
        dues.append(due)
    assert [later - first for first, later in pairwise(dues)] == [5] * 5
    assert (await row_of(h)).result.error_code == "no_worker"


async def test_s2_unserved_delivery_is_given_up_at_its_deadline(h: House) -> None:
    """Semantics 2, bullet 1: "retried until its deadline": not longer, and the reason stays."""
    await with_sms(h, delivery_deadline=duration(12))
    await h.say("hello")
    h.tail.events.clear()
    for _ in range(3):
        h.clock.advance(5)
        await h.state()
    await until(lambda: h.told("delivery_failed"))
    row = await row_of(h)
    assert row.result.state in (pb.DELIVERY_STATE_FAILED, pb.DELIVERY_STATE_EXPIRED)
    assert row.result.error_code == "no_worker"
    assert not row.HasField("next_attempt_time")
    provider = await h.provider("gateway")
    await h.say("hello again")
    assert provider.texts == ["hello again"]


async def test_s2_unserved_delivery_survives_a_restart(tmp_path: Path) -> None:
    """Semantics 2, bullet 1: "retried until its deadline", whoever runs by then."""
    async with house(tmp_path / "r.db") as h:
        await with_sms(h)
        await h.say("hello")
        await h.restart()
        provider = await h.provider("gateway")
        await until(lambda: provider.texts == ["hello"])


async def test_s2_unserved_channel_does_not_hold_up_others(h: House) -> None:
    """Semantics 2, bullet 1: it is that channel's delivery that fails."""
    provider = await h.provider("other")
    await with_sms(h)
    await h.add("sms2", SMS, by="other", binding={"metadata": SMS_NUMBER})
    await h.say("hello")
    assert provider.texts == ["hello"]


# ------------------------------------------------------------------ categories


@pytest.mark.parametrize(
    "kind", [number for number in pb.ChannelType.values() if number], ids=pb.ChannelType.Name
)
async def test_s2_category_follows_the_channel_type(h: House, kind: int) -> None:
    """Semantics 2, bullet 2: "Category follows the channel type (AI, Agent, realtime voice →
    INTELLIGENCE)", of the channel and of its binding, when nobody names it.
    """
    await h.room()
    wanted = INTELLIGENCE if kind in INTELLIGENT_TYPES else TRANSPORT
    registered = await h.register("it", kind, by="worker")
    binding = await h.attach("it")
    assert (registered.category, binding.category) == (wanted, wanted)


async def test_s2_ai_attached_without_a_category_answers(h: House) -> None:
    """Semantics 2, bullet 2: "so attaching an AI without naming the category does the right
    thing": it is asked, and not delivered to.
    """
    provider = await h.provider("model")
    provider.response = pb.Response(
        events=[pb.RoomEvent(content=pb.Content(text=pb.TextContent(body="Yes")))]
    )
    await h.room("r1", "ws")
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model")
    await h.say("Well?")
    assert [event.content.text.body for event in await h.messages()] == ["Well?", "Yes"]
    assert not provider.delivered


# ------------------------------------------------------------------ recipients


@by_recipient
async def test_s2_delivery_goes_to_the_recipient_of_the_binding(
    h: House, kind: int, key: str
) -> None:
    """Semantics 2, bullet 3: "metadata (recipient keys: …)": one for each channel type."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("phone", kind, by="gateway", binding={"metadata": {key: "me", "other": "x"}})
    await h.say("hello")
    assert [one.recipient for one in provider.delivered] == ["me"]


@by_recipient
async def test_s2_missing_recipient_key_fails_no_recipient(h: House, kind: int, key: str) -> None:
    """Semantics 2, bullet 5: "Missing recipient key: the delivery fails at once,
    `no_recipient`": nothing is handed to the provider, nothing is retried.
    """
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    others = {other: "x" for other in RECIPIENT_KEYS.values() if other != key}
    await h.add("phone", kind, by="gateway", binding={"metadata": others})
    await h.say("hello")
    row = await row_of(h, "phone")
    assert row.result.state == pb.DELIVERY_STATE_FAILED
    assert row.result.error_code == "no_recipient"
    assert not row.HasField("next_attempt_time")
    assert not provider.delivered


@pytest.mark.parametrize("value", ["", 15550100])
async def test_s2_recipient_that_is_no_text_is_a_missing_one(h: House, value: object) -> None:
    """Semantics 2, bullet 5: an empty recipient, or one that is no text, reaches nobody."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("sms", SMS, by="gateway", binding={"metadata": {"phone_number": value}})
    await h.say("hello")
    assert (await row_of(h)).result.error_code == "no_recipient"
    assert not provider.delivered


async def test_s2_missing_recipient_does_not_hold_up_others(h: House) -> None:
    """Semantics 2, bullet 5: "the delivery fails": the others go on."""
    provider = await h.provider("gateway")
    await with_sms(h)
    await h.add("sms2", SMS, by="gateway")
    await h.say("hello")
    assert [one.recipient for one in provider.delivered] == ["+15550100"]


async def test_s2_failed_for_a_missing_recipient_can_be_tried_again_with_one(h: House) -> None:
    """Semantics 2, bullet 5: the binding is what is wrong; the delivery is not lost."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("sms", SMS, by="gateway")
    await h.say("hello")
    await h.change("sms", metadata=SMS_NUMBER)
    row = await row_of(h)
    await h.do(pb.RetryDeliveryRequest(room_id="r1", delivery_id=row.delivery_id))
    await until(lambda: provider.delivered)
    assert provider.delivered[0].recipient == "+15550100"


async def test_s2_channel_whose_type_has_no_recipient_key_needs_none(h: House) -> None:
    """Semantics 2, bullet 5: only types with a recipient key can miss one."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("push", pb.CHANNEL_TYPE_PUSH, by="gateway")
    await h.say("hello")
    assert provider.texts == ["hello"]
