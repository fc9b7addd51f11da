"""Words, queries and snippets of full-text search, for stores that have none of their own.

Pure. Words are runs of letters and digits, without case and accents; a query is words,
"phrases" and pre* fixes that must all be there, or combined by AND, OR, NOT and brackets. One
that cannot be parsed finds its words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

SNIPPET_WORDS = 16
MAX_QUERY_TOKENS = 200
MAX_DEPTH = 50
"""Brackets in brackets; deeper ones are only characters."""

_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_TOKEN = re.compile(r'\s*(?:(?P<phrase>"[^"]*")|(?P<word>\w+)|(?P<sign>[()*])|(?P<other>\S))')
_BINARY = ("AND", "OR", "NOT")


class Word(NamedTuple):
    """A word of a text and where it stands."""

    text: str
    """Folded: without case and accents."""
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text, in order."""
    return [
        Word(folded, found.start(), found.end())
        for found in _WORD.finditer(text)
        if (folded := fold(found.group()))
    ]


def fold(word: str) -> str:
    """A word without case and accents."""
    if word.isascii():
        return word.lower()
    bare = unicodedata.normalize("NFD", word.casefold())
    kept = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", kept)


class Phrase(NamedTuple):
    """Words that must stand side by side."""

    words: tuple[str, ...]
    is_prefix: bool
    """Whether the last one may go on."""

    def matches(self, word: str) -> bool:
        """Whether a word of a text belongs to it."""
        return word in self.words or (self.is_prefix and word.startswith(self.words[-1]))


class Query(NamedTuple):
    """What is searched for."""

    expression: str
    """As a ``tsquery``; empty: nothing can be found."""
    phrases: tuple[Phrase, ...]
    """What is marked in snippets."""


class _NotParsed(Exception):
    """It follows no rule."""


def parse(text: str) -> Query:
    """Understand a query."""
    try:
        parser = _Parser(text)
        expression = parser.whole()
        return Query(expression, tuple(parser.phrases))
    except _NotParsed:
        pieces = [_phrase(piece, False) for piece in text.split()[:MAX_QUERY_TOKENS]]
        phrases = [piece for piece in pieces if piece.words]
        return Query(" & ".join(map(_tsquery, phrases)), tuple(phrases))


class _Parser:
    """``or := and (OR and)*``; ``and := not (AND? not)*``; ``not := atom (NOT atom)*``."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        self.phrases: list[Phrase] = []
        for found in _TOKEN.finditer(text):
            kind = str(found.lastgroup)
            if kind == "other":
                raise _NotParsed
            self._tokens.append((kind, found[kind]))
        if len(self._tokens) > MAX_QUERY_TOKENS:
            raise _NotParsed

    def whole(self) -> str:
        """The expression of all tokens."""
        expression = self._or(0)
        if self._place < len(self._tokens):
            raise _NotParsed
        return expression

    def _next(self) -> tuple[str, str]:
        """The next token; ('', '') at the end."""
        return self._tokens[self._place] if self._place < len(self._tokens) else ("", "")

    def _take(self, text: str) -> bool:
        if self._next()[1] != text:
            return False
        self._place += 1
        return True

    def _or(self, depth: int) -> str:
        sides = [self._and(depth)]
        while self._take("OR"):
            sides.append(self._and(depth))
        return _joined(" | ", sides)

    def _and(self, depth: int) -> str:
        sides = [self._not(depth)]
        while self._take("AND") or self._starts_atom():
            sides.append(self._not(depth))
        return _joined(" & ", sides)

    def _not(self, depth: int) -> str:
        expression = self._atom(depth)
        while self._take("NOT"):
            without = self._atom(depth)
            if expression and without:
                expression = f"({expression} & !{without})"
        return expression

    def _starts_atom(self) -> bool:
        kind, text = self._next()
        return kind == "phrase" or (kind == "word" and text not in _BINARY) or text == "("

    def _atom(self, depth: int) -> str:
        if not self._starts_atom() or depth > MAX_DEPTH:
            raise _NotParsed
        _, text = self._next()
        self._place += 1
        if text == "(":
            inside = self._or(depth + 1)
            if not self._take(")"):
                raise _NotParsed
            return inside
        phrase = _phrase(text, self._take("*"))
        if not phrase.words:
            return ""
        self.phrases.append(phrase)
        return _tsquery(phrase)


def _phrase(text: str, is_prefix: bool) -> Phrase:
    return Phrase(tuple(word.text for word in words(text)), is_prefix)


def _tsquery(phrase: Phrase) -> str:
    *first, last = (f"'{word}'" for word in phrase.words)
    inside = " <-> ".join((*first, f"{last}:*" if phrase.is_prefix else last))
    return f"({inside})" if first else inside


def _joined(operator: str, sides: list[str]) -> str:
    """What has words in it, combined."""
    said = [side for side in sides if side]
    return f"({operator.join(said)})" if len(said) > 1 else "".join(said)


def snippet(text: str, phrases: tuple[Phrase, ...]) -> str:
    """The stretch of a text with the most matches: ``…[word]…``."""
    found = words(text)
    marked = [any(phrase.matches(word.text) for phrase in phrases) for word in found]
    first = _best_window(marked)
    last = min(first + SNIPPET_WORDS, len(found))
    shown = "".join(_marked(text, found, marked, range(first, last)))
    before = "…" if first else ""
    after = "…" if last < len(found) else ""
    return f"{before}{shown}{after}"


def _best_window(marked: list[bool]) -> int:
    """Where the words to show begin: with a few before the first match."""
    best, most = 0, -1
    for start in range(max(1, len(marked) - SNIPPET_WORDS + 1)):
        count = 4 * sum(marked[start : start + SNIPPET_WORDS])
        # Among equals the one that has its matches near the middle.
        count += any(marked[start + SNIPPET_WORDS // 4 : start + 3 * SNIPPET_WORDS // 4])
        if count > most:
            best, most = start, count
    return best


def _marked(text: str, found: list[Word], marked: list[bool], window: range) -> Iterator[str]:
    place = found[window.start].start if window and window.start else 0
    for number in window:
        word = found[number]
        yield text[place : word.start]
        shown = text[word.start : word.end]
        yield f"[{shown}]" if marked[number] else shown
        place = word.end
    if window and window.stop == len(found):
        yield text[place:]
