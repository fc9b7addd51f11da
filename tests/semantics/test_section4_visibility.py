"""Semantics 4: who sees a message, who sees the answers, who is asked, what an AI remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from api_fakes import until
from grpc import aio
from hook_kit import DECIDE, allow, block
from pipeline_kit import House, Phone, Room, answers, content, room_in, served

from roomd import v1 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

Scope = pb.Visibility


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


def seen_by(*channel_ids: str) -> pb.Visibility:
    return pb.Visibility(scope=Scope.SCOPE_CHANNELS, channel_ids=channel_ids)


def word(name: str) -> pb.Visibility:
    return pb.Visibility(scope=Scope.Scope.Value(f"SCOPE_{name}"))


async def audience(room: Room) -> dict[str, Phone]:
    """Two transports and two AIs that answer nothing."""
    return {
        "phone": await room.phone("phone"),
        "pager": await room.phone("pager"),
        "ai": await room.model("ai", lambda _: answers()),
        "other_ai": await room.model("other_ai", lambda _: answers()),
    }


async def reached(room: Room, **fields: Any) -> set[str]:
    """Who gets a message; the rows and the workers must agree."""
    channels = await audience(room)
    answer = await room.say("hello", wait=pb.WAIT_DELIVERED, **fields)
    got = {name for name, phone in channels.items() if phone.texts == ["hello"]}
    assert set(await room.rows(answer.event.event_id)) == got
    return got


# ------------------------------------------------------------------ the words

TRANSPORTS, AIS = {"phone", "pager"}, {"ai", "other_ai"}
WORDS = {
    "ALL": TRANSPORTS | AIS,
    "UNSPECIFIED": TRANSPORTS | AIS,
    "NONE": set(),
    "TRANSPORT": TRANSPORTS,
    "INTELLIGENCE": AIS,
    "INTERNAL": set(),
}


@pytest.mark.parametrize("name", WORDS)
async def test_s4_visibility_words_say_who_gets_a_message(room: Room, name: str) -> None:
    """Visibility: `all`, `none`, `transport`, `intelligence`, `internal`."""
    assert await reached(room, visibility=word(name)) == WORDS[name]


async def test_s4_visibility_may_name_channels(room: Room) -> None:
    """… or channel ids."""
    both = seen_by(room.id("pager"), room.id("ai"), "no-such-channel")
    assert await reached(room, visibility=both) == {"pager", "ai"}


async def test_s4_visibility_internal_is_not_even_observed(room: Room) -> None:
    """`internal`: part of the room's own bookkeeping, stored all the same."""
    await room.say("internal", visibility=word("INTERNAL"))
    assert await room.texts() == ["internal"]


@pytest.mark.parametrize("own", [None, "ALL"])
async def test_s4_visibility_of_the_source_binding_holds_where_the_event_says_all(
    room: Room, own: str | None
) -> None:
    """An event's own unless `all`, then its source binding's."""
    await room.call("SetVisibility", channel_id=room.id("ws"), visibility=word("TRANSPORT"))
    fields = {"visibility": word(own)} if own else {}
    assert await reached(room, **fields) == TRANSPORTS


async def test_s4_visibility_of_the_event_goes_before_its_bindings(room: Room) -> None:
    """An event's own unless `all`: also when it lets more see it."""
    await room.call("SetVisibility", channel_id=room.id("ws"), visibility=word("TRANSPORT"))
    assert await reached(room, visibility=word("INTELLIGENCE")) == AIS


# ------------------------------------------------------------------ response_visibility


@asynccontextmanager
async def line(room: Room) -> AsyncIterator[pb.Batch]:
    """A live connection of the room's channel ``ws``: everything that reaches it."""
    got = pb.Batch()
    call = room.house.client.bidi("/roomd.v1.ChannelService/Connect", room.house.key)
    await call.write(
        pb.ChannelServiceConnectRequest(open=pb.Open(channel_id=room.id("ws"), ephemeral=True))
    )
    opened = await call.read()
    assert opened.HasField("opened")

    async def read() -> None:
        while (response := await call.read()) is not aio.EOF:
            got.MergeFrom(response.batch)

    reading = asyncio.ensure_future(read())
    try:
        yield got
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def asked(room: Room, **fields: Any) -> pb.RoomEvent:
    """The answer of the AI to a message."""
    await room.say("hello", wait=pb.WAIT_DELIVERED, **fields)
    answer = (await room.events())[-1]
    assert answer.source.channel_id == room.id("ai")
    return answer


async def test_s4_response_visibility_is_that_of_the_answer(room: Room) -> None:
    """`response_visibility` on an event becomes the visibility of every answer to it."""
    phone, pager = await room.phone("phone"), await room.phone("pager")
    await room.model("ai")
    only = seen_by(room.id("phone"))
    assert (await asked(room, response_visibility=only)).visibility == only
    assert (phone.texts, pager.texts) == (["hello", "answer"], ["hello"])


async def test_s4_response_visibility_is_that_of_every_answer(room: Room) -> None:
    """… of **every** answer: all of one AI's, those of another, and those of a transport."""
    only = seen_by("nobody")
    await room.model("ai", lambda _: answers("one", "two"))
    await room.model("other_ai", lambda _: answers("three"))
    await room.say("hello", response_visibility=only, wait=pb.WAIT_DELIVERED)
    said = [event for event in await room.events() if event.chain_depth]
    assert sorted(event.content.text.body for event in said) == ["one", "three", "two"]
    assert all(event.visibility == only for event in said)


async def test_s4_response_visibility_goes_before_what_the_ai_wants(room: Room) -> None:
    """The one who asks decides who hears the answer."""
    loud = pb.RoomEvent(content=content("answer"), visibility=word("ALL"))
    await room.model("ai", lambda _: answers(loud))
    only = seen_by(room.id("phone"))
    assert (await asked(room, response_visibility=only)).visibility == only


async def test_s4_response_visibility_unset_lets_everybody_hear(room: Room) -> None:
    """Nothing said: everybody who sees answers."""
    phone = await room.phone("phone")
    await room.model("ai")
    assert (await asked(room)).visibility.scope == Scope.SCOPE_ALL
    assert phone.texts == ["hello", "answer"]


@pytest.mark.parametrize("shown", [True, False])
async def test_s4_response_visibility_holds_while_an_answer_is_written(
    room: Room, shown: bool
) -> None:
    """Every answer: a streamed one is shown only to those who see it in the end."""
    script = pb.ChannelImplementation.Script(responses=["one two three"], streaming=True)
    implementation = pb.ChannelImplementation(script=script)
    await room.add("ai", pb.CHANNEL_TYPE_AI, implementation=implementation)
    only = seen_by(room.id("ws") if shown else room.id("phone"))
    async with line(room) as got:
        await room.say("hello", response_visibility=only, wait=pb.WAIT_DELIVERED)
        await room.say("end", addressed_to=pb.Addressing())
        await until(lambda: got.deliveries and got.deliveries[-1].event.content.text.body == "end")
        deltas = "".join(one.stream.text for one in got.ephemerals)
        events = [one.event.content.text.body for one in got.deliveries]
    answer = "one two three"
    assert deltas == (answer if shown else "")
    assert events == (["hello", answer, "end"] if shown else ["hello", "end"])


# ------------------------------------------------------------------ addressed_to


@pytest.mark.parametrize(
    ("named", "who"),
    [(None, AIS), (["ai"], {"ai"}), (["ai", "other_ai"], AIS), ([], set()), (["phone"], set())],
    ids=["unset", "one", "both", "nobody", "no_ai"],
)
async def test_s4_addressed_to_limits_which_ais_are_asked(
    room: Room, named: list[str] | None, who: set[str]
) -> None:
    """`addressed_to` limits which intelligence channels are asked; the transports get it."""
    fields = {}
    if named is not None:
        fields["addressed_to"] = pb.Addressing(channel_ids=[room.id(name) for name in named])
    assert await reached(room, **fields) == who | TRANSPORTS


async def test_s4_addressed_to_does_not_show_what_may_not_be_seen(room: Room) -> None:
    """Both hold: who is addressed must also see it."""
    fields = {"addressed_to": pb.Addressing(channel_ids=[room.id("ai")])}
    assert await reached(room, visibility=word("TRANSPORT"), **fields) == TRANSPORTS


# ------------------------------------------------------------------ history


async def remembered(room: Room, ai: Phone) -> list[str]:
    """The words that an AI is told as history when it is asked about the next message."""
    await room.say("asked", wait=pb.WAIT_DELIVERED)
    events = ai.worker.invocations[-1].context.recent_events
    return [one.content.text.body for one in events if one.content.HasField("text")]


async def test_s4_history_of_an_ai_is_what_it_may_see(room: Room) -> None:
    """The same rule filters the history an AI sees."""
    ai = await room.model("ai", lambda _: answers())
    await room.say("for all")
    for name in ("TRANSPORT", "NONE", "INTERNAL", "INTELLIGENCE"):
        await room.say(name.lower(), visibility=word(name))
    await room.say("for another", visibility=seen_by(room.id("other")))
    await room.say("for the ai", visibility=seen_by(room.id("ai")))
    assert await remembered(room, ai) == ["for all", "intelligence", "for the ai", "asked"]


async def test_s4_history_of_an_ai_follows_the_bindings(room: Room) -> None:
    """The same rule: the source binding's visibility, too."""
    ai = await room.model("ai", lambda _: answers())
    await room.add("secret", visibility=word("TRANSPORT"))
    await room.say("between people", "secret")
    assert await remembered(room, ai) == ["asked"]


async def test_s4_history_of_an_ai_has_its_own_words(room: Room) -> None:
    """What it said itself it knows, whoever saw it."""
    ai = await room.model("ai")
    await room.say("first", response_visibility=word("NONE"), wait=pb.WAIT_DELIVERED)
    assert await remembered(room, ai) == ["first", "answer", "asked"]


async def test_s4_history_of_an_ai_has_nothing_blocked_or_withdrawn(room: Room) -> None:
    """What nobody sees no AI sees."""
    ai = await room.model("ai", lambda _: answers())

    def decide(invocation: pb.Invocation) -> pb.HookDecision:
        return block() if invocation.hook.event.content.text.body == "bad" else allow()

    await room.hook("no", decide, DECIDE)
    await room.say("bad")
    withdrawn = (await room.say("withdrawn")).event.event_id
    await room.call("DeleteEvent", event_id=withdrawn)
    assert await remembered(room, ai) == ["asked"]


async def test_s4_history_of_a_channel_can_be_listed(room: Room) -> None:
    """The same rule for who lists the timeline as a channel sees it."""
    await room.phone("phone")
    await room.say("for all")
    await room.say("for ais", visibility=word("INTELLIGENCE"))
    only = pb.EventFilter(visible_to_channel_id=room.id("phone"), types=[pb.EVENT_TYPE_MESSAGE])
    page = await room.call("ListEvents", filter=only)
    assert [event.content.text.body for event in page.events] == ["for all"]
