"""Making content fit a channel. Never raises, never loses text.

Two functions do it: ``transcode`` turns kinds that the channel does not show into those that
it does, ``fit`` also keeps its longest text. Where text is cut is in ``splitting``, what
markup means in ``markup``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape

from google.protobuf.struct_pb2 import Struct, Value

from roomd import v1 as pb
from roomd_server.core.markup import strip_markup
from roomd_server.core.splitting import shorten, split_text
from roomd_server.core.times import seconds_of

__all__ = ["fit", "split_text", "strip_markup", "text_of", "transcode"]

Fallback = Callable[[pb.Content], str]


def transcode(content: pb.Content, target: pb.Capabilities) -> pb.Content | None:
    """The content as the target can show it; the same object when it can as it is.

    Returns:
        None when nothing is left that the target could show.
    """
    kind = content.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "text":
        return content if content.text.body else None
    if kind == "composite":
        return _composite(content, target)
    if kind == "edit":
        return _edit(content, target)
    if kind == "delete" and target.supports_delete:
        return content
    if kind == "rich" and pb.MEDIA_TYPE_RICH in target.media_types:
        rich = _rich(content, target)
        return _text(_rich_text(content)) if _is_too_long(rich, target) else rich
    if kind in _NATIVE and _NATIVE[kind] in target.media_types and _within(content, target):
        return content
    return _text(_FALLBACKS[kind](content))


def fit(content: pb.Content, target: pb.Capabilities) -> list[pb.Content]:
    """Transcode, then keep ``max_length``: text that is longer becomes several parts, to be
    sent one after another, or is cut when the target takes no parts.

    Returns:
        The same parts every time; [] when nothing is left that the target could show.
    """
    fitted = transcode(content, target)
    if fitted is None:
        return []
    return _pieces(fitted, target) if _is_too_long(fitted, target) else [fitted]


def text_of(content: pb.Content) -> str:
    """All words that a reader of the content would see."""
    kind = content.WhichOneof("kind")
    return _FALLBACKS[kind](content) if kind is not None else ""


# ------------------------------------------------------------------ length


def _is_too_long(content: pb.Content, target: pb.Capabilities) -> bool:
    limit = target.max_length
    if limit <= 0:
        return False
    if content.HasField("text"):
        return len(content.text.body) > limit
    if content.HasField("rich"):
        return len(content.rich.body) > limit
    if content.HasField("media"):
        return len(content.media.caption) > limit
    if content.HasField("edit"):
        return _is_too_long(content.edit.new_content, target)
    return any(_is_too_long(part, target) for part in content.composite.parts)


def _pieces(content: pb.Content, target: pb.Capabilities) -> list[pb.Content]:
    """What is sent instead of something too long; one piece when there may be no parts."""
    if not _is_too_long(content, target):
        return [content]
    if content.HasField("composite"):
        pieces = [piece for part in content.composite.parts for piece in _pieces(part, target)]
        if target.supports_parts:
            return pieces
        return [pb.Content(composite=pb.CompositeContent(parts=pieces))]
    if content.HasField("edit"):
        return _edit_pieces(content, target)
    if content.HasField("media"):
        return _media_pieces(content, target)
    words, limit = content.text, target.max_length
    bodies = [shorten(words.body, limit)]
    if target.supports_parts:
        bodies = split_text(words.body, limit)
    return [pb.Content(text=pb.TextContent(body=body, language=words.language)) for body in bodies]


def _edit_pieces(content: pb.Content, target: pb.Capabilities) -> list[pb.Content]:
    """An edit replaces one message, so one that needs several becomes a correction."""
    new = content.edit.new_content
    pieces = _pieces(new, target)
    if len(pieces) == 1:
        return [_with_new(content, pieces[0])]
    corrected = _correction(new)
    return _pieces(corrected, target) if corrected is not None else []


def _media_pieces(content: pb.Content, target: pb.Capabilities) -> list[pb.Content]:
    """A file and then the words that went with it."""
    caption = content.media.caption
    copy = pb.Content()
    copy.CopyFrom(content)
    if not target.supports_parts:
        copy.media.caption = shorten(caption, target.max_length)
        return [copy]
    copy.media.caption = ""
    return [copy, *_pieces(pb.Content(text=pb.TextContent(body=caption)), target)]


# ------------------------------------------------------------------ kinds


def _composite(content: pb.Content, target: pb.Capabilities) -> pb.Content | None:
    parts = [transcode(part, target) for part in content.composite.parts]
    kept = [part for part in parts if part is not None]
    if not kept:
        return None
    if all(part.HasField("text") for part in kept):
        return _text("\n".join(part.text.body for part in kept))
    if len(kept) == len(parts) and all(
        new is old for new, old in zip(kept, content.composite.parts, strict=True)
    ):
        return content
    return pb.Content(composite=pb.CompositeContent(parts=kept))


def _edit(content: pb.Content, target: pb.Capabilities) -> pb.Content | None:
    new = content.edit.new_content
    fitted = transcode(new, target)
    if not target.supports_edit:
        return _correction(fitted)
    if fitted is None or fitted is new:
        return content if fitted is not None else None
    return _with_new(content, fitted)


def _correction(new: pb.Content | None) -> pb.Content | None:
    if new is None:
        return _text("[Correction]")
    if new.HasField("text"):
        return _text(f"Correction: {new.text.body}")
    label = pb.Content(text=pb.TextContent(body="Correction:"))
    return pb.Content(composite=pb.CompositeContent(parts=[label, new]))


def _with_new(content: pb.Content, new: pb.Content) -> pb.Content:
    copy = pb.Content()
    copy.CopyFrom(content)
    copy.edit.new_content.CopyFrom(new)
    return copy


def _rich(content: pb.Content, target: pb.Capabilities) -> pb.Content:
    """Keep what the target can show; what it cannot becomes lines below the text."""
    rich = content.rich
    buttons = len(rich.buttons) if target.supports_buttons else 0
    if target.max_buttons:
        buttons = min(buttons, target.max_buttons)
    keep_cards = target.supports_cards or not rich.cards
    keep_replies = target.supports_quick_replies or not rich.quick_replies
    if buttons == len(rich.buttons) and keep_cards and keep_replies:
        return content
    copy = pb.Content()
    copy.CopyFrom(content)
    lines = [] if keep_cards else [_card_line(card) for card in rich.cards]
    choices = [_label(button) for button in rich.buttons[buttons:]]
    if not keep_cards:
        choices += [label for card in rich.cards for label in _card_buttons(card)]
        del copy.rich.cards[:]
    if not keep_replies:
        choices += rich.quick_replies
        del copy.rich.quick_replies[:]
    del copy.rich.buttons[buttons:]
    lines += _numbered(choices, start=buttons + 1)
    copy.rich.body = _below(rich, lines)
    if rich.plain_text:
        copy.rich.plain_text = _lines([rich.plain_text, *lines])
    return copy


def _below(rich: pb.RichContent, lines: list[str]) -> str:
    """The body with lines below it, in its own format."""
    if rich.format == pb.RichContent.FORMAT_HTML:
        escaped = [escape(line, quote=False) for line in lines]
        return "<br>\n".join(filter(None, [rich.body, *escaped]))
    return _lines([rich.body, *lines])


# ------------------------------------------------------------------ fallbacks


def _text_text(content: pb.Content) -> str:
    return content.text.body


def _rich_text(content: pb.Content) -> str:
    rich = content.rich
    choices = [_label(button) for button in rich.buttons]
    choices += [label for card in rich.cards for label in _card_buttons(card)]
    choices += rich.quick_replies
    body = rich.plain_text or strip_markup(rich.body, rich.format)
    return _lines([body, *map(_card_line, rich.cards), *_numbered(choices)])


def _media_text(content: pb.Content) -> str:
    media = content.media
    return f"[Media: {media.caption or media.filename or _readable(media.url)}]"


def _audio_text(content: pb.Content) -> str:
    return content.audio.transcript or f"[Voice message: {_readable(content.audio.url)}]"


def _video_text(content: pb.Content) -> str:
    return f"[Video: {_readable(content.video.url)}]"


def _location_text(content: pb.Content) -> str:
    place = content.location
    name = place.label or place.address
    where = f"({_degrees(place.latitude)}, {_degrees(place.longitude)})"
    return f"[Location: {name} {where}]" if name else f"[Location: {where}]"


def _template_text(content: pb.Content) -> str:
    return content.template.body or f"[Template: {content.template.template_id}]"


def _composite_text(content: pb.Content) -> str:
    return _lines(map(text_of, content.composite.parts))


def _system_text(content: pb.Content) -> str:
    return content.system.body or (f"[{content.system.code}]" if content.system.code else "")


def _edit_text(content: pb.Content) -> str:
    return text_of(content.edit.new_content)


def _delete_text(_content: pb.Content) -> str:
    return "[Message deleted]"


def _tool_text(content: pb.Content) -> str:
    return f"[Tool: {content.tool_call.tool_name}]"


_FALLBACKS: Mapping[str, Fallback] = {
    "text": _text_text,
    "rich": _rich_text,
    "media": _media_text,
    "audio": _audio_text,
    "video": _video_text,
    "location": _location_text,
    "template": _template_text,
    "composite": _composite_text,
    "system": _system_text,
    "edit": _edit_text,
    "delete": _delete_text,
    "tool_call": _tool_text,
}
"""Every kind as text."""

_NATIVE: Mapping[str, int] = {
    "media": pb.MEDIA_TYPE_MEDIA,
    "audio": pb.MEDIA_TYPE_AUDIO,
    "video": pb.MEDIA_TYPE_VIDEO,
    "location": pb.MEDIA_TYPE_LOCATION,
    "template": pb.MEDIA_TYPE_TEMPLATE,
}
"""What a target must name to be given a kind as it is."""

# ------------------------------------------------------------------ limits on media


def _within(content: pb.Content, target: pb.Capabilities) -> bool:
    """Whether sound, picture or file keeps the target's limits; what is not known does."""
    if content.HasField("media"):
        media = content.media
        if 0 < target.max_media_size_bytes < media.size_bytes:
            return False
        return _takes(media.mime_type or _data_type(media.url), target)
    if content.HasField("audio"):
        audio = content.audio
        if 0 < seconds_of(target.max_audio_duration) < seconds_of(audio.duration):
            return False
        return _takes(audio.mime_type or _data_type(audio.url) or "audio/ogg", target)
    if content.HasField("video"):
        video = content.video
        if 0 < seconds_of(target.max_video_duration) < seconds_of(video.duration):
            return False
        return _takes(video.mime_type or _data_type(video.url) or "video/mp4", target)
    return True


def _takes(mime_type: str, target: pb.Capabilities) -> bool:
    if not target.supported_mime_types or not mime_type:
        return True
    plain = mime_type.split(";", 1)[0].strip().lower()
    family = plain.split("/", 1)[0] + "/*"
    patterns = {pattern.strip().lower() for pattern in target.supported_mime_types}
    return not patterns.isdisjoint((plain, family, "*/*", "*"))


def _data_type(url: str) -> str:
    """Media type that a data URL names (RFC 2397); '' for others."""
    if url[:5].lower() != "data:":
        return ""
    return url[5:300].split(",", 1)[0].split(";", 1)[0]


def _readable(url: str) -> str:
    """A URL for people: a data URL is the file itself, so its type stands for it."""
    return url if url[:5].lower() != "data:" else _data_type(url) or "data"


# ------------------------------------------------------------------ words


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(filter(None, lines))


def _numbered(choices: list[str], start: int = 1) -> list[str]:
    return [f"{number}. {choice}" for number, choice in enumerate(choices, start)]


def _label(button: Struct) -> str:
    label = next(filter(None, (_word(button, key) for key in ("text", "title", "label"))), "")
    url = _word(button, "url")
    if label and url:
        return f"{label} ({url})"
    return label or url or _word(button, "payload") or _all_words(button) or "?"


def _card_line(card: Struct) -> str:
    words = [_word(card, key) for key in ("title", "subtitle", "description", "text")]
    line = " - ".join(filter(None, words))
    image = _word(card, "image_url")
    if line and image:
        return f"{line} ({_readable(image)})"
    return line or _readable(image) or ("" if _card_buttons(card) else _all_words(card))


def _card_buttons(card: Struct) -> list[str]:
    buttons = card.fields["buttons"].list_value.values if "buttons" in card.fields else ()
    return [
        _label(button.struct_value) if button.HasField("struct_value") else _value_word(button)
        for button in buttons
    ]


def _word(struct: Struct, key: str) -> str:
    return _value_word(struct.fields[key]) if key in struct.fields else ""


def _value_word(value: Value) -> str:
    if value.HasField("number_value"):
        return f"{value.number_value:.15g}"
    return value.string_value


def _all_words(struct: Struct) -> str:
    return " ".join(filter(None, (_word(struct, key) for key in sorted(struct.fields))))


def _degrees(value: float) -> str:
    """To six decimals, a tenth of a metre."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if "e" not in repr(value) else f"{value:g}"


def _text(body: str) -> pb.Content | None:
    return pb.Content(text=pb.TextContent(body=body)) if body else None
