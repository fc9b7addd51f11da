"""Semantics 5: what hooks may do with a streamed answer besides letting it pass or not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hook_kit import allow, block, modify
from hooks_kit import (
    BLOCK_POLICY,
    DELTA,
    END,
    OF_THE_AI,
    RETRACT,
    STREAM,
    Author,
    Seen,
    answer_of,
    author,
    by_text,
    found,
    gate,
    judged,
    phone,
    send,
    serve,
    store_hook,
    subscribed,
)
from rooms_kit import House, house, text_content

from roomd import v1 as pb


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


async def test_s5_streams_modify_is_what_is_shown_and_stored(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "modify(payload)" of a sentence: nobody sees what it was."""
    await judged(h, Two=modify("2. "))
    await send(h)
    await ai.say("One. Two. Three.")
    await seen.until(lambda one: one.of_type(END))
    assert "".join(one.stream.text for one in seen.of_type(DELTA)) == "One. 2. Three."
    assert (await answer_of(h)).content.text.body == "One. 2. Three."


async def test_s5_streams_modify_of_the_metadata_is_stored(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "modify(payload)" of a sentence: the metadata of the answer."""
    change = modify("", "event.metadata")
    change.modify.payload.event.metadata.update({"checked": True})
    await judged(h, One=change)
    await send(h)
    await ai.say("One. Two.", metadata={"model": "small", "checked": False})
    await seen.until(lambda one: one.of_type(END))
    event = await answer_of(h)
    assert dict(event.metadata) == {"model": "small", "checked": True}
    assert event.content.text.body == "One. Two."


async def test_s5_streams_modify_of_the_visibility_hides_the_answer(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "modify(payload)" of a sentence: an answer that not all may see is taken
    back where it may not be seen, and delivered to nobody else.
    """
    provider = await phone(h)
    change = modify("", "event.visibility")
    change.modify.payload.event.visibility.CopyFrom(
        pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["sms"])
    )
    await judged(h, Two=change)
    async with h.dial(ephemeral=True, room_ids=["r1"]) as line:
        await send(h)
        await ai.say("One. Two. Three.")
        got = await line.until(lambda batch: any(one.type == RETRACT for one in batch.ephemerals))
        assert "".join(one.stream.text for one in got.ephemerals) == "One. "
        await provider.worker.until(lambda: "One. Two. Three." in provider.texts)
        event = await answer_of(h)
        await send(h, "next")
        assert await line.texts(2) == ["hello", "next"]
    assert list(event.visibility.channel_ids) == ["sms"]


async def test_s5_streams_modify_of_the_visibility_shows_the_rest_to_those_who_may(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "modify(payload)" of a sentence: who may see the answer still sees all of
    it, while it is written.
    """
    await h.add("web")
    change = modify("", "event.visibility")
    change.modify.payload.event.visibility.CopyFrom(
        pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["web"])
    )
    await judged(h, Two=change)
    async with h.dial("web", ephemeral=True, room_ids=["r1"]) as line:
        await send(h)
        await ai.say("One. Two. Three.")
        got = await line.until(lambda batch: any(one.type == END for one in batch.ephemerals))
    screen = Seen()
    screen.items = [pb.StreamItem(ephemeral=one) for one in got.ephemerals]
    assert screen.shown == "One. Two. Three."


async def test_s5_streams_modify_into_something_else_is_shown_as_its_words(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "modify(payload)" of a sentence: an answer that is written is text."""
    change = modify("", "event.content")
    rich = pb.RichContent(body="**Two** ", plain_text="Two. ")
    change.modify.payload.event.content.CopyFrom(pb.Content(rich=rich))
    await judged(h, Two=change)
    await send(h)
    await ai.say("One. Two. Three.")
    await seen.until(lambda one: one.of_type(END))
    assert (await answer_of(h)).content.text.body == "One. Two. Three."


async def test_s5_streams_keep_what_hooks_add(h: House, ai: Author, seen: Seen) -> None:
    """Semantics 5: "injected events with targets, tasks, observations, metadata": of every
    sentence, with the answer.
    """

    def behave(invocation: pb.Invocation) -> pb.HookDecision:
        said = invocation.hook.event.content.text.body.strip()
        decision = allow()
        decision.tasks.add(title=f"look at {said}")
        decision.observations.add(category="seen", content=said)
        decision.injected_events.add(event=pb.RoomEvent(content=text_content(f"re {said}")))
        decision.metadata.update({"last": said})
        return decision

    await gate(h, behave, filter=OF_THE_AI)
    await send(h)
    await ai.say("One. Two.")
    await seen.until(lambda one: one.of_type(END))
    tasks, noted = await found(h)
    assert [task.title for task in tasks] == ["look at One.", "look at Two."]
    assert [one.content for one in noted] == ["One.", "Two."]
    _, answer, *injected = await h.messages()
    assert {one.event_id for one in noted} == {answer.event_id}
    assert [one.content.text.body for one in injected] == ["re One.", "re Two."]
    assert answer.metadata["_hooks"]["gate"]["last"] == "Two."
    assert [trace.decision for trace in answer.hook_trace] == ["allow", "allow"]


async def test_s5_streams_obey_the_failure_policy(h: House, ai: Author, seen: Seen) -> None:
    """Semantics 5: "failure policy": with nobody attached a hook that fails closed lets no
    sentence through.
    """
    await store_hook(h, failure_policy=BLOCK_POLICY, filter=OF_THE_AI)
    await send(h)
    await ai.begin()
    await ai.write("One. Two. ")
    await seen.until(lambda one: len(one.messages) == 2)
    assert seen.of_type(*STREAM) == []
    assert (await answer_of(h)).blocked_by == "gate"


async def test_s5_streams_wait_no_longer_than_the_hooks_timeout(
    h: House, ai: Author, seen: Seen
) -> None:
    """Semantics 5: "timeout": a hook that hangs costs each sentence as much, then its policy
    applies.
    """
    worker = await gate(h, filter=OF_THE_AI, timeout=1)
    await send(h)
    await ai.begin()
    await ai.write("One. Two. Three. ")
    for number in (1, 2):
        await worker.asked(number)
        h.clock.advance(1)
    await seen.until(lambda one: one.shown == "One. Two. ")


async def test_s5_streams_of_two_ais_are_judged_apart(h: House, ai: Author, seen: Seen) -> None:
    """Semantics 5: a block of one answer takes back nothing of another."""
    described = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec())
    other = Author(await serve(h, pb.Handler(name="other-model", spec=described)))
    await h.add("ai2", pb.CHANNEL_TYPE_AI, by="other-model")
    await gate(h, by_text({"Bad. ": block("no")}))
    await send(h)
    await ai.begin()
    await other.begin()
    await other.write("Good. ", "x")
    await ai.write("Fine. ", "Bad. ", "x")
    await seen.until(lambda one: one.of_type(RETRACT) and one.shown == "Good. ")
    await other.end()
    await seen.until(lambda one: one.of_type(END))
