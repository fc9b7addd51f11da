"""The words of an event, for full-text search. Pure; shared by all stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_KEYS = ("title", "subtitle", "text", "label")
"""Keys of buttons and cards whose values people see; payloads and URLs are not words."""


def event_text(event: pb.RoomEvent) -> str:
    """The words that a search may find the event by; empty: it is not to be found.

    Deleted and BLOCKED events have none.
    """
    if event.HasField("delete_time") or event.status == pb.EVENT_STATUS_BLOCKED:
        return ""
    return "\n".join(word for word in content_words(event.content) if word)


def content_words(content: pb.Content) -> Iterator[str]:
    """The texts of a content of any kind, parts and new contents included."""
    kind = content.WhichOneof("kind")
    if kind is not None:
        yield from WORDS[kind](getattr(content, kind))


def _rich(rich: pb.RichContent) -> Iterator[str]:
    yield rich.plain_text or rich.body
    yield from _shown(rich.buttons)
    yield from _shown(rich.cards)
    yield from rich.quick_replies


def _shown(structs: Iterable[Struct]) -> Iterator[str]:
    for struct in structs:
        for key in SHOWN_KEYS:
            if key in struct.fields:
                yield struct.fields[key].string_value


def _composite(composite: pb.CompositeContent) -> Iterator[str]:
    for part in composite.parts:
        yield from content_words(part)


# Each takes the message of its kind; the table is keyed by the names in `Content.kind`.
WORDS: dict[str, Callable[[Any], Iterable[str]]] = {
    "text": lambda text: (text.body,),
    "rich": _rich,
    "media": lambda media: (media.caption, media.filename),
    "audio": lambda audio: (audio.transcript,),
    "video": lambda video: (),
    "location": lambda place: (place.label, place.address),
    "template": lambda template: (template.body or template.template_id,),
    "composite": _composite,
    "system": lambda notice: (notice.body,),
    "edit": lambda edit: content_words(edit.new_content),
    "delete": lambda delete: (delete.reason,),
    "tool_call": lambda call: (call.tool_name, call.result, call.error),
}
