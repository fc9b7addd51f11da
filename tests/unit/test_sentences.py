"""A stream of text cut into sentences."""

from __future__ import annotations

import pytest

from roomd_server.core.sentences import MAX_SENTENCE_CHARS, SentenceSplitter


def cut(text: str) -> list[str]:
    splitter = SentenceSplitter()
    return [*splitter.push(text), splitter.flush()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four… Five", ["One. ", "Two! ", "Three? ", "Four… ", "Five"]),
        ("Pi is 3.14 or so. Fine.", ["Pi is 3.14 or so. ", "Fine."]),
        ("www.example.com is there", ["www.example.com is there"]),
        ("He said “No.” Then left", ["He said “No.” ", "Then left"]),
        ("What?! Yes", ["What?! ", "Yes"]),
        ("Line\nnext", ["Line\n", "next"]),
        ("Title\n\n  Body", ["Title\n\n  ", "Body"]),
        ("\n\n Body. x", ["\n\n Body. ", "x"]),
        ("今天。明天！好吗？好", ["今天。", "明天！", "好吗？", "好"]),
        ("他说「好。」我走了", ["他说「好。」", "我走了"]),
        ("1. First item\n2. Second\n", ["1. First item\n", "2. Second\n"]),
        ("", [""]),
    ],
)
def test_sentences_end_where_a_reader_would_stop(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences


def test_an_end_waits_for_what_follows() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("It is 3.") == []
    assert splitter.push("14 now. ") == []
    assert splitter.push("And") == ["It is 3.14 now. "]
    assert splitter.flush() == "And"
    assert splitter.flush() == ""


def test_the_whole_is_held_back_on_request() -> None:
    splitter = SentenceSplitter(hold_whole=True)
    assert splitter.push("One. Two. ") == []
    assert splitter.push("Three.") == []
    assert splitter.flush() == "One. Two. Three."


def test_a_run_without_an_end_is_cut_at_a_word() -> None:
    words = "word " * 1000
    sentences = cut(words.strip())
    assert "".join(sentences) == words.strip()
    assert all(len(one) <= MAX_SENTENCE_CHARS for one in sentences)
    assert all(one.endswith(" ") for one in sentences[:-1])


def test_a_word_without_an_end_is_cut_anywhere() -> None:
    splitter = SentenceSplitter(max_chars=4)
    assert splitter.push("abcdefghij") == ["abcd", "efgh"]
    assert splitter.flush() == "ij"
