"""Queries of full-text search: what they mean as a ``tsquery``, and what snippets show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomd_server.stores.search_query import SNIPPET_WORDS, fold, parse, snippet, words


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("red", "'red'"),
        ("Red HOUSE", "('red' & 'house')"),
        ("red AND house", "('red' & 'house')"),
        ("red OR house", "('red' | 'house')"),
        ("a b OR c", "(('a' & 'b') | 'c')"),
        ("a (b OR c)", "('a' & ('b' | 'c'))"),
        ("red NOT house", "('red' & !'house')"),
        ('"red house"', "('red' <-> 'house')"),
        ("red*", "'red':*"),
        ('"red ho"*', "('red' <-> 'ho':*)"),
        ("Häuschen", "'hauschen'"),
        ("snake_case", "('snake' <-> 'case')"),
        # None of these can be parsed: every piece is a phrase.
        ("what's up?", "('what' <-> 's') & 'up'"),
        ("AND", "'and'"),
        ("(open", "'open'"),
        ("a OR", "'a' & 'or'"),
        ('a "quote', "'a' & 'quote'"),
        ("!!!", ""),
        ("", ""),
        ('""', ""),
    ],
)
def test_a_query_says_what_is_searched_for(query: str, expression: str) -> None:
    assert parse(query).expression == expression


def test_brackets_without_end_are_only_characters() -> None:
    assert parse("(" * 500 + "a" + ")" * 500).expression == "'a'"


@given(st.text())
def test_words_are_letters_and_digits_without_case(text: str) -> None:
    for word in words(text):
        assert word.text == fold(text[word.start : word.end])
        assert not set(word.text) & set(" '\\&|!():*<>\0")


@given(st.text(max_size=60), st.text(max_size=20))
def test_a_snippet_is_the_text_with_marks(text: str, query: str) -> None:
    shown = snippet(text, parse(query).phrases)
    if not set(text) & set("[]…"):
        bare = shown.replace("[", "").replace("]", "").strip("…")
        assert bare in text


def test_a_snippet_shows_where_the_matches_are() -> None:
    text = " ".join([f"w{number}" for number in range(100)])
    shown = snippet(text, parse("w50 w52").phrases)
    assert "[w50] w51 [w52]" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(words(shown)) == SNIPPET_WORDS
    assert snippet("red house", parse("hou*").phrases) == "red [house]"
    assert snippet("", ()) == ""
