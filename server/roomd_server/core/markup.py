"""Markdown and HTML as plain words. Never loses a word that a reader would have seen.

Everything here takes time linear in the length of the text: it runs on the event loop, and
the text is a stranger's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from html import unescape

from roomd import v1 as pb

MAX_SIGNS = 20_000
_SIGNS = "*_~`[]<&\\\n"


def strip_markup(body: str, form: int) -> str:
    """Formatted text as plain words; the text itself when nothing else is left of it, or when
    it has more than ``MAX_SIGNS`` of markup: that is no text for people.
    """
    if sum(map(body.count, _SIGNS)) > MAX_SIGNS:
        return body
    plain = _strip_html(body) if form == pb.RichContent.FORMAT_HTML else _strip_markdown(body)
    return plain or body


# ------------------------------------------------------------------ HTML

# A tag ends before the next "<", so that many open ones cost no more than one.
_TAG = re.compile(
    r"<(/?)([A-Za-z][A-Za-z0-9-]*(?::[A-Za-z][A-Za-z0-9-]*)?)((?:\s|/)[^<>]*)?>"
    r"|<!(?:--|doctype\b[^<>]*>)",
    re.IGNORECASE,
)
_HREF = re.compile(r"""\bhref\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_BLOCK_NAMES = (
    "address article aside blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 "
    "h5 h6 header hr li main nav ol p pre section table tr ul"
)
_OTHER_NAMES = (
    "a abbr acronym applet area audio b base basefont bdi bdo big blink body button canvas "
    "caption center cite code col colgroup data datalist del details dfn dialog dir em embed "
    "figcaption font frame frameset head html i iframe img input ins kbd label legend link map "
    "mark marquee menu meta meter noframes noscript object optgroup option output param picture "
    "progress q rp rt ruby s samp script select slot small source span strike strong style sub "
    "summary sup svg tbody td template textarea tfoot th thead time title track tt u var video "
    "wbr"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_OTHERS = frozenset(_OTHER_NAMES.split())
_CELLS = frozenset(("td", "th"))
_UNSEEN = frozenset(("script", "style"))
_BLANK_LINES = re.compile(r"\n[ \t\n]*\n")


class _Html:
    """Reads HTML from front to back."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._out: list[str] = []
        self._href = ""
        self._unclosed: set[str] = set()

    def plain(self) -> str:
        body, at = self._body, 0
        while match := _TAG.search(body, at):
            self._words(body[at : match.start()])
            at = self._tag(match) if match[2] else self._declaration(match)
        self._words(body[at:])
        self._end_link()
        return _BLANK_LINES.sub("\n\n", "".join(self._out)).strip()

    def _words(self, text: str) -> None:
        if text:
            self._out.append(unescape(text))

    def _break(self) -> None:
        if self._out and not self._out[-1].endswith("\n"):
            self._out.append("\n")

    def _declaration(self, match: re.Match[str]) -> int:
        if match[0] != "<!--":
            return match.end()
        return self._skip("-->", match.end()) or self._literally(match)

    def _tag(self, match: re.Match[str]) -> int:
        closes, name, attributes = bool(match[1]), match[2].lower(), match[3] or ""
        if name in _UNSEEN and not closes:
            if end := self._skip(f"</{name}", match.end()):
                return end
        elif name in _BLOCKS:
            self._break()
        elif name not in _OTHERS and not {"-", ":"} & set(name):
            # No element of HTML, so somebody's words: "List<String>", "<your name>".
            return self._literally(match)
        elif name in _CELLS and closes:
            self._out.append(" ")
        elif name == "a":
            self._end_link()
            if not closes:
                self._href = _value(_HREF, attributes)
        elif name == "img":
            self._words(_value(_ALT, attributes))
        return match.end()

    def _end_link(self) -> None:
        href, self._href = self._href, ""
        if href and (not self._out or self._out[-1] != href):
            self._out.append(f" ({href})")

    def _literally(self, match: re.Match[str]) -> int:
        self._out.append(match[0])
        return match.end()

    def _skip(self, ending: str, start: int) -> int:
        """Position behind ``ending``; 0 when it does not come: then all is text."""
        if ending in self._unclosed:
            return 0
        found = re.compile(re.escape(ending), re.IGNORECASE).search(self._body, start)
        if found is None:
            self._unclosed.add(ending)
            return 0
        return found.end() if ending == "-->" else found.start()


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    match = attribute.search(attributes)
    return unescape(match[match.lastindex]) if match and match.lastindex else ""


def _strip_html(body: str) -> str:
    return _Html(body).plain()


# ------------------------------------------------------------------ Markdown

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*+([\w+#.-]*+)[ \t]*+")
_LINE_START = re.compile(r" {0,3}(?:#{1,6}(?=[ \t])[ \t]+|(?:>[ ]?)+)")
_TOKEN = re.compile(
    r"\\([!-/:-@\[-`{-~])"  # an escaped sign
    r"|(`+)"
    r"|<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>"  # a link in angle brackets
    r"|(!?\[)|(\])"
    r"|(\*+|_+|~+)"
)
_LINK = re.compile(r'\(\s*+<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)?)>?(\s++"[^"]*")?\s*+\)')


def _strip_markdown(body: str) -> str:
    lines = body.split("\n")
    closers = Counter(match[1][0] for line in lines if (match := _closes(line)))
    out: list[str] = []
    fence = ""
    for line in lines:
        closing = _closes(line)
        if closing:
            closers[closing[1][0]] -= 1
        if fence:
            if closing and closing[1].startswith(fence):
                fence = ""
            else:
                out.append(line)  # code stays as it is
            continue
        opening = _FENCE.fullmatch(line)
        if opening and closers[opening[1][0]] > 0:
            fence = opening[1]
            continue
        start = _LINE_START.match(line)
        out.append(_Inline(line[start.end() :] if start else line).plain())
    return "\n".join(out).strip()


def _closes(line: str) -> re.Match[str] | None:
    match = _FENCE.fullmatch(line)
    return match if match and not match[2] else None


class _Run:
    """A run of ``*``, ``_`` or ``~~`` that may begin or end something."""

    __slots__ = ("closes", "count", "opens", "sign")

    def __init__(self, sign: str, count: int, *, opens: bool, closes: bool) -> None:
        self.sign = sign
        self.count = count
        self.opens = opens
        self.closes = closes

    def __str__(self) -> str:
        return self.sign * self.count


class _Inline:
    """One line without its emphasis, links and escapes."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._out: list[str | _Run] = []
        self._brackets: list[int] = []
        self._openers: list[_Run] = []
        self._open = Counter[str]()
        self._unclosed: set[int] = set()

    def plain(self) -> str:
        line, at = self._line, 0
        while match := _TOKEN.search(line, at):
            if match.start() > at:
                self._out.append(line[at : match.start()])
            at = self._take(match)
        self._out.append(line[at:])
        return "".join(map(str, self._out))

    def _take(self, match: re.Match[str]) -> int:
        escaped, ticks, url, bracket, closing, run = match.groups()
        if ticks:
            return self._code(match)
        if bracket:
            self._brackets.append(len(self._out))
            self._out.append(bracket)
        elif closing:
            return self._link(match.end())
        elif run:
            self._emphasis(match)
        else:
            self._out.append(escaped or url)
        return match.end()

    def _code(self, match: re.Match[str]) -> int:
        """Code between runs of as many ticks; a run without its like stays."""
        count = len(match[2])
        if count not in self._unclosed:
            closing = re.compile(rf"(?<!`)`{{{count}}}(?!`)").search(self._line, match.end())
            if closing is not None:
                self._out.append(self._line[match.end() : closing.start()])
                return closing.end()
            self._unclosed.add(count)
        self._out.append(match[2])
        return match.end()

    def _link(self, at: int) -> int:
        """``[words](url)`` as ``words (url)``."""
        target = _LINK.match(self._line, at) if self._brackets else None
        if target is None:
            if self._brackets:
                self._brackets.pop()
            self._out.append("]")
            return at
        opening = self._brackets.pop()
        if self._out[opening] == "[":
            self._brackets.clear()  # a link holds no links
        self._out[opening] = ""
        url, title = target[1], target[2] or ""
        pieces = len(self._out) - opening - 1
        if not pieces:
            self._out.append(url + title)
        elif (url or title) and not (pieces == 1 and self._out[-1] == url):
            self._out.append(f" ({url}{title})")
        return target.end()

    def _emphasis(self, match: re.Match[str]) -> None:
        """Drop pairs of signs around something (CommonMark 6.2, without its rule of three)."""
        before = self._line[match.start() - 1 : match.start()] if match.start() else ""
        run = _run(match[6], before, self._line[match.end() : match.end() + 1])
        self._out.append(run)
        while run.closes and run.count and self._open[run.sign]:
            opener = self._openers[-1]
            if opener.sign == run.sign:
                pair = min(opener.count, run.count, 2)
                opener.count -= pair
                run.count -= pair
            if opener.sign != run.sign or not opener.count:
                # Used up; or of another sign: what begins inside must end inside.
                self._open[self._openers.pop().sign] -= 1
        if run.opens and run.count:
            self._openers.append(run)
            self._open[run.sign] += 1


def _run(signs: str, before: str, after: str) -> _Run:
    sign, count = signs[0], len(signs)
    left = bool(after.strip()) and not (_is_punctuation(after) and _is_word(before))
    right = bool(before.strip()) and not (_is_punctuation(before) and _is_word(after))
    if sign == "_":
        left, right = (
            left and (not right or _is_punctuation(before)),
            right and (not left or _is_punctuation(after)),
        )
    # 2*3*4 and 2**3**4 are sums more often than emphasis; in Chinese and Japanese ** stands
    # between words without spaces.
    between = _is_ascii_word(before) and _is_ascii_word(after)
    if sign == "*" and between and (count == 1 or (before + after).isdigit()):
        left = right = False
    if sign == "~" and count != 2:
        left = right = False
    return _Run(sign, count, opens=left, closes=right)


def _is_punctuation(char: str) -> bool:
    return bool(char) and unicodedata.category(char)[0] in "PS"


def _is_word(char: str) -> bool:
    return bool(char.strip()) and not _is_punctuation(char)


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()
