"""The transcoder never raises, never loses text, keeps every limit and changes no argument."""

from __future__ import annotations

from collections.abc import Iterator

from contents import Writer, capabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core.capabilities import DEFAULTS
from roomd_server.core.transcode import fit, text_of, transcode

UNLIMITED = capabilities(longest=st.just(0))
LIMITED = capabilities(longest=st.sampled_from([1, 2, 8, 12, 20, 50, 4096]))
ANY = capabilities(longest=st.sampled_from([-1, 0, 1, 2, 3, 5, 9, 20, 4096]))


def written(content: pb.Content | None) -> str:
    """Everything that is written anywhere in a content."""
    if content is not None and content.HasField("text"):
        return content.text.body
    return str(content)


def leaves(content: pb.Content) -> Iterator[pb.Content]:
    if content.HasField("composite"):
        for part in content.composite.parts:
            yield from leaves(part)
    elif content.HasField("edit"):
        yield from leaves(content.edit.new_content)
    else:
        yield content


def kinds_of(content: pb.Content) -> set[str | None]:
    return {leaf.WhichOneof("kind") for leaf in leaves(content)}


@given(st.data(), UNLIMITED)
@settings(max_examples=200, deadline=None)
def test_no_word_is_lost(data: st.DataObject, target: pb.Capabilities) -> None:
    said = Writer(data).said()
    fitted = transcode(said.content, target)
    assert fitted is not None or not said.words
    shown = written(fitted)
    assert {word for word in said.words if word not in shown} == set()


@given(st.data(), LIMITED)
@settings(max_examples=200, deadline=None)
def test_no_word_is_lost_in_parts(data: st.DataObject, target: pb.Capabilities) -> None:
    said = Writer(data).said()
    target.supports_parts = True
    # Joined without anything between: a word in a run that is too long may be torn.
    shown = "".join(map(written, fit(said.content, target)))
    assert {word for word in said.words if word not in shown} == set()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_text_of_has_every_word(data: st.DataObject) -> None:
    said = Writer(data).said()
    shown = text_of(said.content)
    assert {word for word in said.words if word not in shown} == set()


@given(st.data(), ANY)
@settings(max_examples=200, deadline=None)
def test_the_target_is_given_only_what_it_shows(
    data: st.DataObject, target: pb.Capabilities
) -> None:
    said = Writer(data).said()
    before = said.content.SerializeToString(deterministic=True)
    parts = fit(said.content, target)
    assert said.content.SerializeToString(deterministic=True) == before
    assert fit(said.content, target) == parts, "the same parts every time"
    native = {
        pb.MediaType.Name(kind).removeprefix("MEDIA_TYPE_").lower() for kind in target.media_types
    }
    for part in parts:
        allowed = native | {"text"} | ({"delete"} if target.supports_delete else set())
        assert kinds_of(part) <= allowed
        assert target.supports_edit or not part.HasField("edit")
        for leaf in leaves(part):
            within_limits(leaf, target)


def within_limits(leaf: pb.Content, target: pb.Capabilities) -> None:
    limit = target.max_length if target.max_length > 0 else 10**9
    assert len(leaf.text.body) <= limit
    assert len(leaf.rich.body) <= limit
    assert len(leaf.media.caption) <= limit
    most = (target.max_buttons or 100) if target.supports_buttons else 0
    assert len(leaf.rich.buttons) <= most
    assert target.supports_cards or not leaf.rich.cards
    assert target.supports_quick_replies or not leaf.rich.quick_replies
    if target.max_media_size_bytes:
        assert leaf.media.size_bytes <= target.max_media_size_bytes


@given(st.data(), st.sampled_from(sorted(DEFAULTS)))
@settings(max_examples=100, deadline=None)
def test_what_was_fitted_once_fits(data: st.DataObject, channel_type: int) -> None:
    target = DEFAULTS[channel_type]
    for part in fit(Writer(data).said().content, target):
        assert transcode(part, target) is part


@given(st.binary(max_size=200), ANY)
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_it_raise(wire: bytes, target: pb.Capabilities) -> None:
    content = pb.Content()
    try:
        content.ParseFromString(wire)
    except Exception:  # not a message at all
        content.Clear()
    fit(content, target)
    text_of(content)
