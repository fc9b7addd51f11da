"""Models to protobuf and back: nothing is lost. One strategy per model, every field in it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomd import _convert as convert
from roomd import v1 as pb
from roomd.models import enums
from roomd.models.base import Model
from roomd.models.channel import (
    ChannelBinding,
    ChannelCapabilities,
    RateLimit,
    RetryPolicy,
)
from roomd.models.delivery import InboundMessage
from roomd.models.event import (
    AudioContent,
    ChannelData,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
    VideoContent,
)
from roomd.models.task import Observation, Task

ids = st.text("abcdefghijklmnop-:0123456789", min_size=1, max_size=20)
words = st.text(max_size=40)
said = st.text(min_size=1, max_size=40)
maybe = st.none() | said
flags = st.booleans()
counts = st.integers(1, 2**31 - 1)
whole_ms = st.integers(1, 10_000_000).map(lambda ms: ms / 1000)
json_values = st.recursive(
    st.none() | flags | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
free = st.dictionaries(words, json_values, max_size=3)
urls = ids.map("https://example.com/{}".format)
moments = st.datetimes(
    datetime(1970, 1, 2),
    datetime(2200, 1, 1),
    timezones=st.just(UTC),
)
visibilities = st.sampled_from(["all", "none", "transport", "intelligence", "internal"]) | st.lists(
    st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3
).map(",".join).filter(lambda text: text not in convert._SCOPES)


def of(kind: type[StrEnum]) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


SIMPLE = [
    st.builds(TextContent, body=words, language=maybe),
    st.builds(
        RichContent,
        body=words,
        format=st.sampled_from(["markdown", "html"]),
        plain_text=maybe,
        buttons=st.lists(free, max_size=2),
        cards=st.lists(free, max_size=2),
        quick_replies=st.lists(words, max_size=2),
    ),
    st.builds(
        MediaContent,
        url=urls,
        mime_type=said,
        filename=maybe,
        size_bytes=st.none() | st.integers(0, 2**60),
        caption=maybe,
    ),
    st.builds(
        AudioContent,
        url=urls,
        mime_type=said,
        duration_seconds=st.none() | whole_ms,
        transcript=maybe,
    ),
    st.builds(
        VideoContent,
        url=urls,
        mime_type=said,
        duration_seconds=st.none() | whole_ms,
        thumbnail_url=st.none() | urls,
    ),
    st.builds(
        LocationContent,
        latitude=st.floats(-90, 90),
        longitude=st.floats(-180, 180),
        label=maybe,
        address=maybe,
    ),
    st.builds(TemplateContent, template_id=said, language=said, parameters=free, body=maybe),
    st.builds(SystemContent, body=words, code=maybe, data=free),
    st.builds(DeleteContent, target_event_id=ids, delete_type=of(enums.DeleteType), reason=maybe),
    st.builds(
        ToolCallContent,
        tool_name=said,
        tool_id=said,
        arguments=free,
        result=st.none() | words,
        status=said,
        duration_ms=st.none() | st.integers(0, 10**6).map(float),
        error=maybe,
    ),
]
simple = st.one_of(SIMPLE)
COMPOUND = [
    st.builds(EditContent, target_event_id=ids, new_content=simple, edit_source=maybe),
    st.builds(
        CompositeContent,
        parts=st.lists(
            simple | st.builds(CompositeContent, parts=st.lists(simple, min_size=1, max_size=2)),
            min_size=1,
            max_size=3,
        ),
    ),
]
contents = st.one_of(*SIMPLE, *COMPOUND)


@given(contents)
def test_content_comes_back(content: Any) -> None:
    wire = convert.content_to_pb(content).SerializeToString()
    assert convert.content_from_pb(pb.Content.FromString(wire)) == content


@st.composite
def events(draw: st.DrawFn) -> RoomEvent:
    provider, external, thread = draw(maybe), draw(maybe), draw(maybe)
    return RoomEvent(
        id=draw(ids),
        room_id=draw(ids),
        type=draw(of(enums.EventType)),
        source=EventSource(
            channel_id=draw(ids),
            channel_type=draw(of(enums.ChannelType)),
            direction=draw(of(enums.ChannelDirection)),
            participant_id=draw(maybe),
            external_id=external,
            provider=provider,
            raw_payload=draw(free),
            provider_message_id=draw(maybe),
            thread_id=thread,
        ),
        content=draw(contents),
        status=draw(of(enums.EventStatus)),
        visibility=draw(visibilities),
        addressed_to=draw(st.none() | st.lists(ids, max_size=3)),
        response_visibility=draw(st.none() | visibilities),
        chain_depth=draw(st.integers(0, 100)),
        parent_event_id=draw(maybe),
        correlation_id=draw(maybe),
        created_at=draw(moments),
        metadata=draw(free),
        channel_data=ChannelData(provider=provider, external_id=external, thread_id=thread),
    )


STAMPED_BY_THE_SERVICE = {
    "index",
    "blocked_by",
    "block_reason",
    "idempotency_key",
    "delivery_results",
}
"""Fields of an event that nobody else may set."""


@settings(max_examples=200)
@given(events())
def test_events_come_back(event: RoomEvent) -> None:
    wire = convert.event_to_pb(event).SerializeToString()
    back = convert.event_from_pb(pb.RoomEvent.FromString(wire))
    assert back.model_dump(exclude=STAMPED_BY_THE_SERVICE) == event.model_dump(
        exclude=STAMPED_BY_THE_SERVICE
    )


def test_what_the_service_stamps_on_an_event_is_read() -> None:
    result = pb.DeliveryResult(state=pb.DELIVERY_STATE_FAILED, error_code="no_worker")
    event = convert.event_from_pb(
        pb.RoomEvent(
            event_id="e",
            room_id="r",
            source=pb.EventSource(channel_id="c"),
            index=7,
            blocked_by="spam",
            block_reason="no",
            idempotency_key="k",
            delivery_results={"sms": result},
        )
    )
    assert (event.index, event.blocked_by, event.block_reason) == (7, "spam", "no")
    assert event.idempotency_key == "k"
    assert event.delivery_results["sms"]["error"]["code"] == "no_worker"


@given(
    st.builds(
        InboundMessage,
        channel_id=ids,
        sender_id=ids,
        content=contents,
        event_type=of(enums.EventType),
        external_id=maybe,
        thread_id=maybe,
        parent_event_id=maybe,
        idempotency_key=maybe,
        raw_payload=free,
        provider_message_id=maybe,
        metadata=free,
        visibility=visibilities,
        addressed_to=st.none() | st.lists(ids, max_size=3),
        response_visibility=st.none() | visibilities,
    )
)
def test_inbound_messages_come_back(message: InboundMessage) -> None:
    wire = convert.inbound_to_pb(message).SerializeToString()
    assert convert.inbound_from_pb(pb.InboundMessage.FromString(wire)) == message


positive = st.integers(1, 10_000).map(float)
limits = st.builds(
    RateLimit,
    max_per_second=st.none() | positive,
    max_per_minute=st.none() | positive,
    max_per_hour=st.none() | positive,
)
policies = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 50),
    base_delay_seconds=whole_ms,
    max_delay_seconds=whole_ms,
    exponential_base=st.integers(1, 10).map(float),
)

FLAG_OF_TYPE = {
    "supports_rich_text": enums.ChannelMediaType.RICH,
    "supports_media": enums.ChannelMediaType.MEDIA,
    "supports_audio": enums.ChannelMediaType.AUDIO,
    "supports_video": enums.ChannelMediaType.VIDEO,
    "supports_templates": enums.ChannelMediaType.TEMPLATE,
}


@st.composite
def capabilities(draw: st.DrawFn) -> ChannelCapabilities:
    """As the protocol says them: a flag about a media type and the type are one thing."""
    types = draw(st.lists(of(enums.ChannelMediaType), min_size=1, max_size=7, unique=True))
    return ChannelCapabilities(
        media_types=types,
        **{flag: kind in types for flag, kind in FLAG_OF_TYPE.items()},
        max_length=draw(st.none() | counts),
        supports_threading=draw(flags),
        supports_reactions=draw(flags),
        supports_edit=draw(flags),
        supports_delete=draw(flags),
        supports_read_receipts=draw(flags),
        supports_typing=draw(flags),
        supports_buttons=draw(flags),
        max_buttons=draw(st.none() | counts),
        supports_cards=draw(flags),
        supports_quick_replies=draw(flags),
        supported_media_types=draw(st.lists(said, max_size=3)),
        max_media_size_bytes=draw(st.none() | counts),
        max_audio_duration_seconds=draw(st.none() | whole_ms),
        max_video_duration_seconds=draw(st.none() | whole_ms),
        supports_parts=draw(flags),
        supports_streaming=draw(flags),
        delivery_mode=draw(of(enums.DeliveryMode)),
        custom=draw(free),
    )


@given(capabilities())
def test_capabilities_come_back(value: ChannelCapabilities) -> None:
    wire = convert.capabilities_to_pb(value).SerializeToString()
    assert convert.capabilities_from_pb(pb.Capabilities.FromString(wire)) == value


@pytest.mark.parametrize("flag", FLAG_OF_TYPE)
def test_a_flag_about_a_media_type_is_the_media_type(flag: str) -> None:
    said_so = convert.capabilities_to_pb(ChannelCapabilities(**{flag: True}))
    assert FLAG_OF_TYPE[flag] in convert.capabilities_from_pb(said_so).media_types


@st.composite
def bindings(draw: st.DrawFn) -> ChannelBinding:
    return ChannelBinding(
        channel_id=draw(ids),
        room_id=draw(ids),
        channel_type=draw(of(enums.ChannelType)),
        category=draw(of(enums.ChannelCategory)),
        direction=draw(of(enums.ChannelDirection)),
        access=draw(of(enums.Access)),
        muted=draw(flags),
        output_muted=draw(flags),
        visibility=draw(visibilities),
        participant_id=draw(maybe),
        attached_at=draw(moments),
        capabilities=draw(capabilities()),
        rate_limit=draw(st.none() | limits),
        retry_policy=draw(st.none() | policies),
        metadata=draw(free),
    )


def binding_to_pb(value: ChannelBinding) -> pb.Binding:
    """As the service stores a binding."""
    made = pb.Binding(
        channel_id=value.channel_id,
        room_id=value.room_id,
        channel_type=convert.CHANNEL_TYPES.number(value.channel_type),
        category=convert.CATEGORIES.number(value.category),
        direction=convert.DIRECTIONS.number(value.direction),
        access=convert.ACCESSES.number(value.access),
        muted=value.muted,
        output_muted=value.output_muted,
        visibility=convert.visibility_to_pb(value.visibility),
        participant_id=value.participant_id or "",
        attach_time=convert.timestamp(value.attached_at),
        capabilities=convert.capabilities_to_pb(value.capabilities),
        metadata=convert.struct(value.metadata),
    )
    if value.rate_limit is not None:
        made.rate_limit.CopyFrom(convert.rate_limit_to_pb(value.rate_limit))
    if value.retry_policy is not None:
        made.retry_policy.CopyFrom(convert.retry_policy_to_pb(value.retry_policy))
    return made


@given(bindings())
def test_bindings_come_back(value: ChannelBinding) -> None:
    assert convert.binding_from_pb(binding_to_pb(value)) == value


@given(
    st.builds(
        Task,
        id=ids,
        room_id=ids,
        title=said,
        description=maybe,
        assigned_to=maybe,
        status=of(enums.TaskStatus),
        metadata=free,
    )
)
def test_tasks_come_back(task: Task) -> None:
    back = convert.task_from_pb(convert.task_to_pb(task))
    assert back.model_dump(exclude={"created_at"}) == task.model_dump(exclude={"created_at"})


@given(
    st.builds(
        Observation,
        id=ids,
        room_id=ids,
        channel_id=ids,
        content=words,
        category=maybe,
        confidence=st.floats(0, 1),
        event_id=maybe,
        metadata=free,
    )
)
def test_observations_come_back(found: Observation) -> None:
    back = convert.observation_from_pb(convert.observation_to_pb(found))
    assert back.model_dump(exclude={"created_at"}) == found.model_dump(exclude={"created_at"})


@given(visibilities)
def test_visibilities_come_back(value: str) -> None:
    assert convert.visibility_from_pb(convert.visibility_to_pb(value)) == value


@given(st.floats(0, 1e9))
def test_durations_come_back(value: float) -> None:
    assert convert.seconds(convert.duration(value)) == pytest.approx(value, abs=1e-8)


WORDS = {name: one for name, one in vars(convert).items() if isinstance(one, convert.Words)}
ENUMS: dict[str, type[StrEnum]] = {
    "CHANNEL_TYPES": enums.ChannelType,
    "CATEGORIES": enums.ChannelCategory,
    "DIRECTIONS": enums.ChannelDirection,
    "ACCESSES": enums.Access,
    "MEDIA_TYPES": enums.ChannelMediaType,
    "DELIVERY_MODES": enums.DeliveryMode,
    "EVENT_TYPES": enums.EventType,
    "EVENT_STATUSES": enums.EventStatus,
    "ROOM_STATUSES": enums.RoomStatus,
    "ROLES": enums.ParticipantRole,
    "PARTICIPANT_STATUSES": enums.ParticipantStatus,
    "IDENTIFICATIONS": enums.IdentificationStatus,
    "TASK_STATUSES": enums.TaskStatus,
    "HOOK_TRIGGERS": enums.HookTrigger,
    "EPHEMERAL_TYPES": enums.EphemeralEventType,
    "DELETE_TYPES": enums.DeleteType,
    "TOOL_OUTCOMES": enums.ToolOutcome,
}


def test_every_enum_of_the_protocol_is_in_this_table() -> None:
    assert set(WORDS) == set(ENUMS)


@pytest.mark.parametrize("name", ENUMS)
def test_every_word_has_its_number(name: str) -> None:
    table = WORDS[name]
    for word in ENUMS[name]:
        assert table.number(word) > 0
        assert table.word(table.number(word)) is word


def test_a_word_that_this_sdk_does_not_know_has_a_default() -> None:
    assert convert.EVENT_TYPES.word(9999, enums.EventType.MESSAGE) == enums.EventType.MESSAGE


def test_a_content_that_this_sdk_does_not_know_is_a_notice() -> None:
    withdrawn = convert.content_from_pb(pb.Content())
    assert withdrawn == SystemContent(body="", code="withdrawn")


def test_models_are_immutable_and_refuse_unknown_fields() -> None:
    content = TextContent(body="x")
    with pytest.raises(ValueError, match="frozen"):
        content.body = "y"
    with pytest.raises(ValueError, match="extra"):
        TextContent(body="x", boddy="y")
    assert issubclass(TextContent, Model)
