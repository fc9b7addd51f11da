"""Pure rules: keys, limits, breakers, retries, triggers, transcoding."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.capabilities import DEFAULTS, category_of, effective, recipient_key_of
from roomd_server.core.content_rules import check_content
from roomd_server.core.keys import KeyMemory, fingerprint, key_hash
from roomd_server.core.resilience import CircuitBreaker, TokenBuckets, retry_delay
from roomd_server.core.structs import get_str, merge
from roomd_server.core.transcode import fit, split_text, strip_markup, text_of, transcode
from roomd_server.core.triggers import TRIGGERS, apply_mask

TEXT_ONLY = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT])
RICH = pb.Capabilities(
    media_types=[pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_RICH], supports_buttons=True, max_buttons=2
)


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


def words(content: pb.Content | None) -> str:
    assert content is not None
    return content.text.body


# ------------------------------------------------------------------ keys


def test_a_key_is_known_while_it_is_recent() -> None:
    memory = KeyMemory((), None, capacity=2)
    memory.add("a", b"1", "event-a")
    assert memory.lookup("a") == (b"1", "event-a")
    assert memory.lookup("b") is None


def test_an_unknown_key_is_certainly_new_while_nothing_aged_out() -> None:
    memory = KeyMemory((("a", b"1", "e"),), None)
    assert not memory.maybe_stored("b")


def test_a_key_that_aged_out_may_be_stored() -> None:
    memory = KeyMemory((), None, capacity=2)
    for number in range(5000):
        memory.add(f"key-{number}", b"1", "e")
    assert all(memory.maybe_stored(f"key-{number}") for number in range(4998))
    wrong = sum(memory.maybe_stored(f"other-{number}") for number in range(5000))
    assert wrong < 250


def test_keys_of_the_store_are_remembered_by_their_hashes() -> None:
    memory = KeyMemory((), [key_hash("old")])
    assert memory.maybe_stored("old")
    assert memory.lookup("old") is None


def test_fingerprints_tell_bodies_apart() -> None:
    assert fingerprint(b"a") != fingerprint(b"b")
    assert len(fingerprint(b"a")) == 16


# ------------------------------------------------------------------ limits and retries


def test_half_a_message_per_second_gets_through() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_minute=30), 0.0)
    taken = sum(buckets.take(now / 10, 0.0) == 0 for now in range(1200))
    assert 60 <= taken <= 90, "30 at once, then one every two seconds"


def test_every_window_holds() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_second=10, max_per_minute=20), 0.0)
    taken = sum(buckets.take(now / 100, 0.0) == 0 for now in range(1000))
    assert taken <= 20 + 4


def test_a_place_that_was_taken_is_waited_for() -> None:
    buckets = TokenBuckets(pb.RateLimit(max_per_second=1), 0.0)
    assert buckets.take(0.0) == 0
    assert buckets.take(0.0) == pytest.approx(1.0)
    assert buckets.take(0.0) == pytest.approx(2.0)


def test_the_breaker_opens_after_failures_in_a_row_and_closes_by_a_probe() -> None:
    breaker = CircuitBreaker(3, 10.0)
    for _ in range(2):
        assert not breaker.failure(0.0)
    breaker.success()
    assert [breaker.failure(0.0) for _ in range(3)] == [False, False, True]
    assert not breaker.allow(5.0)
    assert breaker.allow(10.0)
    assert not breaker.allow(10.1), "one probe at a time"
    assert breaker.success()
    assert breaker.allow(10.2)


def test_a_probe_that_is_never_reported_on_lapses() -> None:
    breaker = CircuitBreaker(1, 10.0)
    breaker.failure(0.0)
    assert breaker.allow(10.0)
    assert not breaker.allow(15.0)
    assert breaker.allow(20.0)


def test_retries_double_with_full_jitter_and_end() -> None:
    delays = [retry_delay(None, attempt, None, lambda: 1.0) for attempt in range(4)]
    assert delays == [1.0, 2.0, 4.0, None]
    assert retry_delay(None, 0, None, lambda: 0.0) == 0.0


def test_retry_after_is_never_undercut() -> None:
    assert retry_delay(None, 0, 30.0, lambda: 0.5) == 30.0


def test_a_policy_bounds_the_delay() -> None:
    policy = pb.RetryPolicy(max_retries=9, max_delay=Duration(seconds=3))
    assert retry_delay(policy, 8, None, lambda: 1.0) == 3.0
    assert retry_delay(pb.RetryPolicy(max_retries=0), 0, None, lambda: 1.0) is None


# ------------------------------------------------------------------ triggers


def test_every_trigger_has_a_row() -> None:
    named = set(pb.HookTrigger.values()) - {pb.HOOK_TRIGGER_UNSPECIFIED}
    assert set(TRIGGERS) == named


def test_every_mutable_path_names_a_field() -> None:
    for row in TRIGGERS.values():
        for path in row.mutable:
            descriptor = pb.HookPayload.DESCRIPTOR
            for part in path.split("."):
                field = descriptor.fields_by_name[part]
                descriptor = field.message_type


def test_a_mask_takes_only_what_it_names() -> None:
    payload = pb.HookPayload(event=pb.RoomEvent(event_id="e", content=text("old")))
    changed = pb.HookPayload(event=pb.RoomEvent(event_id="other", content=text("new")))
    modify = pb.Modify(payload=changed)
    modify.update_mask.paths.append("event.content")
    result = apply_mask(pb.HOOK_TRIGGER_BEFORE_BROADCAST, payload, modify)
    assert result.event.content.text.body == "new"
    assert result.event.event_id == "e"
    assert payload.event.content.text.body == "old", "what was handed on is not changed"


@pytest.mark.parametrize("path", ["event.event_id", "event", "event.source.channel_id", "x"])
def test_a_mask_may_not_name_anything_else(path: str) -> None:
    modify = pb.Modify(payload=pb.HookPayload(event=pb.RoomEvent()))
    modify.update_mask.paths.append(path)
    with pytest.raises(errors.InvalidArgument) as caught:
        apply_mask(pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HookPayload(event=pb.RoomEvent()), modify)
    assert caught.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


# ------------------------------------------------------------------ content


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (pb.Content(rich=pb.RichContent(body="**Hi**", plain_text="Hi")), "Hi"),
        (pb.Content(rich=pb.RichContent(body="**Hi** [you](https://a.b)")), "Hi you (https://a.b)"),
        (
            pb.Content(
                rich=pb.RichContent(body="<b>Hi</b><br>you", format=pb.RichContent.FORMAT_HTML)
            ),
            "Hi\nyou",
        ),
        (pb.Content(media=pb.MediaContent(url="https://x/y", caption="Sunset")), "[Media: Sunset]"),
        (pb.Content(media=pb.MediaContent(url="https://x/y", filename="a.png")), "[Media: a.png]"),
        (pb.Content(media=pb.MediaContent(url="https://x/y")), "[Media: https://x/y]"),
        (pb.Content(audio=pb.AudioContent(url="https://x", transcript="hello")), "hello"),
        (pb.Content(audio=pb.AudioContent(url="https://x")), "[Voice message: https://x]"),
        (pb.Content(video=pb.VideoContent(url="https://x")), "[Video: https://x]"),
        (
            pb.Content(location=pb.LocationContent(latitude=1.5, longitude=-2, label="Here")),
            "[Location: Here (1.5, -2)]",
        ),
        (pb.Content(template=pb.TemplateContent(template_id="t")), "[Template: t]"),
        (pb.Content(template=pb.TemplateContent(template_id="t", body="Dear")), "Dear"),
        (pb.Content(system=pb.SystemContent(body="notice")), "notice"),
        (
            pb.Content(edit=pb.EditContent(target_event_id="e", new_content=text("new"))),
            "Correction: new",
        ),
        (pb.Content(delete=pb.DeleteContent(target_event_id="e")), "[Message deleted]"),
        (pb.Content(tool_call=pb.ToolCallContent(tool_name="lookup")), "[Tool: lookup]"),
    ],
)
def test_what_a_text_channel_shows(content: pb.Content, shown: str) -> None:
    assert words(transcode(content, TEXT_ONLY)) == shown


def test_buttons_and_quick_replies_become_a_numbered_list() -> None:
    rich = pb.RichContent(plain_text="Which?", quick_replies=["both"])
    for label in ("first", "second"):
        rich.buttons.add().update({"text": label})
    shown = words(transcode(pb.Content(rich=rich), TEXT_ONLY))
    assert shown == "Which?\n1. first\n2. second\n3. both"


def test_buttons_beyond_the_limit_become_text() -> None:
    rich = pb.RichContent(body="Which?")
    for label in ("a", "b", "c"):
        rich.buttons.add().update({"text": label})
    shown = transcode(pb.Content(rich=rich), RICH)
    assert shown is not None
    assert len(shown.rich.buttons) == 2
    assert shown.rich.body == "Which?\n3. c"


def test_a_composite_of_texts_is_one_text_and_keeps_what_can_be_shown() -> None:
    media = pb.Content(media=pb.MediaContent(url="https://x", mime_type="image/png", caption="S"))
    both = pb.Content(composite=pb.CompositeContent(parts=[text("Look"), media]))
    assert words(transcode(both, TEXT_ONLY)) == "Look\n[Media: S]"
    sees = pb.Capabilities(media_types=[pb.MEDIA_TYPE_TEXT, pb.MEDIA_TYPE_MEDIA])
    assert transcode(both, sees) is both


@pytest.mark.parametrize(
    "capabilities",
    [
        pb.Capabilities(media_types=[pb.MEDIA_TYPE_MEDIA], max_media_size_bytes=10),
        pb.Capabilities(media_types=[pb.MEDIA_TYPE_MEDIA], supported_mime_types=["video/*"]),
    ],
)
def test_media_beyond_the_limits_becomes_text(capabilities: pb.Capabilities) -> None:
    media = pb.MediaContent(url="https://x", mime_type="image/png", size_bytes=11, caption="c")
    assert words(transcode(pb.Content(media=media), capabilities)) == "[Media: c]"


def test_long_text_is_split_at_sentences_or_cut_with_an_ellipsis() -> None:
    body = "One sentence. Another sentence. A third one."
    parts = pb.Capabilities(max_length=32, supports_parts=True)
    assert [one.text.body for one in fit(text(body), parts)] == [
        "One sentence. Another sentence.",
        "A third one.",
    ]
    (cut,) = fit(text(body), pb.Capabilities(max_length=10))
    assert cut.text.body == "One sente…"


def test_splitting_falls_back_to_words_and_then_to_anything() -> None:
    assert split_text("aaa bbb ccc", 7) == ["aaa bbb", "ccc"]
    assert split_text("abcdefgh", 3) == ["abc", "def", "gh"]


def test_nothing_left_is_said() -> None:
    assert transcode(text(""), TEXT_ONLY) is None
    assert fit(pb.Content(), TEXT_ONLY) == []


def test_a_sign_that_is_no_tag_stays() -> None:
    assert strip_markup("1 < 2 and 3 > 2", pb.RichContent.FORMAT_HTML) == "1 < 2 and 3 > 2"
    assert strip_markup("2 * 3 * 4", pb.RichContent.FORMAT_MARKDOWN) == "2 * 3 * 4"


def test_the_words_of_a_content() -> None:
    edit = pb.EditContent(target_event_id="e", new_content=text("inner"))
    assert text_of(pb.Content(edit=edit)) == "inner"
    assert text_of(pb.Content()) == ""


# ------------------------------------------------------------------ the rest


def test_content_rules_name_the_path() -> None:
    deep = text("x")
    for _ in range(7):
        deep = pb.Content(composite=pb.CompositeContent(parts=[deep]))
    assert check_content(deep, "content")[0].field.startswith("content.composite.parts[0]")
    inner = pb.Content(delete=pb.DeleteContent(target_event_id="x"))
    edit = pb.Content(edit=pb.EditContent(target_event_id="e", new_content=inner))
    assert [one.field for one in check_content(edit, "content")] == ["content.edit.new_content"]
    nan = pb.Content(location=pb.LocationContent(latitude=float("nan")))
    assert [one.field for one in check_content(nan, "c")] == ["c.location.latitude"]
    assert check_content(text("fine"), "content") == []


def test_metadata_merges_key_by_key() -> None:
    target, patch = Struct(), Struct()
    target.update({"a": 1, "b": 2})
    patch.update({"b": None, "c": 3})
    merge(target, patch)
    assert dict(target.items()) == {"a": 1, "c": 3}
    assert get_str(target, "a") == ""


def test_every_channel_type_has_capabilities() -> None:
    types = set(pb.ChannelType.values()) - {pb.CHANNEL_TYPE_UNSPECIFIED}
    assert set(DEFAULTS) == types
    assert category_of(pb.CHANNEL_TYPE_AI) == pb.CHANNEL_CATEGORY_INTELLIGENCE
    assert category_of(pb.CHANNEL_TYPE_SMS) == pb.CHANNEL_CATEGORY_TRANSPORT
    assert recipient_key_of(pb.CHANNEL_TYPE_TELEGRAM) == "telegram_chat_id"
    own = pb.Capabilities(max_length=5)
    channel = pb.Channel(type=pb.CHANNEL_TYPE_SMS)
    assert effective(channel, pb.Binding()).max_length == 1600
    assert effective(channel, pb.Binding(capabilities=own)) == own
