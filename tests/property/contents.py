"""Any content, with numbered words in every place that a reader would read."""

from __future__ import annotations

from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from hypothesis import strategies as st

from roomd import v1 as pb

MARKS = [" ", " ", " ", "\n", ". ", "! ", "**", "*", "__", "_", "~~", "`", "# ", "\n> ", "\n- "]
SIGNS = ["[", "](", ")", "<", ">", "&", "\\", "。", "…", "\u0301", "👩\u200d💻", "🇩🇪", "\t"]
HTML = ["<b>", "</b>", "<br>", "<p>", "</p>", "<i>", "&amp;", "&lt;", "</td>"]


class Said(NamedTuple):
    """A content and the words that must survive."""

    content: pb.Content
    words: frozenset[str]


class Writer:
    """Draws contents; every word is drawn once only, so that none is found by accident."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._count = 0

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    def word(self) -> str:
        self._count += 1
        return f"w{self._count}x"

    def text(self, between: list[str]) -> tuple[str, set[str]]:
        """Words with anything between them."""
        words, pieces = set(), []
        for signs in self.draw(
            st.lists(st.lists(st.sampled_from(between), max_size=3), max_size=6)
        ):
            word = self.word()
            words.add(word)
            pieces += [word, "".join(signs) or " "]
        return "".join(pieces), words

    def struct(self, *keys: str) -> tuple[Struct, set[str]]:
        made, words = Struct(), set()
        for key in self.draw(st.sets(st.sampled_from(keys), min_size=1)):
            word = self.word()
            words.add(word)
            made.update({key: word})
        return made, words

    # -------------------------------------------------------------- kinds

    def said(self, depth: int = 3) -> Said:
        kinds = [self.plain, self.rich, self.media, self.audio, self.video, self.place]
        kinds += [self.template, self.system, self.tool, self.delete]
        if depth:
            kinds += [lambda: self.composite(depth - 1), lambda: self.edit(depth - 1)]
        said: Said = self.draw(st.sampled_from(kinds))()
        return said

    def plain(self) -> Said:
        body, words = self.text(MARKS + SIGNS)
        return Said(pb.Content(text=pb.TextContent(body=body)), frozenset(words))

    def rich(self) -> Said:
        is_html = self.draw(st.booleans())
        body, words = self.text([" ", ". ", "&", *HTML] if is_html else MARKS + SIGNS)
        rich = pb.RichContent(
            body=body,
            format=pb.RichContent.FORMAT_HTML if is_html else pb.RichContent.FORMAT_MARKDOWN,
        )
        for _ in range(self.draw(st.integers(0, 3))):
            button, more = self.struct("text", "url")
            rich.buttons.append(button)
            words |= more
        for _ in range(self.draw(st.integers(0, 2))):
            card, more = self.struct("title", "subtitle", "description", "image_url")
            label = self.word()
            card.update({"buttons": [{"text": label}]})
            rich.cards.append(card)
            words |= more | {label}
        for _ in range(self.draw(st.integers(0, 2))):
            reply = self.word()
            rich.quick_replies.append(reply)
            words.add(reply)
        return Said(pb.Content(rich=rich), frozenset(words))

    def media(self) -> Said:
        caption, words = self.text([" ", ". "])
        media = pb.MediaContent(
            url=f"https://x/{self._count}",
            caption=caption,
            mime_type=self.draw(st.sampled_from(["", "image/png", "video/mp4", "no type"])),
        )
        if self.draw(st.booleans()):
            media.size_bytes = self.draw(st.integers(0, 2**62))
        return Said(pb.Content(media=media), frozenset(words))

    def audio(self) -> Said:
        transcript, words = self.text([" ", ". "])
        audio = pb.AudioContent(url="https://x", transcript=transcript, duration=self.length())
        # What is heard as it is needs no transcript.
        return Said(pb.Content(audio=audio), frozenset(words))

    def video(self) -> Said:
        word = self.word()
        video = pb.VideoContent(url=f"https://{word}", duration=self.length())
        return Said(pb.Content(video=video), frozenset((word,)))

    def length(self) -> Duration:
        return Duration(seconds=self.draw(st.integers(0, 100)))

    def place(self) -> Said:
        word = self.word()
        number = st.floats(width=64)
        place = pb.LocationContent(
            latitude=self.draw(number), longitude=self.draw(number), label=word
        )
        return Said(pb.Content(location=place), frozenset((word,)))

    def template(self) -> Said:
        body, words = self.text([" ", ". "])
        return Said(
            pb.Content(template=pb.TemplateContent(template_id="t", body=body)), frozenset(words)
        )

    def system(self) -> Said:
        body, words = self.text([" ", ". "])
        return Said(pb.Content(system=pb.SystemContent(body=body)), frozenset(words))

    def tool(self) -> Said:
        word = self.word()
        return Said(pb.Content(tool_call=pb.ToolCallContent(tool_name=word)), frozenset((word,)))

    def delete(self) -> Said:
        return Said(pb.Content(delete=pb.DeleteContent(target_event_id="e")), frozenset())

    def composite(self, depth: int) -> Said:
        parts = [self.said(depth) for _ in range(self.draw(st.integers(1, 4)))]
        content = pb.CompositeContent(parts=[part.content for part in parts])
        words = frozenset[str]().union(*(part.words for part in parts))
        return Said(pb.Content(composite=content), words)

    def edit(self, depth: int) -> Said:
        new = self.said(depth)
        edit = pb.EditContent(target_event_id="e", new_content=new.content)
        return Said(pb.Content(edit=edit), new.words)


def capabilities(*, longest: st.SearchStrategy[int]) -> st.SearchStrategy[pb.Capabilities]:
    """Any capabilities with these ``max_length``."""
    kinds = [kind for kind in pb.MediaType.values() if kind]
    seconds = st.builds(lambda value: Duration(seconds=value), st.integers(0, 50))
    return st.builds(
        pb.Capabilities,
        media_types=st.lists(st.sampled_from(kinds), unique=True),
        max_length=longest,
        supports_edit=st.booleans(),
        supports_delete=st.booleans(),
        supports_buttons=st.booleans(),
        max_buttons=st.integers(0, 3),
        supports_cards=st.booleans(),
        supports_quick_replies=st.booleans(),
        supports_parts=st.booleans(),
        max_media_size_bytes=st.sampled_from([0, 1, 2**40]),
        supported_mime_types=st.sampled_from([[], ["image/*"], ["*/*"], ["video/mp4", "odd"]]),
        max_audio_duration=seconds,
        max_video_duration=seconds,
    )
