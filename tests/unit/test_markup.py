"""Markdown and HTML as plain words."""

from __future__ import annotations

import time

import pytest

from roomd import v1 as pb
from roomd_server.core.markup import MAX_SIGNS, strip_markup

MARKDOWN, HTML = pb.RichContent.FORMAT_MARKDOWN, pb.RichContent.FORMAT_HTML


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("# Title\n## Less ", "Title\nLess"),
        ("**bold** *it* __bold__ _it_ ***both*** ~~gone~~", "bold it bold it both gone"),
        ("*outer **inner** outer*", "outer inner outer"),
        ("**open", "**open"),
        ("a _b *c_ d*", "a b *c d*"),
        ("snake_case__name and 2*3*4 and 2**3**4", "snake_case__name and 2*3*4 and 2**3**4"),
        ("这是**重点**内容", "这是重点内容"),
        (r"\*as it is\* and \_this\_", "*as it is* and _this_"),
        ("`code *stays*` and ``a ` b``", "code *stays* and a ` b"),
        ("one ` tick", "one ` tick"),
        ("[docs](https://a.b/c_(d))", "docs (https://a.b/c_(d))"),
        ('[docs](https://a.b "Words")', 'docs (https://a.b "Words")'),
        ("[https://a.b](https://a.b) <https://c.d>", "https://a.b https://c.d"),
        ("[](https://a.b)", "https://a.b"),
        ("![cat](c.png)", "cat (c.png)"),
        ("[![cat](c.png)](https://a.b)", "cat (c.png) (https://a.b)"),
        ("[a [b](u) c](v)", "[a b (u) c](v)"),
        ("[not a link] (really) [ ]", "[not a link] (really) [ ]"),
        ("> said\n>> twice", "said\ntwice"),
        ("* item\n- item\n1. item", "* item\n- item\n1. item"),
        ("```python\nx = **y**\n```\n*end*", "x = **y**\nend"),
        ("~~~\na_b_c\n~~~", "a_b_c"),
        ("```one line```", "one line"),
        ("```never closed\n*text*", "```never closed\ntext"),
        ("***", "***"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("", ""),
    ],
)
def test_markdown_becomes_words(body: str, plain: str) -> None:
    assert strip_markup(body, MARKDOWN) == plain
    assert strip_markup(body, pb.RichContent.FORMAT_UNSPECIFIED) == plain


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("<p>Hello <b>you</b></p><p>and<br>me</p>", "Hello you\nand\nme"),
        ("before<div>inside</div>after", "before\ninside\nafter"),
        ("<h1>T</h1>\n\n\n<p>x</p>", "T\n\nx"),
        ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c\xa0d"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("List<String>, <your name>, <a@b.c>, <https://x.y>",) * 2,
        ('<a href="https://x?a=1&amp;b=2">here</a>', "here (https://x?a=1&b=2)"),
        ("<a href=x>x</a> <A HREF='y'>z</A>", "x z (y)"),
        ("<a href='u'>never closed", "never closed (u)"),
        ("<a name=here>anchor</a>", "anchor"),
        ('<img src="c.png" alt="a cat">', "a cat"),
        ("<script>if (a < b) {}</script>shown<STYLE>p{}</style>", "shown"),
        ("<script>never closed", "never closed"),
        ("<!-- secret -->shown <!-- never closed", "shown <!-- never closed"),
        ("<!DOCTYPE html><html><body>x</body></html>", "x"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b \nc"),
        ("<o:p>w</o:p><my-tag class='x'>v</my-tag>", "wv"),
        ("<b></b>", "<b></b>"),
        ("", ""),
    ],
)
def test_html_becomes_words(body: str, plain: str) -> None:
    assert strip_markup(body, HTML) == plain


def test_what_has_more_markup_than_words_is_left_as_it_is() -> None:
    body = "*a" * (MAX_SIGNS + 1)
    assert strip_markup(body, MARKDOWN) == body
    assert strip_markup(body, HTML) == body


HOSTILE = [
    "**a ", "[", "![", "](u)", "`", "```\n", "_a *b ", '](a "', "<", "<a ", "<!--", "<script>",
    "*a _b\n", "*_", "[](", "\n ", "\\", "<aaaa:", "href ", "&", "\t", "<a href='", "~~a", ">",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("form", [MARKDOWN, HTML])
def test_a_hostile_text_costs_no_squares(piece: str, form: int) -> None:
    # A quadratic rule takes minutes for these. The bound leaves room for a slow machine.
    limited = piece * min(200_000 // len(piece), MAX_SIGNS // len(piece))
    began = time.process_time()
    strip_markup(piece * (200_000 // len(piece)), form)
    strip_markup(limited + "x" * (200_000 - len(limited)), form)
    strip_markup("<a " + limited + ">", form)
    assert time.process_time() - began < 3.0
