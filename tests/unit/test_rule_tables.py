"""The tables: triggers, capabilities, and what content and metadata may hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.struct_pb2 import Struct, Value

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.capabilities import DEFAULTS, category_of, effective, recipient_key_of
from roomd_server.core.content_rules import MAX_DEPTH, MAX_PARTS, check_content
from roomd_server.core.structs import merge
from roomd_server.core.triggers import TRIGGERS, apply_mask

ROOT = Path(__file__).resolve().parents[2]
BEFORE, DELIVER = pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HOOK_TRIGGER_BEFORE_DELIVER


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


def nested(levels: int) -> pb.Content:
    content = text("x")
    for _ in range(levels):
        content = pb.Content(composite=pb.CompositeContent(parts=[content]))
    return content


# ------------------------------------------------------------------ triggers


def test_gates_decide_and_validate_and_the_rest_observe() -> None:
    gate = {pb.HOOK_MODE_DECIDE, pb.HOOK_MODE_VALIDATE}
    for trigger, row in TRIGGERS.items():
        name = pb.HookTrigger.Name(trigger)
        is_gate = name.startswith("HOOK_TRIGGER_BEFORE_")
        assert row.modes == (gate if is_gate else {pb.HOOK_MODE_OBSERVE}), name
        assert bool(row.mutable) is is_gate, name
        assert row.payload in pb.HookPayload.DESCRIPTOR.fields_by_name, name


def comments_of_triggers() -> dict[str, str]:
    """What the protocol says of each trigger, the words of a comment in one line."""
    text = (ROOT / "proto/roomd/v1/hook.proto").read_text(encoding="utf-8")
    found = re.findall(r"((?: *//.*\n)+) *(HOOK_TRIGGER_\w+) =", text)
    return {name: " ".join(re.sub(r" *// ?", " ", words).split()) for words, name in found}


@pytest.mark.parametrize("trigger", TRIGGERS, ids=pb.HookTrigger.Name)
def test_the_protocol_says_what_the_table_says(trigger: int) -> None:
    words, row = comments_of_triggers()[pb.HookTrigger.Name(trigger)], TRIGGERS[trigger]
    modes = {mode for mode in pb.HookMode.values() if f" {pb.HookMode.Name(mode)[10:]}" in words}
    assert modes == row.modes
    payload = re.search(r"Payload: (\w+)", words)
    assert payload is None or payload[1] in (row.payload, "the")
    mutable = re.search(r"Mutable: ([\w., ]+)\.", words)
    assert (tuple(mutable[1].split(", ")) if mutable else ()) == row.mutable


def event(body: str, **fields: object) -> pb.HookPayload:
    made = pb.RoomEvent(content=text(body), **fields)
    return pb.HookPayload(event=made)


def modify(payload: pb.HookPayload, *paths: str) -> pb.Modify:
    made = pb.Modify(payload=payload)
    made.update_mask.paths.extend(paths)
    return made


def test_an_empty_mask_takes_all_that_may_change_and_nothing_else() -> None:
    old = event("old", event_id="e", addressed_to=pb.Addressing(channel_ids=["bot"]))
    new = event("new", event_id="forged", visibility=pb.Visibility(scope=pb.Visibility.SCOPE_NONE))
    changed = apply_mask(BEFORE, old, modify(new)).event
    assert changed.content == text("new")
    assert changed.event_id == "e"
    assert changed.visibility.scope == pb.Visibility.SCOPE_NONE
    assert not changed.HasField("addressed_to"), "left out means taken away"


def test_a_path_below_a_mutable_one_replaces_the_whole() -> None:
    media = pb.HookPayload(
        event=pb.RoomEvent(content=pb.Content(media=pb.MediaContent(url="https://x")))
    )
    changed = apply_mask(BEFORE, event("old"), modify(media, "event.content.media.url"))
    assert changed.event.content == media.event.content


@pytest.mark.parametrize(
    ("trigger", "path"),
    [
        (DELIVER, "event.visibility"),
        (BEFORE, "event.contents"),
        (BEFORE, ""),
        (pb.HOOK_TRIGGER_AFTER_BROADCAST, "event.content"),
    ],
)
def test_a_path_that_may_not_change_is_refused(trigger: int, path: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        apply_mask(trigger, event("old"), modify(event("new"), "event.content", path))
    assert caught.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


@pytest.mark.parametrize("payload", [pb.HookPayload(), pb.HookPayload(delivery=pb.Delivery())])
def test_another_kind_of_payload_is_refused(payload: pb.HookPayload) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        apply_mask(BEFORE, event("old"), modify(payload))
    assert caught.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


# ------------------------------------------------------------------ capabilities


def test_every_type_shows_text_and_has_a_category() -> None:
    intelligence = {"AI", "REALTIME_VOICE", "REALTIME_AUDIO_VIDEO"}
    for channel_type, capabilities in DEFAULTS.items():
        name = pb.ChannelType.Name(channel_type).removeprefix("CHANNEL_TYPE_")
        assert pb.MEDIA_TYPE_TEXT in capabilities.media_types, name
        is_ai = category_of(channel_type) == pb.CHANNEL_CATEGORY_INTELLIGENCE
        assert is_ai is (name in intelligence), name


@pytest.mark.parametrize(
    ("name", "max_length", "recipient_key", "edits"),
    [
        ("SMS", 1600, "phone_number", False),
        ("MMS", 1600, "phone_number", False),
        ("RCS", 8000, "phone_number", False),
        ("EMAIL", 0, "email_address", False),
        ("WHATSAPP", 4096, "phone_number", True),
        ("WHATSAPP_PERSONAL", 4096, "phone_number", True),
        ("MESSENGER", 2000, "facebook_user_id", False),
        ("TELEGRAM", 4096, "telegram_chat_id", True),
        ("TEAMS", 28000, "teams_conversation_id", True),
        ("WEBHOOK", 0, "recipient_id", False),
        ("WEBSOCKET", 0, "", True),
        ("AI", 0, "", False),
        ("VOICE", 0, "", False),
        ("CLI", 0, "", False),
    ],
)
def test_the_documents_table(name: str, max_length: int, recipient_key: str, edits: bool) -> None:
    channel_type = pb.ChannelType.Value(f"CHANNEL_TYPE_{name}")
    capabilities = DEFAULTS[channel_type]
    assert capabilities.max_length == max_length
    assert recipient_key_of(channel_type) == recipient_key
    assert capabilities.supports_edit is edits
    assert capabilities.supports_parts or not max_length or name == "PUSH"


def test_the_binding_wins_over_the_channel_and_the_channel_over_its_type() -> None:
    own, type_ = pb.Capabilities(max_length=1), pb.CHANNEL_TYPE_TELEGRAM
    channel = pb.Channel(type=type_)
    assert effective(channel, None) is DEFAULTS[type_]
    assert effective(pb.Channel(type=type_, capabilities=own), pb.Binding()).max_length == 1
    bound = pb.Binding(capabilities=pb.Capabilities(max_length=2))
    assert effective(pb.Channel(type=type_, capabilities=own), bound).max_length == 2
    assert list(effective(pb.Channel(), None).media_types) == [pb.MEDIA_TYPE_TEXT]


# ------------------------------------------------------------------ content and metadata


def test_five_levels_and_thirty_two_parts_are_the_most() -> None:
    assert check_content(nested(MAX_DEPTH), "c") == []
    assert [one.field for one in check_content(nested(MAX_DEPTH + 1), "c")] == [
        "c" + ".composite.parts[0]" * (MAX_DEPTH - 1) + ".composite.parts"
    ]
    for count, fine in ((0, False), (1, True), (MAX_PARTS, True), (MAX_PARTS + 1, False)):
        parts = pb.CompositeContent(parts=[text("x")] * count)
        broken = check_content(pb.Content(composite=parts), "c")
        assert ([one.field for one in broken] == []) is fine


def test_every_part_is_checked_and_none_may_edit_or_delete() -> None:
    place = pb.LocationContent(latitude=float("inf"), longitude=float("nan"))
    parts = [
        text("fine"),
        pb.Content(),
        pb.Content(edit=pb.EditContent(new_content=text("x"))),
        pb.Content(delete=pb.DeleteContent()),
        pb.Content(location=place),
    ]
    content = pb.Content(composite=pb.CompositeContent(parts=parts))
    assert [one.field for one in check_content(content, "c")] == [
        "c.composite.parts[1]",
        "c.composite.parts[2]",
        "c.composite.parts[3]",
        "c.composite.parts[4].location.latitude",
        "c.composite.parts[4].location.longitude",
    ]


@pytest.mark.parametrize(
    "inner",
    [
        pb.Content(),
        pb.Content(edit=pb.EditContent(new_content=text("x"))),
        pb.Content(delete=pb.DeleteContent()),
        nested(MAX_DEPTH),
    ],
)
def test_an_edit_says_something_new_and_no_more_than_that(inner: pb.Content) -> None:
    content = pb.Content(edit=pb.EditContent(new_content=inner))
    (broken,) = check_content(content, "c")
    assert broken.field.startswith("c.edit.new_content")


def test_hostile_depth_is_refused_at_the_limit() -> None:
    content = nested(45)
    assert len(check_content(content, "c")) == 1


def test_a_merge_replaces_nested_values_whole_and_leaves_the_patch() -> None:
    target, patch = Struct(), Struct()
    target.update({"kept": 1, "nested": {"a": 1}, "gone": True})
    patch.update({"nested": {"b": 2}, "gone": None})
    patch.fields["gone too"].CopyFrom(Value())
    merge(target, patch)
    assert target == Struct(fields={**_values({"kept": 1, "nested": {"b": 2}})})
    assert "gone" in patch.fields


def _values(plain: dict[str, object]) -> dict[str, Value]:
    made = Struct()
    made.update(plain)
    return dict(made.fields)
