"""Making content fit a channel. Never raises, never loses text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import unescape

from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core.structs import get_str
from roomd_server.core.times import seconds_of

ELLIPSIS = "…"

Fallback = Callable[[pb.Content, pb.Capabilities], str]


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
        return _rich(content, target)
    if kind in _NATIVE and _NATIVE[kind] in target.media_types and _within(content, target):
        return content
    return _text(_FALLBACKS[kind](content, target))


def fit(content: pb.Content, target: pb.Capabilities) -> list[pb.Content]:
    """Transcode, then split or cut text that is too long; [] when nothing is left."""
    fitted = transcode(content, target)
    if fitted is None:
        return []
    limit = target.max_length
    if not limit or not fitted.HasField("text") or len(fitted.text.body) <= limit:
        return [fitted]
    if not target.supports_parts:
        body = fitted.text.body[: max(0, limit - len(ELLIPSIS))].rstrip() + ELLIPSIS
        return [_with_body(fitted, body[:limit])]
    return [_with_body(fitted, part) for part in split_text(fitted.text.body, limit)]


def split_text(text: str, max_length: int) -> list[str]:
    """Cut text at sentence ends, else at word ends, else anywhere; each part is at most
    ``max_length`` long. Only white space at the cuts is dropped.
    """
    parts = []
    rest = text
    while len(rest) > max_length:
        cut = _cut(rest, max_length)
        if part := rest[:cut].rstrip():
            parts.append(part)
        rest = rest[cut:].lstrip()
    if rest or not parts:
        parts.append(rest)
    return parts


def text_of(content: pb.Content) -> str:
    """All words that a reader of the content would see."""
    kind = content.WhichOneof("kind")
    if kind is None:
        return ""
    if kind == "text":
        return content.text.body
    if kind == "composite":
        return "\n".join(filter(None, (text_of(part) for part in content.composite.parts)))
    if kind == "edit":
        return text_of(content.edit.new_content)
    return _FALLBACKS[kind](content, _NOTHING)


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
    fitted = transcode(content.edit.new_content, target)
    if target.supports_edit:
        if fitted is None or fitted is content.edit.new_content:
            return content if fitted is not None else None
        copy = pb.Content()
        copy.CopyFrom(content)
        copy.edit.new_content.CopyFrom(fitted)
        return copy
    if fitted is None:
        return _text("[Correction]")
    if fitted.HasField("text"):
        return _text(f"Correction: {fitted.text.body}")
    label = pb.Content(text=pb.TextContent(body="Correction:"))
    return pb.Content(composite=pb.CompositeContent(parts=[label, fitted]))


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
    if not keep_replies:
        choices += list(rich.quick_replies)
    lines += _numbered(choices, start=buttons + 1)
    del copy.rich.buttons[buttons:]
    if not keep_cards:
        del copy.rich.cards[:]
    if not keep_replies:
        del copy.rich.quick_replies[:]
    copy.rich.body = "\n".join(filter(None, [rich.body, *lines]))
    if rich.plain_text:
        copy.rich.plain_text = "\n".join([rich.plain_text, *lines])
    return copy


def _rich_text(content: pb.Content, _target: pb.Capabilities) -> str:
    rich = content.rich
    body = rich.plain_text or strip_markup(rich.body, rich.format)
    lines = [_card_line(card) for card in rich.cards]
    lines += _numbered([*(_label(button) for button in rich.buttons), *rich.quick_replies])
    return "\n".join(filter(None, [body, *lines]))


def _media_text(content: pb.Content, _target: pb.Capabilities) -> str:
    media = content.media
    return f"[Media: {media.caption or media.filename or media.url}]"


def _audio_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return content.audio.transcript or f"[Voice message: {content.audio.url}]"


def _video_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return f"[Video: {content.video.url}]"


def _location_text(content: pb.Content, _target: pb.Capabilities) -> str:
    place = content.location
    where = f"({place.latitude:g}, {place.longitude:g})"
    return f"[Location: {' '.join(filter(None, [place.label or place.address, where]))}]"


def _template_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return content.template.body or f"[Template: {content.template.template_id}]"


def _system_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return content.system.body or (f"[{content.system.code}]" if content.system.code else "")


def _delete_text(_content: pb.Content, _target: pb.Capabilities) -> str:
    return "[Message deleted]"


def _tool_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return f"[Tool: {content.tool_call.tool_name}]"


def _edit_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return text_of(content.edit.new_content)


def _composite_text(content: pb.Content, _target: pb.Capabilities) -> str:
    return text_of(content)


_FALLBACKS: Mapping[str, Fallback] = {
    "rich": _rich_text,
    "media": _media_text,
    "audio": _audio_text,
    "video": _video_text,
    "location": _location_text,
    "template": _template_text,
    "system": _system_text,
    "delete": _delete_text,
    "tool_call": _tool_text,
    "edit": _edit_text,
    "composite": _composite_text,
}
_NATIVE: Mapping[str, int] = {
    "media": pb.MEDIA_TYPE_MEDIA,
    "audio": pb.MEDIA_TYPE_AUDIO,
    "video": pb.MEDIA_TYPE_VIDEO,
    "location": pb.MEDIA_TYPE_LOCATION,
    "template": pb.MEDIA_TYPE_TEMPLATE,
}
_NOTHING = pb.Capabilities()

# ------------------------------------------------------------------ limits and words


def _within(content: pb.Content, target: pb.Capabilities) -> bool:
    """Whether a media content keeps the target's limits."""
    if content.HasField("media"):
        media = content.media
        size = media.size_bytes if media.HasField("size_bytes") else 0
        if target.max_media_size_bytes and size > target.max_media_size_bytes:
            return False
        return _takes(media.mime_type, target.supported_mime_types)
    for name, limit in (
        ("audio", target.max_audio_duration),
        ("video", target.max_video_duration),
    ):
        if content.HasField(name):
            clip = getattr(content, name)
            longest = seconds_of(limit)
            if longest and seconds_of(clip.duration) > longest:
                return False
            return _takes(clip.mime_type, target.supported_mime_types)
    return True


def _takes(mime_type: str, supported: Iterable[str]) -> bool:
    patterns = list(supported)
    if not patterns or not mime_type:
        return True
    family = mime_type.split("/", 1)[0] + "/*"
    return any(pattern in ("*/*", mime_type, family) for pattern in patterns)


def strip_markup(body: str, form: int) -> str:
    """Formatted text as plain words; for what is no markup, the text itself."""
    plain = _strip_html(body) if form == pb.RichContent.FORMAT_HTML else _strip_markdown(body)
    return plain or body


def _strip_html(body: str) -> str:
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>", "", body)
    text = re.sub(r"(?i)<br\s*/?>|</(p|div|li|h[1-6]|tr)\s*>", "\n", text)
    text = re.sub(r"(?is)<a\b[^>]*?href=[\"']([^\"']+)[\"'][^>]*>(.*?)</a\s*>", r"\2 (\1)", text)
    # Only what looks like a tag: "a < b" keeps its sign.
    text = re.sub(r"</?[A-Za-z][^<>]*>|<!--.*?-->", "", text)
    return unescape(text).strip()


_MARKDOWN = (
    (re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)"), r"\1 (\2)"),
    (re.compile(r"\[([^\]]+)\]\(([^)\s]+)[^)]*\)"), r"\1 (\2)"),
    (re.compile(r"(?m)^ {0,3}#{1,6} +"), ""),
    (re.compile(r"(?m)^ {0,3}> ?"), ""),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
    (re.compile(r"(?m)^```[^\n]*\n?"), ""),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
)


def _strip_markdown(body: str) -> str:
    for pattern, replacement in _MARKDOWN:
        body = pattern.sub(replacement, body)
    return body.strip()


def _label(button: Struct) -> str:
    for key in ("text", "title", "label", "payload", "url"):
        if word := get_str(button, key):
            return word
    return "?"


def _card_line(card: Struct) -> str:
    words = [get_str(card, key) for key in ("title", "subtitle", "description", "text")]
    line = " - ".join(filter(None, words))
    image = get_str(card, "image_url")
    return f"{line} ({image})" if line and image else line or image


def _numbered(choices: list[str], start: int = 1) -> list[str]:
    return [f"{number}. {choice}" for number, choice in enumerate(choices, start)]


def _cut(text: str, limit: int) -> int:
    """Where to cut: behind a sentence in the second half, else a word, else anywhere."""
    window = text[: limit + 1]
    ends = [match.end() for match in _SENTENCE_END.finditer(window) if match.end() <= limit + 1]
    if ends and ends[-1] > limit // 2:
        return min(ends[-1], limit)
    space = max(window.rfind(" "), window.rfind("\n"))
    if space > 0:
        return space
    cut = limit
    # Combining marks and joiners stay with the character before them.
    while cut > 1 and cut < len(text) and _CLINGS.match(text[cut]):
        cut -= 1
    return cut if cut > 1 else limit


_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]»”’]*\s|[。！？]+|\n")
_CLINGS = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


def _text(body: str) -> pb.Content | None:
    return pb.Content(text=pb.TextContent(body=body)) if body else None


def _with_body(content: pb.Content, body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body, language=content.text.language))
