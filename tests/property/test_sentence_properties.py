"""Sentences do not depend on how the text came in, and lose nothing."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from roomd_server.core.sentences import SentenceSplitter

LUMPS = ["a", "word", " ", "  ", "\n", ".", "...", "!", "?!", "…", "。", "」", '"', "”", "3.14"]
LUMPS += ["1. "]
TEXT = st.lists(st.sampled_from(LUMPS), max_size=80).map("".join) | st.text(max_size=200)
LONGEST = st.sampled_from([1, 2, 3, 7, 20, 2000])


def sentences(chunks: list[str], longest: int) -> list[str]:
    splitter = SentenceSplitter(max_chars=longest)
    found = [sentence for chunk in chunks for sentence in splitter.push(chunk)]
    return [*found, splitter.flush()]


@given(TEXT, st.lists(st.integers(0, 200), max_size=12), LONGEST)
@settings(max_examples=200, deadline=None)
def test_any_chunks_give_the_same_sentences(text: str, cuts: list[int], longest: int) -> None:
    whole = sentences([text], longest)
    assert sentences(list(text), longest) == whole
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert sentences(["", *chunks, ""], longest) == whole


@given(TEXT, LONGEST)
@settings(max_examples=200, deadline=None)
def test_joined_sentences_are_the_text(text: str, longest: int) -> None:
    found = sentences([text], longest)
    assert "".join(found) == text
    assert all(0 < len(one) <= longest for one in found[:-1])
    assert all(one.strip() or len(one) == longest for one in found[:-1])


@given(st.lists(TEXT, max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_is_held_whole_comes_whole(chunks: list[str]) -> None:
    splitter = SentenceSplitter(hold_whole=True)
    assert not any(splitter.push(chunk) for chunk in chunks)
    assert splitter.flush() == "".join(chunks)
