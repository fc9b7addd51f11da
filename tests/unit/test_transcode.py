"""Content made fit for a channel (semantics 3); the plain fallbacks are in test_core_rules."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core.capabilities import DEFAULTS
from roomd_server.core.transcode import fit, text_of, transcode

TEXT_ONLY = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT])
CLIENT = DEFAULTS[pb.CHANNEL_TYPE_WEBSOCKET]
WHATSAPP = DEFAULTS[pb.CHANNEL_TYPE_WHATSAPP]


def struct(**fields: object) -> Struct:
    made = Struct()
    made.update(fields)
    return made


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


def image(**fields: object) -> pb.Content:
    return pb.Content(media=pb.MediaContent(url="https://x/y.png", **fields))


def composite(*parts: pb.Content) -> pb.Content:
    return pb.Content(composite=pb.CompositeContent(parts=parts))


def edit(new: pb.Content) -> pb.Content:
    return pb.Content(edit=pb.EditContent(target_event_id="e", new_content=new))


def shown(content: pb.Content, target: pb.Capabilities = TEXT_ONLY) -> str:
    fitted = transcode(content, target)
    assert fitted is not None
    assert fitted.HasField("text"), fitted
    return fitted.text.body


def bodies(parts: list[pb.Content]) -> list[str]:
    return [part.text.body for part in parts]


def test_what_a_client_can_show_is_handed_on_uncopied() -> None:
    rich = pb.RichContent(body="b", buttons=[struct(text="x")], cards=[struct(title="t")])
    for content in (
        text("plain"),
        pb.Content(rich=rich),
        image(caption="c"),
        pb.Content(audio=pb.AudioContent(url="https://x")),
        pb.Content(video=pb.VideoContent(url="https://x")),
        pb.Content(location=pb.LocationContent(latitude=1)),
        composite(text("a"), image()),
        edit(text("new")),
        pb.Content(delete=pb.DeleteContent(target_event_id="e")),
    ):
        assert transcode(content, CLIENT) is content
        assert fit(content, CLIENT)[0] is content


# ------------------------------------------------------------------ controls


def test_a_card_is_a_line_and_its_buttons_are_choices() -> None:
    card = struct(title="Tea", subtitle="green", image_url="https://x/t.png")
    card.update({"buttons": [{"text": "Buy", "url": "https://x/buy"}, "Later"]})
    content = pb.Content(rich=pb.RichContent(plain_text="Pick", cards=[card]))
    assert shown(content) == (
        "Pick\nTea - green (https://x/t.png)\n1. Buy (https://x/buy)\n2. Later"
    )


def test_a_button_without_a_label_shows_what_it_has() -> None:
    buttons = [
        struct(payload="yes"),
        struct(url="https://x"),
        struct(text=5),
        struct(name="other"),
        struct(),
    ]
    content = pb.Content(rich=pb.RichContent(plain_text="?", buttons=buttons))
    assert shown(content) == "?\n1. yes\n2. https://x\n3. 5\n4. other\n5. ?"


def test_a_rich_target_without_cards_and_replies_gets_them_as_lines() -> None:
    rich = pb.RichContent(
        body="*Pick*", plain_text="Pick", cards=[struct(title="Tea")], quick_replies=["yes"]
    )
    rich.cards[0].update({"buttons": [{"text": "Buy"}]})
    target = pb.Capabilities(media_types=[pb.MEDIA_TYPE_RICH])
    (fitted,) = fit(pb.Content(rich=rich), target)
    assert fitted.rich.body == "*Pick*\nTea\n1. Buy\n2. yes"
    assert fitted.rich.plain_text == "Pick\nTea\n1. Buy\n2. yes"
    assert not fitted.rich.cards
    assert not fitted.rich.quick_replies
    assert rich.quick_replies == ["yes"], "what was handed in is not changed"


def test_lines_below_html_are_html() -> None:
    rich = pb.RichContent(
        body="<b>Pick</b>", format=pb.RichContent.FORMAT_HTML, quick_replies=["a < b", "<i>"]
    )
    (fitted,) = fit(pb.Content(rich=rich), pb.Capabilities(media_types=[pb.MEDIA_TYPE_RICH]))
    assert fitted.rich.body == "<b>Pick</b><br>\n1. a &lt; b<br>\n2. &lt;i&gt;"


def test_three_buttons_are_shown_and_the_fourth_is_text() -> None:
    rich = pb.RichContent(body="Pick", buttons=[struct(text=label) for label in "abcd"])
    (fitted,) = fit(pb.Content(rich=rich), WHATSAPP)
    assert [button["text"] for button in fitted.rich.buttons] == ["a", "b", "c"]
    assert fitted.rich.body == "Pick\n4. d"


# ------------------------------------------------------------------ limits on media


def test_media_types_match_by_family_and_without_parameters() -> None:
    target = pb.Capabilities(
        media_types=[pb.MEDIA_TYPE_MEDIA, pb.MEDIA_TYPE_AUDIO, pb.MEDIA_TYPE_VIDEO],
        supported_mime_types=["image/*", "Application/PDF", "audio/ogg"],
    )
    for good in ("image/png", "IMAGE/JPEG", "application/pdf; version=1", ""):
        content = image(mime_type=good)
        assert transcode(content, target) is content, good
    assert shown(image(mime_type="text/csv", filename="a.csv"), target) == "[Media: a.csv]"
    ogg = pb.Content(audio=pb.AudioContent(url="https://x"))
    assert transcode(ogg, target) is ogg, "no type means audio/ogg"
    assert shown(pb.Content(video=pb.VideoContent(url="https://x")), target) == "[Video: https://x]"


def test_a_clip_that_lasts_too_long_becomes_text() -> None:
    target = pb.Capabilities(
        media_types=[pb.MEDIA_TYPE_AUDIO, pb.MEDIA_TYPE_VIDEO],
        max_audio_duration=Duration(seconds=10),
        max_video_duration=Duration(seconds=10),
    )
    for seconds, native in ((10, True), (11, False)):
        length = Duration(seconds=seconds)
        audio = pb.Content(audio=pb.AudioContent(url="u", duration=length, transcript="words"))
        video = pb.Content(video=pb.VideoContent(url="https://x", duration=length))
        assert (transcode(audio, target) is audio) is native
        assert (transcode(video, target) is video) is native
    assert shown(audio, target) == "words"
    assert shown(video, target) == "[Video: https://x]"


def test_a_file_inside_its_url_is_named_by_its_type() -> None:
    url = "data:image/png;base64," + "A" * 100_000
    assert shown(pb.Content(media=pb.MediaContent(url=url))) == "[Media: image/png]"
    assert shown(pb.Content(video=pb.VideoContent(url="data:,x"))) == "[Video: data]"
    jpeg = pb.Capabilities(media_types=[pb.MEDIA_TYPE_MEDIA], supported_mime_types=["image/jpeg"])
    assert shown(pb.Content(media=pb.MediaContent(url=url)), jpeg) == "[Media: image/png]"


def test_a_place_keeps_its_precision() -> None:
    place = pb.LocationContent(latitude=48.85837, longitude=151.209301, address="Quai Branly")
    assert shown(pb.Content(location=place)) == "[Location: Quai Branly (48.85837, 151.209301)]"
    assert shown(pb.Content(location=pb.LocationContent())) == "[Location: (0, 0)]"


# ------------------------------------------------------------------ composites and edits


def test_parts_that_cannot_be_shown_become_text_beside_those_that_can() -> None:
    sees = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_MEDIA])
    place = pb.Content(location=pb.LocationContent(latitude=1, longitude=2, label="L"))
    picture = image(caption="c")
    mixed = transcode(composite(picture, place, text("")), sees)
    assert mixed == composite(picture, text("[Location: L (1, 2)]"))


def test_nested_texts_become_one() -> None:
    assert shown(composite(text("a"), composite(text("b"), image(caption="c")))) == (
        "a\nb\n[Media: c]"
    )
    assert transcode(composite(text(""), pb.Content()), TEXT_ONLY) is None


def test_an_edit_is_a_correction_where_it_cannot_be_shown() -> None:
    assert shown(edit(text("new"))) == "Correction: new"
    assert shown(edit(text(""))) == "[Correction]"
    sees = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_MEDIA])
    assert transcode(edit(image()), sees) == composite(text("Correction:"), image())


def test_an_edit_in_place_carries_what_the_target_shows() -> None:
    target = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT], supports_edit=True)
    assert transcode(edit(image(caption="c")), target) == edit(text("[Media: c]"))
    assert transcode(edit(text("")), target) is None


# ------------------------------------------------------------------ length

SHORT = pb.Capabilities(
    media_types=[pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH, pb.MEDIA_TYPE_MEDIA],
    max_length=10,
    supports_parts=True,
    supports_edit=True,
)
CUTTING = pb.Capabilities(
    media_types=SHORT.media_types, max_length=10, supports_edit=True
)  # fmt: skip


def test_text_is_split_and_keeps_its_language() -> None:
    content = pb.Content(text=pb.TextContent(body="one two three", language="en"))
    parts = fit(content, SHORT)
    assert bodies(parts) == ["one two", "three"]
    assert {part.text.language for part in parts} == {"en"}


def test_text_is_cut_where_there_may_be_no_parts() -> None:
    assert bodies(fit(text("one two three"), CUTTING)) == ["one two t…"]


def test_rich_text_that_is_too_long_is_split_as_plain_text() -> None:
    rich = pb.RichContent(body="**one** two three", quick_replies=["yes"])
    assert bodies(fit(pb.Content(rich=rich), SHORT)) == ["one two", "three", "1. yes"]
    fits = pb.Content(rich=pb.RichContent(body="**one**"))
    assert fit(fits, SHORT) == [fits]


def test_a_long_caption_follows_its_picture() -> None:
    parts = fit(image(caption="one two three"), SHORT)
    assert parts == [image(), text("one two"), text("three")]
    assert fit(image(caption="one two three"), CUTTING) == [image(caption="one two t…")]


def test_a_composite_with_long_text_is_sent_in_parts() -> None:
    content = composite(image(), text("one two three"), image(caption="c"))
    assert fit(content, SHORT) == [image(), text("one two"), text("three"), image(caption="c")]
    assert fit(content, CUTTING) == [composite(image(), text("one two t…"), image(caption="c"))]


def test_an_edit_that_needs_several_messages_is_a_correction() -> None:
    assert fit(edit(text("short")), SHORT) == [edit(text("short"))]
    assert bodies(fit(edit(text("one two three")), SHORT)) == [
        "Correction:"[:10],
        ": one two",
        "three",
    ]
    assert fit(edit(text("one two three")), CUTTING) == [edit(text("one two t…"))]


def test_no_limit_means_no_limit() -> None:
    long = text("word " * 50_000)
    assert fit(long, TEXT_ONLY)[0] is long
    assert fit(long, pb.Capabilities(max_length=-1))[0] is long


def test_the_words_of_every_kind() -> None:
    assert text_of(composite(text("a"), edit(text("b")), image(caption="c"))) == "a\nb\n[Media: c]"
    assert text_of(pb.Content(system=pb.SystemContent(code="joined"))) == "[joined]"


def test_every_kind_has_its_words() -> None:
    for field in pb.Content.DESCRIPTOR.fields:
        content = pb.Content()
        getattr(content, field.name).SetInParent()
        assert isinstance(text_of(content), str)
        assert isinstance(fit(content, TEXT_ONLY), list)
