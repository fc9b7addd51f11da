"""Semantics 3: what a target gets that cannot show a kind of content, as it reaches its worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.struct_pb2 import Struct
from pipeline_kit import House, Room, content, room_in, sent, served

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


def struct(**fields: object) -> Struct:
    made = Struct()
    made.update(fields)
    return made


def rich(body: str = "", **fields: Any) -> pb.Content:
    return pb.Content(rich=pb.RichContent(body=body, **fields))


def media(**fields: Any) -> pb.Content:
    return pb.Content(media=pb.MediaContent(url="https://x/y", **fields))


def audio(**fields: Any) -> pb.Content:
    return pb.Content(audio=pb.AudioContent(url="https://x/y", **fields))


def composite(*parts: pb.Content) -> pb.Content:
    return pb.Content(composite=pb.CompositeContent(parts=parts))


def shows(*kinds: str, **fields: Any) -> pb.Capabilities:
    """Capabilities of a target that shows text and these kinds."""
    types = [pb.MediaType.Value(f"MEDIA_TYPE_{kind}") for kind in ("TEXT", *kinds)]
    return pb.Capabilities(media_types=types, **fields)


async def delivered(
    room: Room, said: pb.Content, capabilities: pb.Capabilities | None = None
) -> pb.Content:
    """What reaches a channel, by default one that shows text only."""
    phone = await room.phone(capabilities=capabilities or shows())
    answer = await room.say(said, wait=pb.WAIT_DELIVERED)
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    (delivery,) = phone.got
    return delivery.event.content


async def shown(room: Room, said: pb.Content) -> str:
    """The text that reaches a channel which shows nothing else."""
    got = await delivered(room, said)
    assert got.WhichOneof("kind") == "text"
    return got.text.body


# ------------------------------------------------------------------ rich


async def test_s3_rich_falls_back_to_its_plain_text(room: Room) -> None:
    """rich → `plain_text`."""
    assert await shown(room, rich("**Hi** there", plain_text="Hi you")) == "Hi you"


async def test_s3_rich_without_plain_text_falls_back_to_its_markdown_stripped(room: Room) -> None:
    """rich → the body with markup stripped."""
    said = rich("# Title\n**Hi** _there_, see [this](https://a.b)")
    assert await shown(room, said) == "Title\nHi there, see this (https://a.b)"


async def test_s3_rich_without_plain_text_falls_back_to_its_html_stripped(room: Room) -> None:
    """rich → the body with markup stripped, be it HTML."""
    said = rich("<p>Hi <b>you</b> &amp; me</p>", format=pb.RichContent.FORMAT_HTML)
    assert await shown(room, said) == "Hi you & me"


async def test_s3_buttons_fall_back_to_a_numbered_list(room: Room) -> None:
    """buttons … as a numbered list."""
    said = rich("Which?", buttons=[struct(text="first"), struct(text="second", payload="2")])
    assert await shown(room, said) == "Which?\n1. first\n2. second"


async def test_s3_quick_replies_fall_back_to_a_numbered_list(room: Room) -> None:
    """… and quick replies as a numbered list."""
    assert await shown(room, rich("Well?", quick_replies=["yes", "no"])) == "Well?\n1. yes\n2. no"


async def test_s3_quick_replies_are_counted_on_from_the_buttons(room: Room) -> None:
    """buttons and quick replies: one list, no number twice."""
    said = rich("Which?", buttons=[struct(text="a")], quick_replies=["b"])
    assert await shown(room, said) == "Which?\n1. a\n2. b"


# ------------------------------------------------------------------ files and places


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"caption": "Sunset", "filename": "a.png"}, "[Media: Sunset]"),
        ({"filename": "a.png"}, "[Media: a.png]"),
        ({}, "[Media: https://x/y]"),
    ],
    ids=["caption", "filename", "url"],
)
async def test_s3_media_falls_back_to_caption_then_filename_then_url(
    room: Room, fields: dict[str, str], words: str
) -> None:
    """media → `[Media: caption|filename|url]`."""
    assert await shown(room, media(**fields)) == words


async def test_s3_audio_falls_back_to_its_transcript(room: Room) -> None:
    """audio → transcript."""
    assert await shown(room, audio(transcript="what was said")) == "what was said"


async def test_s3_audio_without_transcript_falls_back_to_its_url(room: Room) -> None:
    """audio → … or `[Voice message: url]`."""
    assert await shown(room, audio()) == "[Voice message: https://x/y]"


async def test_s3_video_falls_back_to_its_url(room: Room) -> None:
    """video → `[Video: url]`."""
    said = pb.Content(video=pb.VideoContent(url="https://x/y"))
    assert await shown(room, said) == "[Video: https://x/y]"


async def test_s3_a_location_falls_back_to_label_and_degrees(room: Room) -> None:
    """location → `[Location: label (lat, lon)]`."""
    place = pb.LocationContent(latitude=48.85, longitude=-2.35, label="Here")
    assert await shown(room, pb.Content(location=place)) == "[Location: Here (48.85, -2.35)]"


async def test_s3_a_template_falls_back_to_its_body(room: Room) -> None:
    """template → body."""
    said = pb.Content(template=pb.TemplateContent(template_id="welcome", body="Dear Ann"))
    assert await shown(room, said) == "Dear Ann"


async def test_s3_a_template_without_body_falls_back_to_its_id(room: Room) -> None:
    """template → … or `[Template: id]`."""
    said = pb.Content(template=pb.TemplateContent(template_id="welcome"))
    assert await shown(room, said) == "[Template: welcome]"


# ------------------------------------------------------------------ composites


async def test_s3_a_composite_of_texts_is_one_text_joined_by_newlines(room: Room) -> None:
    """composite → … all-text parts joined by newline."""
    assert await shown(room, composite(content("a"), content("b"))) == "a\nb"


async def test_s3_a_composite_whose_parts_all_become_text_is_joined_too(room: Room) -> None:
    """composite → part by part: what became text by its own fallback counts as text."""
    assert await shown(room, composite(content("Look"), media(caption="S"))) == "Look\n[Media: S]"


async def test_s3_a_composite_falls_back_part_by_part(room: Room) -> None:
    """composite → part by part: what the target shows stays as it is."""
    place = pb.Content(location=pb.LocationContent(latitude=1, longitude=2, label="L"))
    got = await delivered(room, composite(media(), place), shows("MEDIA"))
    assert got == composite(media(), content("[Location: L (1, 2)]"))


async def test_s3_composites_inside_composites_fall_back_too(room: Room) -> None:
    """composite → part by part, on every level."""
    inner = composite(rich("**b**"), audio(transcript="c"))
    assert await shown(room, composite(content("a"), inner)) == "a\nb\nc"


# ------------------------------------------------------------------ edits and deletes


async def correction(room: Room, new: pb.Content, capabilities: pb.Capabilities) -> pb.Content:
    """What reaches a channel of an edit."""
    target = (await room.say("old")).event.event_id
    edit = pb.EditContent(target_event_id=target, new_content=new)
    return await delivered(room, pb.Content(edit=edit), capabilities)


async def test_s3_an_edit_falls_back_to_a_correction(room: Room) -> None:
    """edit → `Correction: ` + new content."""
    got = await correction(room, content("new"), shows())
    assert got == content("Correction: new")


async def test_s3_the_new_content_of_an_edit_falls_back_itself(room: Room) -> None:
    """edit → `Correction: ` + new content, in words when there is nothing else."""
    got = await correction(room, media(caption="S"), shows())
    assert got == content("Correction: [Media: S]")


async def test_s3_an_edit_reaches_a_channel_that_can_edit(room: Room) -> None:
    """Only a target that lacks a kind gets its fallback."""
    got = await correction(room, content("new"), shows(supports_edit=True))
    assert got.edit.new_content == content("new")


async def withdrawal(room: Room, capabilities: pb.Capabilities) -> pb.Content:
    """What reaches a channel of a withdrawal."""
    target = (await room.say("old")).event.event_id
    delete = pb.Content(delete=pb.DeleteContent(target_event_id=target))
    return await delivered(room, delete, capabilities)


async def test_s3_a_delete_falls_back_to_a_notice(room: Room) -> None:
    """delete → `[Message deleted]`."""
    assert await withdrawal(room, shows()) == content("[Message deleted]")


async def test_s3_a_delete_reaches_a_channel_that_can_delete(room: Room) -> None:
    """Only a target that lacks a kind gets its fallback."""
    got = await withdrawal(room, shows(supports_delete=True))
    assert got.WhichOneof("kind") == "delete"


# ------------------------------------------------------------------ as it is


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (rich("**b**"), "RICH"),
        (media(caption="c"), "MEDIA"),
        (audio(transcript="t"), "AUDIO"),
        (pb.Content(video=pb.VideoContent(url="https://x/y")), "VIDEO"),
        (pb.Content(location=pb.LocationContent(latitude=1, label="L")), "LOCATION"),
        (pb.Content(template=pb.TemplateContent(template_id="t")), "TEMPLATE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_s3_a_target_that_shows_a_kind_gets_it_as_it_is(
    room: Room, said: pb.Content, kind: str
) -> None:
    """Fallbacks when the target lacks a kind: only then."""
    assert await delivered(room, said, shows(kind)) == said


# ------------------------------------------------------------------ nothing left


async def test_s3_a_target_that_can_show_nothing_fails_transcoding_failed(room: Room) -> None:
    """Nothing left → that target fails `transcoding_failed`; its worker is not bothered."""
    phone = await room.phone()
    answer = await room.say("", wait=pb.WAIT_DELIVERED)
    result = (await room.rows(answer.event.event_id))["phone"]
    assert result.state == pb.DELIVERY_STATE_FAILED
    assert result.error_code == "transcoding_failed"
    assert phone.got == []


async def test_s3_the_other_targets_go_on_when_one_can_show_nothing(room: Room) -> None:
    """Nothing left → … the others go on."""
    phone = await room.phone()
    other = await room.phone("other", capabilities=shows("RICH"))
    answer = await room.say(rich(""), wait=pb.WAIT_DELIVERED)
    rows = await room.rows(answer.event.event_id)
    states = {name: (row.state, row.error_code) for name, row in rows.items()}
    assert states == {
        "phone": (pb.DELIVERY_STATE_FAILED, "transcoding_failed"),
        "other": (pb.DELIVERY_STATE_SENT, ""),
    }
    assert (len(phone.got), len(other.got)) == (0, 1)


# ------------------------------------------------------------------ a worker's transcoder


def transcoder(make: Callable[[pb.Transcode], Any]) -> Callable[[pb.Invocation], Any]:
    """A channel provider that transcodes, too."""

    def behave(invocation: pb.Invocation) -> Any:
        call = invocation.call
        return make(call.transcode) if call.HasField("transcode") else sent()

    return behave


def transcoded(body: str | None) -> pb.HandlerResult:
    if body is None:
        return pb.HandlerResult(transcoded=pb.Transcoded())
    return pb.HandlerResult(transcoded=pb.Transcoded(content=content(body)))


async def test_s3_a_worker_may_replace_the_transcoder_of_a_channel(room: Room) -> None:
    """A worker may replace the transcoder of a channel: of that one, not of others."""
    behave = transcoder(lambda asked: transcoded(f"<{asked.content.media.caption}>"))
    mine = await room.phone("mine", behave, provider={"transcodes": True})
    other = await room.phone("other")
    await room.say(media(caption="S"), wait=pb.WAIT_DELIVERED)
    assert (mine.texts, other.texts) == (["<S>"], ["[Media: S]"])


async def test_s3_a_workers_transcoder_is_told_where_it_comes_from_and_goes(room: Room) -> None:
    """Like RoomKit's: content, source binding, target binding."""
    asked: list[pb.Transcode] = []

    def make(call: pb.Transcode) -> pb.HandlerResult:
        asked.append(call)
        return transcoded("x")

    await room.phone(answer=transcoder(make), provider={"transcodes": True})
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    (call,) = asked
    assert call.source_binding.channel_id == room.id("ws")
    assert call.target_binding.channel_id == room.id("phone")


async def test_s3_what_a_workers_transcoder_cannot_show_fails(room: Room) -> None:
    """Nothing left → `transcoding_failed`, also when a worker says so."""
    behave = transcoder(lambda _: transcoded(None))
    phone = await room.phone(answer=behave, provider={"transcodes": True})
    answer = await room.say("hello", wait=pb.WAIT_DELIVERED)
    assert (await room.rows(answer.event.event_id))["phone"].error_code == "transcoding_failed"
    assert phone.got == []


async def test_s3_the_built_in_transcoder_serves_when_the_workers_fails(room: Room) -> None:
    """Text is never lost by a broken worker."""
    broken = pb.Failure(status=pb.Status(message="broken"))
    phone = await room.phone(answer=transcoder(lambda _: broken), provider={"transcodes": True})
    await room.say(media(caption="S"), wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["[Media: S]"]


async def test_s3_what_a_workers_transcoder_makes_keeps_the_channels_limits(room: Room) -> None:
    """The channel's capabilities hold for a worker's words, too."""
    behave = transcoder(lambda _: transcoded("one two three"))
    limits = shows(max_length=8, supports_parts=True)
    phone = await room.phone(answer=behave, provider={"transcodes": True}, capabilities=limits)
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["one two", "three"]
