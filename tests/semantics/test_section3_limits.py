"""Semantics 3: which kinds of content there are, and what is refused before it is stored."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from hook_kit import DECIDE, modify
from pipeline_kit import House, Room, answers, room_in, served

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


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


def composite(*parts: pb.Content) -> pb.Content:
    return pb.Content(composite=pb.CompositeContent(parts=parts))


def nested(levels: int) -> pb.Content:
    """A text inside so many composites."""
    inner = text("deep")
    for _ in range(levels):
        inner = composite(inner)
    return inner


def media(kind: str, url: str = "https://x/y", **fields: Any) -> pb.Content:
    """A picture, sound or film."""
    content = pb.Content()
    getattr(content, kind).MergeFrom(type(getattr(content, kind))(url=url, **fields))
    return content


def place(latitude: float, longitude: float) -> pb.Content:
    return pb.Content(location=pb.LocationContent(latitude=latitude, longitude=longitude))


async def refused(room: Room, content: pb.Content) -> list[str]:
    """The fields that a message with this content is refused for; nothing may be stored."""
    failure = await room.house.fails(
        "SendEvent", room_id=room.room_id, channel_id=room.id("ws"), content=content
    )
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert await room.events() == []
    return [violation.field for violation in failure.details["BadRequest"].field_violations]


async def taken(room: Room, content: pb.Content) -> None:
    """Send the content; it must be stored as it was sent."""
    answer = await room.say(content)
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    stored = await room.call("GetEvent", event_id=answer.event.event_id)
    assert stored.event.content == content


# ------------------------------------------------------------------ kinds

KINDS = {
    "text": text("words"),
    "rich": pb.Content(rich=pb.RichContent(body="**words**", quick_replies=["yes"])),
    "media": media("media", caption="c", mime_type="image/png"),
    "audio": media("audio", transcript="t"),
    "video": media("video", thumbnail_url="https://x/still.png"),
    "location": place(48.1, 11.5),
    "template": pb.Content(template=pb.TemplateContent(template_id="t", body="b")),
    "composite": composite(text("a"), media("media")),
    "system": pb.Content(system=pb.SystemContent(body="notice", code="c")),
    "edit": pb.Content(edit=pb.EditContent(new_content=text("new"))),
    "delete": pb.Content(delete=pb.DeleteContent(reason="typo")),
    "tool_call": pb.Content(tool_call=pb.ToolCallContent(tool_name="lookup", status="completed")),
}


async def test_s3_there_are_twelve_kinds() -> None:
    """Twelve kinds: text, rich, media, audio, video, location, template, composite, …"""
    assert {field.name for field in pb.Content.DESCRIPTOR.fields} == set(KINDS)
    assert len(KINDS) == 12


@pytest.mark.parametrize("kind", KINDS)
async def test_s3_a_message_of_each_kind_is_stored_as_it_was_sent(room: Room, kind: str) -> None:
    """Each of the twelve kinds goes in and comes out."""
    content = pb.Content()
    content.CopyFrom(KINDS[kind])
    if kind in ("edit", "delete"):
        target = (await room.say("old")).event.event_id
        getattr(content, kind).target_event_id = target
    await taken(room, content)


async def test_s3_content_without_a_kind_is_refused(room: Room) -> None:
    """One of the twelve; none is not one of them."""
    assert await refused(room, pb.Content()) == ["content.kind"]


# ------------------------------------------------------------------ composites


async def test_s3_a_composite_has_at_most_32_parts(room: Room) -> None:
    """composite (≤32 parts)."""
    assert await refused(room, composite(*[text("x")] * 33)) == ["content.composite.parts"]
    await taken(room, composite(*[text("x")] * 32))


async def test_s3_a_composite_has_at_least_one_part(room: Room) -> None:
    """A composite of nothing says nothing."""
    assert await refused(room, composite()) == ["content.composite.parts"]


async def test_s3_an_inner_composite_has_at_most_32_parts(room: Room) -> None:
    """≤32 parts holds on every level."""
    (field,) = await refused(room, composite(text("x"), composite(*[text("x")] * 33)))
    assert field == "content.composite.parts[1].composite.parts"


async def test_s3_composites_nest_at_most_five_levels(room: Room) -> None:
    """composite (depth ≤5)."""
    assert await refused(room, nested(6))
    await taken(room, nested(5))


async def test_s3_an_edit_around_a_composite_makes_it_no_deeper(room: Room) -> None:
    """depth ≤5 is not circumvented by an edit."""
    target = (await room.say("old")).event.event_id
    deep = pb.Content(edit=pb.EditContent(target_event_id=target, new_content=nested(6)))
    failure = await room.house.fails(
        "SendEvent", room_id=room.room_id, channel_id=room.id("ws"), content=deep
    )
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT


# ------------------------------------------------------------------ URLs


@pytest.mark.parametrize("kind", ["media", "audio", "video"])
async def test_s3_urls_are_http_https_data_or_blob(room: Room, kind: str) -> None:
    """URLs are http, https, data or `blob:` (our media store)."""
    for url in ("http://x/y", "https://x/y", "data:image/png;base64,AA==", "blob:abc"):
        await taken(room, media(kind, url))


@pytest.mark.parametrize("kind", ["media", "audio", "video"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/y",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//x/y",
        "x.png",
        "https:x",
        " https://x/y",
        "https://",
    ],
)
async def test_s3_no_other_url_is_taken(room: Room, kind: str, url: str) -> None:
    """URLs are http, https, data or `blob:`."""
    assert await refused(room, media(kind, url)) == [f"content.{kind}.url"]


async def test_s3_a_thumbnail_has_such_a_url_too(room: Room) -> None:
    """URLs are http, https, data or `blob:`: all of them."""
    film = media("video", thumbnail_url="javascript:alert(1)")
    assert await refused(room, film) == ["content.video.thumbnail_url"]
    await taken(room, media("video", thumbnail_url="blob:still"))


async def test_s3_the_url_of_an_inner_part_is_checked(room: Room) -> None:
    """A composite is no way around it."""
    (field,) = await refused(room, composite(text("look"), media("media", "file:///x")))
    assert field == "content.composite.parts[1].media.url"


# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize(("latitude", "longitude"), [(90, 180), (-90, -180), (0, 0)])
async def test_s3_a_place_on_earth_is_taken(room: Room, latitude: float, longitude: float) -> None:
    """Latitude/longitude are checked: their ends belong to them."""
    await taken(room, place(latitude, longitude))


@pytest.mark.parametrize("wrong", [90.001, -90.001, math.nan, math.inf, -math.inf])
async def test_s3_a_latitude_beyond_the_poles_is_refused(room: Room, wrong: float) -> None:
    """Latitude is checked."""
    assert "content.location.latitude" in await refused(room, place(wrong, 0))


@pytest.mark.parametrize("wrong", [180.001, -180.001, math.nan, math.inf, -math.inf])
async def test_s3_a_longitude_beyond_the_circle_is_refused(room: Room, wrong: float) -> None:
    """Longitude is checked."""
    assert "content.location.longitude" in await refused(room, place(0, wrong))


async def test_s3_the_size_of_a_file_is_no_negative_number(room: Room) -> None:
    """Sizes are checked."""
    assert await refused(room, media("media", size_bytes=-1)) == ["content.media.size_bytes"]
    await taken(room, media("media", size_bytes=0))


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_s3_the_length_of_a_clip_is_no_negative_time(room: Room, kind: str) -> None:
    """Sizes are checked: the length of sound and film, too."""
    wrong = media(kind, duration=Duration(seconds=-1))
    assert await refused(room, wrong) == [f"content.{kind}.duration"]
    await taken(room, media(kind, duration=Duration(seconds=1)))


async def test_s3_the_size_of_a_text_is_limited(room: Room) -> None:
    """Sizes are checked: a text has at most 200,000 characters."""
    assert await refused(room, text("x" * 200_001)) == ["content.text.body"]
    await taken(room, text("x" * 200_000))


# ------------------------------------------------------------------ whoever says it


async def test_s3_the_limits_hold_for_messages_from_outside(house: House, room: Room) -> None:
    """The same rules for ProcessInbound."""
    message = room.message(composite(*[text("x")] * 33))
    failure = await house.fails("ProcessInbound", message=message, room_id=room.room_id)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert await room.events() == []


async def test_s3_the_limits_hold_for_what_a_hook_makes_of_a_message(room: Room) -> None:
    """A hook's answer that breaks them does not count; the message stays as it was."""
    change = modify("")
    change.modify.payload.event.content.CopyFrom(composite(*[text("x")] * 33))
    await room.hook("breaker", lambda _: change, DECIDE)
    answer = await room.say("as it was")
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    assert answer.event.content == text("as it was")
    assert [trace.decision for trace in answer.event.hook_trace] == ["error"]


async def test_s3_the_limits_hold_for_what_an_ai_answers(room: Room) -> None:
    """An answer that breaks them is a failed delivery, and nothing of it is stored."""
    await room.model(answer=lambda _: answers(media("media", "file:///etc/passwd")))
    answer = await room.say(wait=pb.WAIT_DELIVERED)
    assert await room.texts() == ["hello"]
    (result,) = (await room.rows(answer.event.event_id)).values()
    assert (result.state, result.error_code) == (pb.DELIVERY_STATE_FAILED, "invalid_answer")
