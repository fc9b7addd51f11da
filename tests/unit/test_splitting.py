"""Where text that is too long is cut."""

from __future__ import annotations

import pytest

from roomd_server.core.splitting import shorten, split_text


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("short", 10, ["short"]),
        ("", 10, [""]),
        ("One sentence. Another one. Third.", 27, ["One sentence. Another one.", "Third."]),
        ("Really?! “Yes.” No more", 15, ["Really?! “Yes.”", "No more"]),
        ("First line\nsecond line", 14, ["First line", "second line"]),
        ("A. then a very long rest", 20, ["A. then a very long", "rest"]),  # not cut after "A."
        ("Pi is 3.14159 exactly", 10, ["Pi is", "3.14159", "exactly"]),
        ("aaa bbb ccc", 7, ["aaa bbb", "ccc"]),
        ("aaa  bbb", 4, ["aaa", "bbb"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("今天很好。明天也好。", 5, ["今天很好。", "明天也好。"]),
        ("他说「好。」我走了", 6, ["他说「好。」", "我走了"]),
        ("   ", 2, [""]),
    ],
)
def test_text_is_cut_at_sentences_then_words_then_anywhere(
    text: str, limit: int, parts: list[str]
) -> None:
    assert split_text(text, limit) == parts


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("ae\u0301o", 2, ["a", "e\u0301", "o"]),
        ("ab👩\u200d💻c", 4, ["ab", "👩\u200d💻c"]),
        ("a👍🏽b", 2, ["a", "👍🏽", "b"]),
        ("🇩🇪🇫🇷🇮🇹", 3, ["🇩🇪", "🇫🇷", "🇮🇹"]),
        ("a❤\ufe0fb", 2, ["a", "❤\ufe0f", "b"]),
    ],
)
def test_what_is_drawn_as_one_character_is_not_torn(
    text: str, limit: int, parts: list[str]
) -> None:
    assert split_text(text, limit) == parts


def test_a_character_longer_than_the_limit_is_torn_rather_than_lost() -> None:
    text = "e" + "\u0301" * 200
    parts = split_text(text, 50)
    assert "".join(parts) == text
    assert max(map(len, parts)) == 50


def test_a_senseless_limit_is_one() -> None:
    assert split_text("abc", 0) == split_text("abc", -7) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("fits", 4, "fits"),
        ("does not fit", 9, "does not…"),
        ("does not fit", 5, "does…"),
        ("ab👩\u200d💻c", 5, "ab…"),
        ("abc", 1, "…"),
    ],
)
def test_a_beginning_ends_with_an_ellipsis_within_the_limit(
    text: str, limit: int, cut: str
) -> None:
    assert shorten(text, limit) == cut
