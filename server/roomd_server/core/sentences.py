"""Cutting a stream of text into sentences, the same however it comes in pieces."""

from __future__ import annotations

import re

MAX_SENTENCE_CHARS = 2000
"""A run without an end is cut at the last word before this."""

# An end is: a full stop or the like and the white space behind it, a CJK mark alone, or a
# line break. A full stop at the very end of the text so far may be inside 3.14: it waits.
_END = re.compile(r"[.!?…]+[\"')\]»”’]*\s+|[。！？]+|\n+")


class SentenceSplitter:
    """Takes deltas, gives whole sentences; joined, they are exactly what came in.

    Args:
        hold_whole: Keep everything until ``flush``.
        max_chars: Longest sentence.
    """

    __slots__ = ("_held", "_hold_whole", "_max_chars")

    def __init__(self, *, hold_whole: bool = False, max_chars: int = MAX_SENTENCE_CHARS) -> None:
        self._held = ""
        self._hold_whole = hold_whole
        self._max_chars = max_chars

    def push(self, delta: str) -> list[str]:
        """Take more text; the sentences that are complete now."""
        self._held += delta
        if self._hold_whole:
            return []
        sentences = []
        while sentence := self._next():
            sentences.append(sentence)
            self._held = self._held[len(sentence) :]
        return sentences

    def flush(self) -> str:
        """Everything that is left."""
        rest, self._held = self._held, ""
        return rest

    def _next(self) -> str:
        """The first sentence that no later text can change; '' when there is none yet."""
        match = _END.search(self._held)
        # An end that touches the end of the text may still grow ("... \n" after "...").
        if match is not None and match.end() < len(self._held):
            end = match.end()
            if end <= self._max_chars:
                return self._held[:end]
        if len(self._held) > self._max_chars:
            cut = self._held.rfind(" ", 0, self._max_chars) + 1
            return self._held[: cut or self._max_chars]
        return ""
