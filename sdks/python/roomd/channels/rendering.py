"""Every kind of content in words, as a model reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from roomd.models.event import (
    AudioContent,
    CompositeContent,
    DeleteContent,
    EditContent,
    LocationContent,
    MediaContent,
    RichContent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
)


def words_of(content: object) -> str:
    """What a content says, in words; formatted text stays as it was written.

    Files, places and the like are described in brackets, as the service describes them to
    channels that cannot show them; buttons and quick replies are numbered.
    """
    say = _WORDS.get(type(content))
    return say(content) if say is not None else ""


def _rich(content: RichContent) -> str:
    cards = [_line(card, ("title", "subtitle", "description", "text")) for card in content.cards]
    buttons = [*content.buttons, *(one for card in content.cards for one in _buttons(card))]
    choices = [_line(button, ("text", "title", "label", "url")) for button in buttons]
    choices += content.quick_replies
    numbered = [f"{number}. {choice}" for number, choice in enumerate(choices, 1)]
    return _lines([content.body, *cards, *numbered])


def _line(struct: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The words under the keys; all of it when there are none."""
    words = [str(struct[key]) for key in keys if struct.get(key)]
    return " - ".join(words) or json.dumps(struct, ensure_ascii=False, default=str)


def _buttons(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    buttons = card.get("buttons")
    found = buttons if isinstance(buttons, list) else []
    return [one if isinstance(one, Mapping) else {"text": one} for one in found]


def _media(content: MediaContent) -> str:
    return f"[Media: {content.caption or content.filename or _short(content.url)}]"


def _audio(content: AudioContent) -> str:
    return content.transcript or f"[Voice message: {_short(content.url)}]"


def _video(content: VideoContent) -> str:
    return f"[Video: {_short(content.url)}]"


def _location(content: LocationContent) -> str:
    name = ", ".join(filter(None, (content.label, content.address)))
    where = f"({content.latitude:g}, {content.longitude:g})"
    return f"[Location: {name} {where}]" if name else f"[Location: {where}]"


def _template(content: TemplateContent) -> str:
    return content.body or f"[Template: {content.template_id}]"


def _composite(content: CompositeContent) -> str:
    return _lines(words_of(part) for part in content.parts)


def _system(content: SystemContent) -> str:
    return content.body or (f"[{content.code}]" if content.code else "")


def _tool_call(content: ToolCallContent) -> str:
    arguments = json.dumps(content.arguments, ensure_ascii=False, default=str)
    outcome = content.error or content.result
    return f"[Tool: {content.tool_name} {arguments}{f' → {outcome}' if outcome else ''}]"


_WORDS: Mapping[type, Callable[[Any], str]] = {
    TextContent: lambda content: content.body,
    RichContent: _rich,
    MediaContent: _media,
    AudioContent: _audio,
    VideoContent: _video,
    LocationContent: _location,
    TemplateContent: _template,
    CompositeContent: _composite,
    SystemContent: _system,
    EditContent: lambda content: f"Correction: {words_of(content.new_content)}",
    DeleteContent: lambda content: "[Message deleted]",
    ToolCallContent: _tool_call,
}


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(filter(None, lines))


def _short(url: str) -> str:
    """A URL; of one that holds the data itself, only the type."""
    return url if not url.startswith("data:") else url[5:300].split(",", 1)[0].split(";", 1)[0]
