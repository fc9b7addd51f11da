"""Semantics 5: "Streams and speech: BEFORE_BROADCAST … see streamed AI output **before** it is
shown … sentence by sentence (`hold_back`: sentence by default, or the whole answer); a block
stores the sentence BLOCKED, stops the generation and tells the clients to retract".
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hook_kit import allow, block
from hooks_kit import (
    BLOCKED,
    DELTA,
    END,
    OF_THE_AI,
    RETRACT,
    START,
    STREAM,
    Author,
    Seen,
    answer_of,
    author,
    echo,
    gate,
    judged,
    phone,
    said_to,
    send,
    subscribed,
    watcher,
)
from rooms_kit import House, house

from roomd import v1 as pb

WHOLE = {"metadata": {"hold_back": "answer"}}


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


@pytest.fixture
async def ai(h: House) -> Author:
    return await author(h)


@pytest.fixture
async def seen(h: House) -> AsyncIterator[Seen]:
    async with subscribed(h) as made:
        yield made


# ------------------------------------------------------------------ before it is shown


async def test_s5_streams_nothing_is_shown_before_the_hook_has_decided(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "see streamed AI output **before** it is shown"."""
    worker = await gate(h, filter=OF_THE_AI)
    await send(h)
    await ai.begin()
    await ai.write("First. ", "Second. ", "T")
    first = await worker.asked()
    await echo(worker)
    assert seen.of_type(*STREAM) == []
    await worker.answer(first, allow())
    await seen.until(lambda one: one.shown == "First. ")
    await worker.asked(2)
    assert seen.shown == "First. "


async def test_s5_streams_are_shown_as_they_are_allowed_and_then_stored(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: what was shown sentence by sentence is committed as one event."""
    await judged(h)
    await send(h)
    await ai.say("One. Tw", "o. Three")
    await seen.until(lambda one: one.of_type(END))
    assert [one.stream.text for one in seen.of_type(DELTA)] == ["One. ", "Two. ", "Three"]
    event = await answer_of(h)
    assert (event.content.text.body, event.blocked_by) == ("One. Two. Three", "")
    assert seen.of_type(END)[0].stream.event_id == event.event_id


async def test_s5_streams_without_a_hook_are_shown_at_once(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: nothing is held back for nobody."""
    await send(h)
    await ai.begin()
    await ai.write("Half a sen")
    await seen.until(lambda one: one.shown == "Half a sen")


async def test_s5_streams_are_seen_by_a_hook_that_comes_in_the_middle(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: nothing that is still to be said is shown before it has decided."""
    await send(h)
    await ai.begin()
    await ai.write("Before it came. ")
    await seen.until(lambda one: one.shown == "Before it came. ")
    worker = await gate(h, filter=OF_THE_AI)
    await ai.write("Behind ", "it. ", "T")
    invocation = await worker.asked()
    assert invocation.hook.event.content.text.body == "Behind it. "
    assert seen.shown == "Before it came. "
    await worker.answer(invocation, block("no"))
    await seen.until(lambda one: one.of_type(RETRACT))
    assert (await answer_of(h)).status == BLOCKED


# ------------------------------------------------------------------ hold_back


async def test_s5_streams_hold_back_is_a_sentence_by_default(h: House, ai: Author) -> None:
    """Semantics 5: "sentence by sentence (`hold_back`: sentence by default": each one is asked
    about once, whatever pieces it came in, and the whole is not asked about again.
    """
    worker = await judged(h)
    told = await watcher(h, filter=OF_THE_AI)
    await send(h)
    await ai.say("It costs 3", ".50 €. Now", "! Or", " never")
    await told.asked()
    assert said_to(worker) == ["It costs 3.50 €. ", "Now! ", "Or never"]
    assert said_to(told) == ["It costs 3.50 €. Now! Or never"]


async def test_s5_streams_sentences_name_their_stream(h: House, ai: Author, seen: Seen) -> None:
    """Semantics 5: a hook can tell which sentences belong together."""
    worker = await judged(h)
    await send(h)
    await ai.say("One. Two.")
    await seen.until(lambda one: one.of_type(END))
    stream_id = seen.of_type(START)[0].stream.stream_id
    events = [one.hook.event for one in worker.invocations]
    assert [one.metadata["_stream"]["stream_id"] for one in events] == [stream_id] * 2
    assert [one.correlation_id for one in events] == [stream_id] * 2
    assert (await answer_of(h)).correlation_id == stream_id


@pytest.mark.parametrize("where", ["binding", "channel"])
async def test_s5_streams_hold_back_may_be_the_whole_answer(
    h: House, seen: Seen, where: str
) -> None:
    """Semantics 5: "or the whole answer": asked about once, and shown then."""
    ai = await author(h, **(WHOLE if where == "binding" else {}))
    if where == "channel":
        channel = pb.Channel(channel_id="ai", settings={"hold_back": "answer"})
        request = pb.UpdateChannelRequest(channel=channel)
        request.update_mask.paths.append("settings")
        await h.do(request)
    worker = await gate(h, filter=OF_THE_AI)
    await send(h)
    await ai.begin()
    await ai.write("One. ", "Two. ", "Three.")
    await echo(ai.worker)
    assert worker.invocations == []
    await ai.end()
    invocation = await worker.asked()
    assert said_to(worker) == ["One. Two. Three."]
    assert seen.of_type(*STREAM) == []
    await worker.answer(invocation, allow())
    await seen.until(lambda one: one.of_type(END))
    assert (await answer_of(h)).content.text.body == "One. Two. Three."


async def test_s5_streams_hold_back_of_the_binding_goes_before_the_channels(h: House) -> None:
    """Semantics 5: "`hold_back`": a room may want less than the channel's setting."""
    ai = await author(h, metadata={"hold_back": "sentence"})
    channel = pb.Channel(channel_id="ai", settings={"hold_back": "answer"})
    request = pb.UpdateChannelRequest(channel=channel)
    request.update_mask.paths.append("settings")
    await h.do(request)
    worker = await judged(h)
    await send(h)
    await ai.begin()
    await ai.write("One. Two")
    await worker.asked()
    assert said_to(worker) == ["One. "]


async def test_s5_streams_a_blocked_whole_answer_was_never_shown(h: House, seen: Seen) -> None:
    """Semantics 5: "or the whole answer": a block has nothing to take back."""
    ai = await author(h, **WHOLE)
    await gate(h, lambda _: block("no"), filter=OF_THE_AI)
    await send(h)
    await ai.say("One. Two.")
    await seen.until(lambda one: len(one.messages) == 2)
    assert seen.of_type(*STREAM) == []
    event = await answer_of(h)
    assert (event.status, event.content.text.body) == (BLOCKED, "One. Two.")


# ------------------------------------------------------------------ a block


async def test_s5_streams_block_stores_the_sentence_blocked(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "a block stores the sentence BLOCKED": with hook, reason and trace; nothing
    else of the answer is stored.
    """
    await judged(h, Two=block("too much"))
    await send(h)
    await ai.begin()
    await ai.write("One. ", "Two. ", "Three. ")
    await seen.until(lambda one: len(one.messages) == 2)
    event = await answer_of(h)
    assert (event.status, event.content.text.body) == (BLOCKED, "Two. ")
    assert (event.blocked_by, event.block_reason) == ("gate", "too much")
    assert [trace.decision for trace in event.hook_trace] == ["allow", "block"]
    assert event.metadata["_stream"]["retracted"] == "One. "


async def test_s5_streams_block_stops_the_generation(h: House, ai: Author) -> None:
    """Semantics 5: "stops the generation": the model is told to stop; what it still says is
    not asked about.
    """
    worker = await judged(h, Two=block("no"))
    await send(h)
    await ai.begin()
    await ai.write("One. ", "Two. ", "x")
    assert (await ai.stopped()).reason == pb.Cancel.REASON_SUPERSEDED
    await ai.write("Three. ", "Four. ")
    await echo(ai.worker)
    await echo(worker)
    assert said_to(worker) == ["One. ", "Two. "]


async def test_s5_streams_block_tells_subscribers_to_retract(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "tells the clients to retract", and why."""
    await judged(h, Two=block("too much"))
    await send(h)
    await ai.begin()
    await ai.write("One. T")
    await seen.until(lambda one: one.shown == "One. ")
    await ai.write("wo. x")
    await seen.until(lambda one: one.of_type(RETRACT))
    assert seen.shown == ""
    assert seen.of_type(RETRACT)[0].stream.reason == "too much"
    assert not seen.of_type(END)


async def test_s5_streams_block_tells_live_connections_to_retract(h: House, ai: Author) -> None:
    """Semantics 5: "tells the clients to retract": those on live connections."""
    await judged(h, Two=block("too much"))
    async with h.dial(ephemeral=True, room_ids=["r1"]) as line:
        await send(h)
        await ai.begin()
        await ai.write("One. ", "Two. ", "x")
        got = await line.until(lambda batch: any(one.type == RETRACT for one in batch.ephemerals))
    kinds = [one.type for one in got.ephemerals if one.HasField("stream")]
    assert kinds == [START, DELTA, RETRACT]
    assert len({one.stream.stream_id for one in got.ephemerals if one.HasField("stream")}) == 1


async def test_s5_streams_block_reaches_no_other_channel(h: House, ai: Author, seen: Seen) -> None:
    """Semantics 5: "a block": neither the sentence nor what was shown before it is delivered."""
    provider = await phone(h)
    await judged(h, Two=block("no"))
    await send(h)
    await ai.begin()
    await ai.write("One. ", "Two. ", "x")
    await seen.until(lambda one: len(one.messages) == 2)
    await send(h, "next")
    await provider.worker.until(lambda: "next" in provider.texts)
    assert provider.texts == ["hello", "next"]


async def test_s5_streams_block_of_the_first_sentence_shows_nothing(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: what was never shown need not be taken back."""
    await judged(h, One=block("no"))
    await send(h)
    await ai.begin()
    await ai.write("One. Two. ")
    await seen.until(lambda one: len(one.messages) == 2)
    assert seen.of_type(*STREAM) == []
    assert (await answer_of(h)).content.text.body == "One. "


async def test_s5_streams_block_is_not_shown_to_latecomers(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "tells the clients to retract": one who comes later sees nothing of it,
    but sees what is being written now.
    """
    await judged(h, Two=block("no"))
    await send(h)
    await ai.begin()
    await ai.write("One. T")
    await seen.until(lambda one: one.shown == "One. ")
    async with subscribed(h) as late:
        await late.until(lambda one: one.shown == "One. ")
    await ai.write("wo. x")
    await seen.until(lambda one: one.of_type(RETRACT))
    await ai.stopped()
    async with subscribed(h) as late:
        assert late.of_type(*STREAM) == []


async def test_s5_streams_block_does_not_end_the_conversation(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "a block … stops the generation", of this answer; the next one is made."""
    await judged(h, Bad=block("no"))
    await send(h, "one")
    await ai.begin()
    await ai.write("Bad. ", "x")
    await ai.stopped()
    await send(h, "two")
    await ai.say("Good. ")
    await seen.until(lambda one: one.of_type(END))
    stored = [one for one in await h.messages() if one.source.channel_id == "ai"]
    assert [(one.content.text.body, one.blocked_by) for one in stored] == [
        ("Bad. ", "gate"),
        ("Good. ", ""),
    ]
