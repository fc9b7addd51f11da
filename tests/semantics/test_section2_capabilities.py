"""Semantics 2, bullet 8: every declared capability is enforced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from rooms_kit import House, Provider, house, text_content

from roomd import v1 as pb
from roomd_server.core.capabilities import DEFAULTS
from roomd_server.core.times import duration

RICH = pb.Content(
    rich=pb.RichContent(
        body="**Hi**",
        buttons=[{"text": "Yes"}, {"text": "No"}, {"text": "Why?"}],
    )
)
CARDS = pb.Content(rich=pb.RichContent(body="See", cards=[{"title": "Red"}, {"title": "Blue"}]))
REPLIES = pb.Content(rich=pb.RichContent(body="So?", quick_replies=["Yes", "No"]))
MEDIA = pb.Content(
    media=pb.MediaContent(
        url="https://example.org/a.png", mime_type="image/png", size_bytes=1000, caption="A cat"
    )
)
AUDIO = pb.Content(
    audio=pb.AudioContent(
        url="https://example.org/a.ogg", duration=duration(10), transcript="Call me"
    )
)
VIDEO = pb.Content(video=pb.VideoContent(url="https://example.org/a.mp4", duration=duration(10)))
LOCATION = pb.Content(location=pb.LocationContent(latitude=48.1, longitude=11.6, label="Here"))
TEMPLATE = pb.Content(template=pb.TemplateContent(template_id="order", body="It is on its way"))

TEXT_ONLY = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT])
SHOWS_RICH = [pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH]
NATIVE = {
    pb.MEDIA_TYPE_RICH: CARDS,
    pb.MEDIA_TYPE_MEDIA: MEDIA,
    pb.MEDIA_TYPE_AUDIO: AUDIO,
    pb.MEDIA_TYPE_VIDEO: VIDEO,
    pb.MEDIA_TYPE_LOCATION: LOCATION,
    pb.MEDIA_TYPE_TEMPLATE: TEMPLATE,
}


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def target(h: House, capabilities: pb.Capabilities | None = None) -> Provider:
    """A room with live connections, and a target with these capabilities."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("push", pb.CHANNEL_TYPE_PUSH, by="gateway", capabilities=capabilities)
    return provider


async def shown(h: House, content: pb.Content, capabilities: pb.Capabilities) -> pb.Content:
    """The content as a target with these capabilities is given it."""
    provider = await target(h, capabilities)
    await h.say(content)
    (delivered,) = provider.delivered
    return delivered.event.content


async def show(h: House, event: pb.EphemeralEvent) -> None:
    """Publish something fleeting."""
    h.engine.desk.publish(await h.engine.directory.get("default", event.room_id), event)


# ------------------------------------------------------------------ each is tested

TESTED_HERE = {
    "media_types",
    "supports_edit",
    "supports_delete",
    "supports_reactions",
    "supports_typing",
    "supports_read_receipts",
    "supports_threading",
    "supports_buttons",
    "max_buttons",
    "supports_cards",
    "supports_quick_replies",
    "max_media_size_bytes",
    "supported_mime_types",
    "max_audio_duration",
    "max_video_duration",
    "supports_streaming",
}
TESTED_WITH_LENGTHS = {"max_length", "supports_parts", "delivery_mode"}
FOR_THE_APPLICATION = {"custom"}


def test_s2_every_declared_capability_has_a_test() -> None:
    """Semantics 2, bullet 8: "every declared one is enforced": a new one must join."""
    declared = {field.name for field in pb.Capabilities.DESCRIPTOR.fields}
    assert declared == TESTED_HERE | TESTED_WITH_LENGTHS | FOR_THE_APPLICATION


# ------------------------------------------------------------------ kinds of content


@pytest.mark.parametrize("kind", NATIVE, ids=pb.MediaType.Name)
async def test_s2_declared_media_type_is_delivered_as_it_is(h: House, kind: int) -> None:
    """Semantics 2, bullet 8: "media types"."""
    able = pb.Capabilities(media_types=[kind], supports_cards=True)
    assert await shown(h, NATIVE[kind], able) == NATIVE[kind]


@pytest.mark.parametrize("kind", NATIVE, ids=pb.MediaType.Name)
async def test_s2_undeclared_media_type_becomes_text(h: House, kind: int) -> None:
    """Semantics 2, bullet 8: "media types": whatever else the target can show."""
    others = [number for number in pb.MediaType.values() if number not in (0, kind)]
    content = await shown(h, NATIVE[kind], pb.Capabilities(media_types=others))
    assert content.WhichOneof("kind") == "text"
    assert content.text.body


async def test_s2_no_declared_media_type_means_text(h: House) -> None:
    """Semantics 2, bullet 8: "media types": empty is TEXT, never everything."""
    content = await shown(h, CARDS, pb.Capabilities(supports_cards=True))
    assert content == text_content("See\nRed\nBlue")


# ------------------------------------------------------------------ changes and fleeting things


@pytest.mark.parametrize(
    ("able", "wanted"), [(True, None), (False, text_content("Correction: better"))]
)
async def test_s2_edit_is_delivered_where_it_is_supported(
    h: House, able: bool, wanted: pb.Content | None
) -> None:
    """Semantics 2, bullet 8: "edit": elsewhere it is a correction in words."""
    provider = await target(h, pb.Capabilities(supports_edit=able))
    said = (await h.say("worse")).event
    edit = pb.EditContent(target_event_id=said.event_id, new_content=text_content("better"))
    await h.say(pb.Content(edit=edit))
    assert provider.delivered[1].event.content == (wanted or pb.Content(edit=edit))


@pytest.mark.parametrize(("able", "wanted"), [(True, None), (False, "[Message deleted]")])
async def test_s2_delete_is_delivered_where_it_is_supported(
    h: House, able: bool, wanted: str | None
) -> None:
    """Semantics 2, bullet 8: "delete": elsewhere it is said in words."""
    provider = await target(h, pb.Capabilities(supports_delete=able))
    said = (await h.say("oops")).event
    delete = pb.Content(delete=pb.DeleteContent(target_event_id=said.event_id))
    await h.say(delete)
    assert provider.delivered[1].event.content == (text_content(wanted) if wanted else delete)


class Fleeting(NamedTuple):
    """Something that a channel is shown only with a capability."""

    capability: str
    ephemeral: int
    event: int


FLEETING = [
    Fleeting("supports_reactions", pb.EPHEMERAL_TYPE_REACTION, pb.EVENT_TYPE_REACTION),
    Fleeting("supports_typing", pb.EPHEMERAL_TYPE_TYPING_START, pb.EVENT_TYPE_TYPING),
    Fleeting("supports_read_receipts", pb.EPHEMERAL_TYPE_READ_RECEIPT, pb.EVENT_TYPE_READ_RECEIPT),
]
by_fleeting = pytest.mark.parametrize("what", FLEETING, ids=lambda what: what.capability)


@by_fleeting
async def test_s2_fleeting_event_is_shown_where_it_is_supported(h: House, what: Fleeting) -> None:
    """Semantics 2, bullet 8: "reactions, typing, receipts", to live connections."""
    await h.room()
    others = {one.capability: True for one in FLEETING if one is not what}
    await h.add("able", capabilities=pb.Capabilities(**{what.capability: True}))
    await h.add("unable", capabilities=pb.Capabilities(**others))
    async with h.dial("able", ephemeral=True) as able, h.dial("unable", ephemeral=True) as unable:
        for kind in (what.ephemeral, pb.EPHEMERAL_TYPE_CUSTOM):
            event = pb.EphemeralEvent(room_id="r1", user_id="ada", type=kind)
            await show(h, event)
        got = await able.until(lambda batch: len(batch.ephemerals) == 2)
        assert [one.type for one in got.ephemerals] == [what.ephemeral, pb.EPHEMERAL_TYPE_CUSTOM]
        got = await unable.until(lambda batch: batch.ephemerals)
        assert [one.type for one in got.ephemerals] == [pb.EPHEMERAL_TYPE_CUSTOM]


@by_fleeting
async def test_s2_stored_event_of_the_kind_is_delivered_where_it_is_supported(
    h: House, what: Fleeting
) -> None:
    """Semantics 2, bullet 8: "reactions, typing, receipts": as words they would be a message
    that nobody wrote.
    """
    provider = await target(h, pb.Capabilities(**{what.capability: True}))
    others = {one.capability: True for one in FLEETING if one is not what}
    await h.add("plain", pb.CHANNEL_TYPE_PUSH, by="gateway", capabilities=pb.Capabilities(**others))
    await h.say("👍", event_type=what.event)
    assert [one.binding.channel_id for one in provider.delivered] == ["push"]


@pytest.mark.parametrize("able", [True, False])
async def test_s2_thread_is_shown_where_it_is_supported(h: House, able: bool) -> None:
    """Semantics 2, bullet 8: "threading": elsewhere a reply is a message like any other."""
    provider = await target(h, pb.Capabilities(supports_threading=able))
    root = (await h.say("root")).event.event_id
    await h.say("reply", parent_event_id=root)
    assert provider.texts == ["root", "reply"]
    assert provider.delivered[1].event.parent_event_id == (root if able else "")
    assert (await h.messages())[1].parent_event_id == root


@pytest.mark.parametrize("able", [True, False])
async def test_s2_answer_is_streamed_where_it_is_supported(h: House, able: bool) -> None:
    """Semantics 2, bullet 8: every declared one: stream deltas go to those who show them; the
    others get the whole answer.
    """
    await h.room()
    await h.add("ws", capabilities=pb.Capabilities(supports_streaming=able))
    script = pb.ChannelImplementation.Script(responses=["Yes, of course"], streaming=True)
    await h.add("ai", pb.CHANNEL_TYPE_AI, implementation=pb.ChannelImplementation(script=script))
    async with h.dial(ephemeral=True, room_ids=["r1"]) as line:
        await line.say("Well?")
        await line.until(lambda batch: batch.deliveries)
        await show(h, pb.EphemeralEvent(room_id="r1", type=pb.EPHEMERAL_TYPE_CUSTOM))
        custom = pb.EPHEMERAL_TYPE_CUSTOM
        got = await line.until(lambda batch: any(one.type == custom for one in batch.ephemerals))
        streamed = "".join(one.stream.text for one in got.ephemerals)
        assert streamed == ("Yes, of course" if able else "")
        assert [one.event.content.text.body for one in got.deliveries] == ["Yes, of course"]


# ------------------------------------------------------------------ rich text


async def test_s2_buttons_are_shown_where_they_are_supported(h: House) -> None:
    """Semantics 2, bullet 8: "buttons"."""
    able = pb.Capabilities(media_types=SHOWS_RICH, supports_buttons=True)
    assert await shown(h, RICH, able) == RICH


async def test_s2_buttons_become_text_where_they_are_not_supported(h: House) -> None:
    """Semantics 2, bullet 8: "buttons": declared is declared, rich text is not enough."""
    content = await shown(h, RICH, pb.Capabilities(media_types=SHOWS_RICH))
    assert not content.rich.buttons
    assert content.rich.body == "**Hi**\n1. Yes\n2. No\n3. Why?"


async def test_s2_buttons_beyond_max_buttons_become_text(h: House) -> None:
    """Semantics 2, bullet 8: "buttons with `max_buttons`"."""
    able = pb.Capabilities(media_types=SHOWS_RICH, supports_buttons=True, max_buttons=2)
    content = await shown(h, RICH, able)
    assert [button["text"] for button in content.rich.buttons] == ["Yes", "No"]
    assert content.rich.body == "**Hi**\n3. Why?"


@pytest.mark.parametrize(
    ("content", "capability", "field", "words"),
    [
        pytest.param(CARDS, "supports_cards", "cards", "See\nRed\nBlue", id="cards"),
        pytest.param(
            REPLIES,
            "supports_quick_replies",
            "quick_replies",
            "So?\n1. Yes\n2. No",
            id="quick_replies",
        ),
    ],
)
@pytest.mark.parametrize("able", [True, False])
async def test_s2_cards_and_quick_replies_are_shown_where_they_are_supported(
    h: House, content: pb.Content, capability: str, field: str, words: str, able: bool
) -> None:
    """Semantics 2, bullet 8: "cards, quick replies": elsewhere they become lines of text."""
    given: dict[str, Any] = {"media_types": SHOWS_RICH, capability: able}
    delivered = await shown(h, content, pb.Capabilities(**given))
    if able:
        assert delivered == content
    else:
        assert not getattr(delivered.rich, field)
        assert delivered.rich.body == words


# ------------------------------------------------------------------ media


@pytest.mark.parametrize(
    ("content", "limits", "within"),
    [
        pytest.param(MEDIA, {"max_media_size_bytes": 1000}, True, id="size"),
        pytest.param(MEDIA, {"max_media_size_bytes": 999}, False, id="too-large"),
        pytest.param(MEDIA, {"supported_mime_types": ["image/png"]}, True, id="type"),
        pytest.param(MEDIA, {"supported_mime_types": ["image/*"]}, True, id="family"),
        pytest.param(MEDIA, {"supported_mime_types": ["image/jpeg"]}, False, id="other-type"),
        pytest.param(AUDIO, {"supported_mime_types": ["audio/ogg"]}, True, id="audio-type"),
        pytest.param(AUDIO, {"supported_mime_types": ["audio/mp4"]}, False, id="other-audio"),
        pytest.param(VIDEO, {"supported_mime_types": ["video/webm"]}, False, id="other-video"),
        pytest.param(AUDIO, {"max_audio_duration": duration(10)}, True, id="audio-length"),
        pytest.param(AUDIO, {"max_audio_duration": duration(9)}, False, id="long-audio"),
        pytest.param(VIDEO, {"max_video_duration": duration(10)}, True, id="video-length"),
        pytest.param(VIDEO, {"max_video_duration": duration(9)}, False, id="long-video"),
    ],
)
async def test_s2_limits_on_media_are_enforced(
    h: House, content: pb.Content, limits: dict[str, Any], within: bool
) -> None:
    """Semantics 2, bullet 8: "media sizes and types": what is beyond them becomes text."""
    every = [pb.MEDIA_TYPE_MEDIA, pb.MEDIA_TYPE_AUDIO, pb.MEDIA_TYPE_VIDEO]
    delivered = await shown(h, content, pb.Capabilities(media_types=every, **limits))
    if within:
        assert delivered == content
    else:
        assert delivered.WhichOneof("kind") == "text"


# ------------------------------------------------------------------ the table per channel

TEXT, RICH_, MEDIA_ = pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH, pb.MEDIA_TYPE_MEDIA
AUDIO_, VIDEO_ = pb.MEDIA_TYPE_AUDIO, pb.MEDIA_TYPE_VIDEO
LOCATION_, TEMPLATE_ = pb.MEDIA_TYPE_LOCATION, pb.MEDIA_TYPE_TEMPLATE
LIVE = [TEXT, RICH_, MEDIA_, AUDIO_, VIDEO_, LOCATION_]


class Row(NamedTuple):
    """A row of the table: what a channel of a type can show."""

    type: str
    media_types: list[int]
    max_length: int = 0
    edit: bool = False
    delete: bool = False
    others: str = ""


TABLE = [
    Row("SMS", [TEXT, MEDIA_], 1600, others="read_receipts"),
    Row("RCS", [TEXT, RICH_, MEDIA_], 8000, others="typing buttons cards quick_replies"),
    Row("EMAIL", [TEXT, RICH_, MEDIA_], others="threading"),
    Row(
        "WHATSAPP",
        [TEXT, RICH_, MEDIA_, LOCATION_, TEMPLATE_],
        4096,
        edit=True,
        delete=True,
        others="buttons quick_replies reactions",
    ),
    Row("WHATSAPP_PERSONAL", LIVE, 4096, edit=True, delete=True, others="typing reactions"),
    Row(
        "MESSENGER",
        [TEXT, RICH_, MEDIA_, TEMPLATE_],
        2000,
        delete=True,
        others="buttons quick_replies",
    ),
    Row(
        "TELEGRAM",
        [TEXT, RICH_, MEDIA_, LOCATION_],
        4096,
        edit=True,
        delete=True,
        others="reactions",
    ),
    Row("TEAMS", [TEXT, RICH_], 28000, edit=True, delete=True, others="threading reactions"),
    Row("WEBHOOK", [TEXT, RICH_]),
    Row(
        "WEBSOCKET",
        LIVE,
        edit=True,
        delete=True,
        others="typing read_receipts reactions threading buttons cards quick_replies",
    ),
    Row("AI", [TEXT, RICH_]),
    Row("VOICE", [AUDIO_, TEXT]),
    Row("REALTIME_VOICE", [AUDIO_, TEXT]),
    Row("CLI", [TEXT]),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.type)
def test_s2_table_of_capabilities_per_channel(row: Row) -> None:
    """Semantics 2, bullet 8: "Table per channel: features page §2"."""
    known = DEFAULTS[pb.ChannelType.Value(f"CHANNEL_TYPE_{row.type}")]
    assert list(known.media_types) == row.media_types
    assert known.max_length == row.max_length
    assert (known.supports_edit, known.supports_delete) == (row.edit, row.delete)
    missing = [name for name in row.others.split() if not getattr(known, f"supports_{name}")]
    assert not missing


@pytest.mark.parametrize("kind", ["WHATSAPP", "MESSENGER"])
def test_s2_table_has_at_most_three_buttons(kind: str) -> None:
    """Semantics 2, bullet 8: features page §2: "buttons max 3"."""
    assert DEFAULTS[pb.ChannelType.Value(f"CHANNEL_TYPE_{kind}")].max_buttons == 3


def test_s2_table_has_the_media_types_of_a_linked_whatsapp() -> None:
    """Semantics 2, bullet 8: features page §2: "jpeg/png/webp, ogg/mp4 audio, mp4 video"."""
    assert list(DEFAULTS[pb.CHANNEL_TYPE_WHATSAPP_PERSONAL].supported_mime_types) == [
        "image/jpeg",
        "image/png",
        "image/webp",
        "audio/ogg",
        "audio/mp4",
        "video/mp4",
    ]


@pytest.mark.parametrize("kind", ["SMS", "EMAIL"])
async def test_s2_table_holds_where_a_channel_declares_nothing(h: House, kind: str) -> None:
    """Semantics 2, bullet 8: the type's row is enforced like what is declared."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    recipient = {"phone_number": "1", "email_address": "a@example.org"}
    number = pb.ChannelType.Value(f"CHANNEL_TYPE_{kind}")
    await h.add("it", number, by="gateway", binding={"metadata": recipient})
    await h.say(RICH)
    (delivered,) = provider.delivered
    assert delivered.event.content.WhichOneof("kind") == ("rich" if kind == "EMAIL" else "text")
