"""Semantics 2, bullets 9 and 10: who of the room gets a message, and in how many parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_fakes import until
from rooms_kit import House, Provider, house, text_content

from roomd import v1 as pb
from roomd_server.core.times import duration

BROADCAST, DIRECT = pb.DELIVERY_MODE_BROADCAST, pb.DELIVERY_MODE_DIRECT
ROUND_ROBIN = pb.DELIVERY_MODE_ROUND_ROBIN
PUSH = pb.CHANNEL_TYPE_PUSH


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        yield made


async def with_targets(h: House, **modes: int) -> Provider:
    """Targets with these delivery modes, all served by one worker."""
    provider = await h.provider("gateway")
    for channel_id, mode in modes.items():
        capabilities = pb.Capabilities(delivery_mode=mode)
        await h.add(channel_id, PUSH, by="gateway", capabilities=capabilities)
    return provider


def reached(provider: Provider) -> list[tuple[str, str]]:
    """Who got what."""
    return [(one.binding.channel_id, one.event.content.text.body) for one in provider.delivered]


# ------------------------------------------------------------------ delivery modes


async def test_s2_broadcast_reaches_everybody(h: House) -> None:
    """Semantics 2, bullet 9: "BROADCAST": every message goes to the channel."""
    provider = await with_targets(h, a=BROADCAST, b=BROADCAST)
    await h.say("one", addressed_to=pb.Addressing(channel_ids=["a"]))
    assert sorted(reached(provider)) == [("a", "one"), ("b", "one")]


async def test_s2_broadcast_is_the_default(h: House) -> None:
    """Semantics 2, bullet 9: "BROADCAST (default)"."""
    provider = await with_targets(h, a=pb.DELIVERY_MODE_UNSPECIFIED)
    await h.say("one")
    assert reached(provider) == [("a", "one")]


async def test_s2_direct_reaches_only_the_addressed(h: House) -> None:
    """Semantics 2, bullet 9: "DIRECT (only the addressed)"."""
    provider = await with_targets(h, a=DIRECT, b=DIRECT, c=BROADCAST)
    await h.say("to nobody")
    await h.say("to b", addressed_to=pb.Addressing(channel_ids=["b"]))
    assert sorted(reached(provider)) == [("b", "to b"), ("c", "to b"), ("c", "to nobody")]


async def test_s2_direct_is_addressed_by_visibility_too(h: House) -> None:
    """Semantics 2, bullet 9: a message for named channels only is addressed to them."""
    provider = await with_targets(h, a=DIRECT, b=DIRECT)
    only = pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["a"])
    await h.say("to a", visibility=only)
    assert reached(provider) == [("a", "to a")]


async def test_s2_direct_ai_is_asked_only_when_addressed(h: House) -> None:
    """Semantics 2, bullet 9: the mode holds for channels that answer, too."""
    provider = await h.provider("model")
    direct = pb.Capabilities(delivery_mode=DIRECT)
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model", capabilities=direct)
    await h.say("to nobody")
    await h.say("to the AI", addressed_to=pb.Addressing(channel_ids=["ai"]))
    assert [one.event.content.text.body for one in provider.asked] == ["to the AI"]


async def test_s2_round_robin_has_one_target_per_message(h: House) -> None:
    """Semantics 2, bullet 9: "ROUND_ROBIN (one target per message)", in turn."""
    provider = await with_targets(h, a=ROUND_ROBIN, b=ROUND_ROBIN, c=ROUND_ROBIN)
    texts = ["one", "two", "three", "four"]
    for text in texts:
        await h.say(text)
    turns = reached(provider)
    assert [text for _, text in turns] == texts
    assert [name for name, _ in turns][:3] in (["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"])
    assert turns[3][0] == turns[0][0]


async def test_s2_round_robin_does_not_hold_up_broadcast(h: House) -> None:
    """Semantics 2, bullet 9: besides the one whose turn it is, the others get every message."""
    provider = await with_targets(h, a=ROUND_ROBIN, b=ROUND_ROBIN, all=BROADCAST)
    await h.say("one")
    await h.say("two")
    names = sorted(name for name, _ in reached(provider))
    assert names == ["a", "all", "all", "b"]


async def test_s2_round_robin_turn_is_not_used_up_by_what_none_of_them_gets(h: House) -> None:
    """Semantics 2, bullet 9: "one target per message": of those that are meant for them."""
    provider = await with_targets(h, a=ROUND_ROBIN, b=ROUND_ROBIN, c=BROADCAST)
    private = pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["c"])
    for text in ("one", "two"):
        await h.say(text)
        await h.say("private", visibility=private)
    turns = [turn for turn in reached(provider) if turn[0] != "c"]
    assert turns == [("a", "one"), ("b", "two")]


# ------------------------------------------------------------------ long texts

SENTENCES = "The first one. The second one! Is it the third one? It is the last one."


async def deliver(h: House, text: str, max_length: int, **capabilities: Any) -> Provider:
    """Say a text to a target that takes parts of a length."""
    provider = await h.provider("gateway")
    able = pb.Capabilities(max_length=max_length, **{"supports_parts": True} | capabilities)
    await h.add("push", PUSH, by="gateway", capabilities=able)
    await h.say(text)
    return provider


async def test_s2_text_of_max_length_is_not_split(h: House) -> None:
    """Semantics 2, bullet 10: "Text longer than `max_length` …": only longer text is."""
    provider = await deliver(h, "x" * 20, 20)
    assert provider.texts == ["x" * 20]
    (row,) = await h.deliveries("push")
    assert row.result.parts == 1


async def test_s2_long_text_is_split_at_sentence_ends(h: House) -> None:
    """Semantics 2, bullet 10: "is split at sentence … ends"."""
    provider = await deliver(h, SENTENCES, 32)
    assert provider.texts == [
        "The first one. The second one!",
        "Is it the third one?",
        "It is the last one.",
    ]


async def test_s2_long_sentence_is_split_at_word_ends(h: House) -> None:
    """Semantics 2, bullet 10: "or word ends": no word is torn apart."""
    text = "one two three four five six seven eight nine ten"
    provider = await deliver(h, text, 14)
    assert " ".join(provider.texts) == text
    assert len(provider.texts) > 1
    assert all(len(part) <= 14 for part in provider.texts)


@pytest.mark.parametrize(("text", "edits"), [(SENTENCES, False), ("Short.", True)])
async def test_s2_parts_are_not_edited_as_if_they_were_one(
    h: House, text: str, edits: bool
) -> None:
    """Semantics 2, bullet 10: what was sent in parts is corrected in words: an edit would
    take the place of one part, and leave the others as they were.
    """
    provider = await deliver(h, text, 32, supports_edit=True)
    said = (await h.messages())[-1]
    new = pb.EditContent(target_event_id=said.event_id, new_content=text_content("All new."))
    await h.say(pb.Content(edit=new))
    got = provider.delivered[-1].event.content
    assert got == (pb.Content(edit=new) if edits else text_content("Correction: All new."))


async def test_s2_parts_are_numbered(h: House) -> None:
    """Semantics 2, bullet 10: "into parts, each numbered": the provider is told which of how
    many, under one delivery id.
    """
    provider = await deliver(h, SENTENCES, 32)
    assert [(one.part, one.parts) for one in provider.delivered] == [(1, 3), (2, 3), (3, 3)]
    assert len({one.delivery_id for one in provider.delivered}) == 1


async def test_s2_parts_are_numbered_in_the_delivery_result(h: House) -> None:
    """Semantics 2, bullet 10: "numbered in the delivery result": how many, and the
    provider's id of each in order.
    """
    await deliver(h, SENTENCES, 32)
    (row,) = await h.deliveries("push")
    assert row.result.state == pb.DELIVERY_STATE_SENT
    assert row.result.parts == 3
    assert list(row.result.part_message_ids) == ["m1", "m2", "m3"]


async def test_s2_retry_goes_on_with_the_part_that_failed(h: House) -> None:
    """Semantics 2, bullet 10: a part that was sent is not sent again."""
    provider = await h.provider("gateway")
    able = pb.Capabilities(max_length=32, supports_parts=True)
    policy = pb.RetryPolicy(base_delay=duration(0.001))
    binding = {"retry_policy": policy}
    await h.add("push", PUSH, by="gateway", capabilities=able, binding=binding)
    behave, failed = provider.worker.behave, []

    def fail_once(invocation: pb.Invocation) -> Any:
        if invocation.call.deliver.part == 2 and not failed:
            failed.append(invocation)
            return pb.Failure(status=pb.Status(code=14, message="busy"), retryable=True)
        return behave(invocation)

    provider.worker.behave = fail_once
    await h.say(SENTENCES)
    await until(lambda: len(provider.delivered) == 3)
    assert failed
    assert [one.part for one in provider.delivered] == [1, 2, 3]


async def test_s2_channel_without_parts_cuts_with_an_ellipsis(h: House) -> None:
    """Semantics 2, bullet 10: "channels that cannot take parts cut with an ellipsis"."""
    provider = await deliver(h, "one two three four", 10, supports_parts=False)
    (text,) = provider.texts
    assert text == "one two t…"
    (row,) = await h.deliveries("push")
    assert row.result.parts == 1


async def test_s2_timeline_keeps_the_whole_text(h: House) -> None:
    """Semantics 2, bullet 10: what is split or cut is what the target gets, not the event."""
    await deliver(h, SENTENCES, 10, supports_parts=False)
    assert [event.content.text.body for event in await h.messages()] == [SENTENCES]


async def test_s2_rich_text_that_is_too_long_is_split_as_text(h: House) -> None:
    """Semantics 2, bullet 10: the limit holds for whatever text the target gets."""
    both = [pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH]
    provider = await deliver(h, "short", 32, media_types=both)
    await h.say(pb.Content(rich=pb.RichContent(body=f"**{SENTENCES}**")))
    assert provider.texts[0] == "short"
    assert " ".join(provider.texts[1:]) == SENTENCES
    assert len(provider.texts) > 2
