"""Semantics 2, bullet 6: channels of live connections."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from api_fakes import read_failure
from connection_parts import Dialled
from grpc import aio
from rooms_kit import SMS_NUMBER, House, house, text_content

from roomd import v1 as pb


@pytest.fixture
async def h() -> AsyncIterator[House]:
    """A house with two rooms, in both of which is the channel ws."""
    async with house() as made:
        await made.room("r1", "ws")
        await made.room("r2")
        await made.attach("ws", "r2")
        await made.register("system", pb.CHANNEL_TYPE_SYSTEM)
        for room_id in ("r1", "r2"):
            await made.attach("system", room_id)
        yield made


async def announce(h: House, text: str, room_id: str = "r1") -> None:
    """Let the system say something: it comes from no connection."""
    request = pb.SendEventRequest(
        room_id=room_id, channel_id="system", content=text_content(text), wait=pb.WAIT_DELIVERED
    )
    await h.do(request)


async def ping(line: Dialled) -> None:
    """Wait until the server has read everything that was told so far."""
    await line.tell(ping=1)
    while not (await line.read()).pong:
        pass


def texts(line: Dialled) -> list[str]:
    """What was delivered so far."""
    return [one.event.content.text.body for one in line.got.deliveries]


async def test_s2_connection_channel_has_many_connections(h: House) -> None:
    """Semantics 2, bullet 6: "many connections per channel": each gets every message."""
    async with h.dial() as one, h.dial() as two, h.dial() as three:
        await announce(h, "hello")
        for line in (one, two, three):
            assert await line.texts(1) == ["hello"]
        (row,) = await h.deliveries("ws")
        assert row.result.state == pb.DELIVERY_STATE_SENT, "it is one delivery all the same"


async def test_s2_connection_sees_the_rooms_that_it_named(h: House) -> None:
    """Semantics 2, bullet 6: "each subscribed to rooms": to its own, not to its channel's."""
    async with h.dial(room_ids=["r1"]) as first, h.dial(room_ids=["r2"]) as second:
        for room_id in ("r1", "r2"):
            await announce(h, f"in {room_id}", room_id)
            await announce(h, f"still in {room_id}", room_id)
        assert await first.texts(2) == ["in r1", "still in r1"]
        assert await second.texts(2) == ["in r2", "still in r2"]


async def test_s2_connection_that_names_no_room_sees_all_of_its_channel(h: House) -> None:
    """Semantics 2, bullet 6: "each subscribed to rooms": by default to all."""
    async with h.dial() as line:
        for room_id in ("r1", "r2"):
            await announce(h, f"in {room_id}", room_id)
        assert await line.texts(2) == ["in r1", "in r2"]


async def test_s2_connection_subscribes_to_more_rooms(h: House) -> None:
    """Semantics 2, bullet 6: "each subscribed to rooms", also later."""
    async with h.dial(room_ids=["r1"]) as line:
        await line.tell(subscribe=pb.SubscribeTo(room_ids=["r2"]))
        await ping(line)
        await announce(h, "in r2", "r2")
        assert await line.texts(1) == ["in r2"]


async def test_s2_connection_unsubscribes_from_rooms(h: House) -> None:
    """Semantics 2, bullet 6: "each subscribed to rooms", until it does not want them."""
    async with h.dial() as line:
        await line.tell(unsubscribe=pb.SubscribeTo(room_ids=["r2"]))
        await ping(line)
        await announce(h, "in r2", "r2")
        await announce(h, "in r1", "r1")
        assert await line.texts(1) == ["in r1"]


async def test_s2_message_is_echoed_to_the_other_connections_of_its_channel(h: House) -> None:
    """Semantics 2, bullet 6: "A message is echoed to the other connections of the same
    channel": two users behind one channel see each other.
    """
    async with h.dial(participant_id="ada") as ada, h.dial(participant_id="bob") as bob:
        await ada.say("hello, Bob", sender_id="")
        assert await bob.texts(1) == ["hello, Bob"]
        await bob.say("hello, Ada", sender_id="")
        assert await ada.texts(1) == ["hello, Ada"]
        assert bob.got.deliveries[0].event.source.participant_id == "ada"


async def test_s2_message_is_not_echoed_to_its_own_connection(h: House) -> None:
    """Semantics 2, bullet 6: "not to the connection it came from"."""
    async with h.dial() as ada, h.dial() as bob:
        await ada.say("mine")
        assert await bob.texts(1) == ["mine"]
        await announce(h, "the end")
        assert await ada.texts(1) == ["the end"]


async def test_s2_message_from_no_connection_is_echoed_to_all_of_its_channel(h: House) -> None:
    """Semantics 2, bullet 6: who comes by ProcessInbound has no connection to be spared."""
    async with h.dial() as one, h.dial() as two:
        await h.say("from elsewhere")
        assert await one.texts(1) == await two.texts(1) == ["from elsewhere"]


async def test_s2_echo_keeps_to_those_who_see_the_room(h: House) -> None:
    """Semantics 2, bullet 6: the others of the channel that are subscribed to the room."""
    async with h.dial() as ada, h.dial(room_ids=["r2"]) as bob:
        await ada.say("in r1", room_id="r1")
        await ada.until(lambda got: got.results)
        await announce(h, "in r2", "r2")
        assert await bob.texts(1) == ["in r2"]


async def test_s2_message_with_nobody_else_on_its_channel_is_not_delivered_there(
    h: House,
) -> None:
    """Semantics 2, bullet 6: an echo that nobody hears is no failed delivery."""
    async with h.dial() as line:
        await line.say("anybody?")
        await line.until(lambda got: got.results)
        assert not await h.deliveries("ws")
        assert not h.told("delivery_failed")


async def test_s2_other_channels_are_not_echoed_to(h: House) -> None:
    """Semantics 2, bullet 6: the rule is of connection channels; whoever sent a text message
    does not get it back.
    """
    provider = await h.provider("gateway")
    await h.add("sms", pb.CHANNEL_TYPE_SMS, by="gateway", binding={"metadata": SMS_NUMBER})
    await h.say("hello", "sms", sender="+15550100")
    assert not provider.delivered
    assert not await h.deliveries("sms")


async def test_s2_echo_obeys_the_visibility_of_the_message(h: House) -> None:
    """Semantics 2, bullet 6: an echo is a delivery like any other."""
    async with h.dial() as ada, h.dial() as bob:
        hidden = pb.Visibility(scope=pb.Visibility.SCOPE_INTELLIGENCE)
        await ada.say("a secret", visibility=hidden)
        await ada.say("hello")
        assert await bob.texts(1) == ["hello"]
        assert texts(ada) == []


async def test_s2_connection_may_begin_with_no_room(h: House) -> None:
    """Who has left the last room and dials again must not see all of them."""
    async with h.dial(no_rooms=True) as line:
        await announce(h, "unseen")
        await line.tell(subscribe=pb.SubscribeTo(room_ids=["r2"]))
        await ping(line)
        await announce(h, "unseen, too")
        await announce(h, "seen", "r2")
        assert await line.texts(1) == ["seen"]


async def test_s2_connection_names_rooms_as_they_are_named(h: House) -> None:
    """An id that no room can have is the client's mistake, not a room that says nothing."""
    with pytest.raises(aio.AioRpcError) as ended:
        async with h.dial(room_ids=["r1", "x" * 257]):
            pass
    assert read_failure(ended.value).reason == "VALIDATION"


async def test_s2_connection_is_told_what_is_too_large_for_it(h: House) -> None:
    """A client that sends again what was on its way must know what never gets through."""
    async with h.dial() as line:
        await line.say("x" * (line.opened.max_message_bytes - 1000))
        too_large = "y" * (line.opened.max_message_bytes + 1)
        content = pb.Content(text=pb.TextContent(body=too_large))
        item = pb.SendItem(send_id=9, room_id="r1", sender_id="ada", content=content)
        await line.tell(send=pb.SendBatch(items=[item]))
        with pytest.raises(aio.AioRpcError) as ended:
            await line.until(lambda batch: len(batch.results) > 1)
        assert read_failure(ended.value).reason == "MESSAGE_TOO_LARGE"
