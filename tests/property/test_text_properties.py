"""Splitting text and stripping markup: nothing is lost, whatever the text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core.markup import strip_markup
from roomd_server.core.splitting import shorten, split_text

LUMPS = ["a", "bc", " ", "  ", "\n", ".", "!", "?", "…", "。", "3.14", "”"]
LUMPS += ["\u0301", "👩\u200d💻", "🇩🇪"]
TEXT = st.lists(st.sampled_from(LUMPS), max_size=60).map("".join) | st.text(max_size=200)
MARKUP = st.lists(
    st.sampled_from(
        ["one", "two", " ", "\n", "**", "*", "_", "`", "[", "](", ")", "<b>", "</b>", "<a href='",
         "'>", "&", "#", ">", "\\", "```", "~~~", "<!--", "-->", "<script>", "</script>", "!["]
    ),
    max_size=60,
).map("".join)  # fmt: skip


def solid(text: str) -> str:
    return "".join(text.split())


@given(TEXT, st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_only_white_space_is_lost_by_splitting(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert parts
    assert all(len(part) <= limit for part in parts)
    assert solid("".join(parts)) == solid(text)
    assert all(solid(part) for part in parts) or not solid(text)


@given(TEXT, st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_a_word_that_fits_is_never_torn(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    words = [word for word in text.replace("\n", " ").split(" ") if word]
    if text.isascii() and all(len(word) <= limit for word in words):
        joined = " ".join(parts)
        assert all(word in joined for word in words)


@given(TEXT, st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_what_is_cut_off_is_said_to_be(text: str, limit: int) -> None:
    cut = shorten(text, limit)
    assert len(cut) <= limit
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


@given(MARKUP | st.text(max_size=200), st.sampled_from(pb.RichContent.Format.values()))
@settings(max_examples=200, deadline=None)
def test_stripping_never_raises_and_never_leaves_nothing(body: str, form: int) -> None:
    assert bool(strip_markup(body, form)) is bool(body)


@given(st.text(alphabet="abc ,.\n😀é漢", max_size=200), st.sampled_from([0, 1, 2]))
@settings(max_examples=100, deadline=None)
def test_text_without_markup_keeps_every_word(body: str, form: int) -> None:
    assert strip_markup(body, form).split() == body.split()
