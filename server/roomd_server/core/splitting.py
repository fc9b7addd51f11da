"""Cutting text that is too long: at sentences, else at words, else between characters."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
MAX_CLUSTER = 64
"""What is longer is not one character to anybody, whatever Unicode says."""

# The number of a list's item, "3." behind a line break, ends nothing.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])(?<!\n\d)(?<!\n\d\d)[.!?…]++[\"')\]»”’]*+(?=\s)|[。！？]++[」』”’\"')\]]*+|\n"
)
_SPACE = re.compile(r"[ \t\n\r\f\v\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]")


def split_text(text: str, max_length: int) -> list[str]:
    """Cut text at sentence ends, else at word ends, else anywhere; each part is at most
    ``max_length`` (at least 1) long. Only white space at the cuts is dropped, and characters
    that are drawn together stay together where they can.
    """
    limit = max(1, max_length)
    parts = []
    start = 0
    while len(text) - start > limit:
        cut = _cut(text, start, limit)
        if part := text[start:cut].rstrip():
            parts.append(part)
        start = _skip_space(text, cut)
    if start < len(text) or not parts:
        parts.append(text[start:])
    return parts


def shorten(text: str, max_length: int) -> str:
    """The beginning of the text, at most ``max_length`` (at least 1) with its ellipsis."""
    if len(text) <= max_length:
        return text
    room = max(0, max_length - len(ELLIPSIS))
    return text[: _between_characters(text, 0, room)].rstrip() + ELLIPSIS


def _cut(text: str, start: int, limit: int) -> int:
    """Where a part from ``start`` ends: behind a sentence in its second half, else behind
    its last word, else anywhere.
    """
    end = start + limit
    best = 0
    # One more than fits is looked at: the space that follows may be dropped.
    for match in _SENTENCE_END.finditer(text, start, end + 1):
        if match.end() <= end:
            best = match.end()
    if best > start + limit // 2:
        return best
    for at in range(end, start, -1):
        if _SPACE.match(text, at):
            return at
    return _between_characters(text, start, end)


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _between_characters(text: str, start: int, end: int) -> int:
    """The last place up to ``end`` that does not tear apart what is drawn as one (after
    Unicode 15 annex 29, its common cases); ``end`` when there is none.
    """
    for at in range(end, max(start, end - MAX_CLUSTER), -1):
        if not _joins(text, at):
            return at
    return end


def _joins(text: str, at: int) -> bool:
    """Whether the characters before and behind a place belong together."""
    if not 0 < at < len(text):
        return False
    after, before = text[at], text[at - 1]
    if unicodedata.category(after)[0] == "M" or _JOINER in (after, before):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True  # skin tones; tags of regional flags
    if not (_is_flag_half(after) and _is_flag_half(before)):
        return False
    first = at
    while first > max(0, at - MAX_CLUSTER) and _is_flag_half(text[first - 1]):
        first -= 1
    return (at - first) % 2 == 1


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


_JOINER = "\u200d"
