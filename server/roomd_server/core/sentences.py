"""Cutting a stream of text into sentences, the same however it comes in pieces."""

from __future__ import annotations

import re

MAX_SENTENCE_CHARS = 2000
"""A run without an end is cut at the last word before this."""

# An end is: a full stop or the like and the white space behind it, a CJK mark with or without
# any, or a line break. A full stop at the very end of the text so far may be inside 3.14: it
# waits. Possessive, and never begun within a run of marks, so that "!!!!…" costs no squares.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"')\]»”’]*+\s++|[。！？]++[」』”’\"')\]]*+\s*+|\n\s*+")
_MARK = re.compile(r"[.!?…。！？\n]")
# Where the words of a sentence begin: behind the number of a list's item.
_WORDS = re.compile(r"\s*+(?:\d{1,3}\.[ \t]++(?=\S))?(?=\S)")


class SentenceSplitter:
    """Takes deltas, gives whole sentences; joined, they are exactly what came in.

    A sentence has the white space behind it, and never consists of that alone unless it is
    longer than ``max_chars``.

    Args:
        hold_whole: Keep everything until ``flush``.
        max_chars: Longest sentence.
    """

    __slots__ = ("_hold_whole", "_max_chars", "_pieces")

    def __init__(self, *, hold_whole: bool = False, max_chars: int = MAX_SENTENCE_CHARS) -> None:
        self._pieces: list[str] = []
        self._hold_whole = hold_whole
        self._max_chars = max_chars

    def push(self, delta: str) -> list[str]:
        """Take more text; the sentences that are complete now."""
        self._pieces.append(delta)
        if self._hold_whole:
            return []
        held, start = "".join(self._pieces), 0
        sentences = []
        while (end := self._next(held, start)) > start:
            sentences.append(held[start:end])
            start = end
        self._pieces = [held[start:]]
        return sentences

    def flush(self) -> str:
        """Everything that is left."""
        rest = "".join(self._pieces)
        self._pieces = []
        return rest

    def _next(self, held: str, start: int) -> int:
        """Where the first sentence ends that no later text can change; else ``start``."""
        # A copy, so that what was cut off before cannot be looked back at.
        window = held[start : start + self._max_chars + 1]
        words = _WORDS.match(window)
        begin = words.end() if words is not None else len(window)
        match = _first_end(window, begin)
        # An end that touches the end of the text may still grow ("... \n" after "...").
        if match is not None and match.end() < len(window):
            return start + match.end()
        if len(window) <= self._max_chars:
            return start
        cut = window.rfind(" ", begin, self._max_chars) + 1
        return start + (cut or self._max_chars)


def _first_end(window: str, start: int) -> re.Match[str] | None:
    # Most text so far has no mark at all: looking for one is much faster than for an end.
    mark = _MARK.search(window, start)
    return _END.search(window, mark.start()) if mark is not None else None
