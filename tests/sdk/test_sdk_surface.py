"""What the package exports, and that it has the documents' names, methods, fields and words."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import roomd
from roomd import RoomKit, channels, exceptions
from roomd._convert import HOOK_TRIGGERS
from roomd._hooks import MUTABLE
from roomd._names import MAX_NAME, handler_name
from roomd.models import channel, delivery, enums, event, room

NAMES = """
AIChannel AIContext AIImagePart AIMessage AIProvider AIResponse AITextPart AITool AIToolCall
Access AlreadyExistsError AudioContent Channel ChannelAlreadyRegisteredError ChannelBinding
ChannelCapabilities ChannelCategory ChannelData ChannelDirection ChannelMediaType
ChannelNotFoundError ChannelNotRegisteredError ChannelOutput ChannelType CircuitBreaker
CompositeContent ContentTranscoder DeleteContent DeleteType DeliveryError DeliveryMode
DeliveryResult DeliveryStatus EditContent EmailChannel EphemeralCallback EphemeralEvent
EphemeralEventType EventContent EventNotFoundError EventSource EventStatus EventType
FrameworkEvent GiveUpError HTTPChannel HookExecution HookResult HookTrigger IdentificationStatus
InMemoryLockManager InMemoryRealtime InMemoryStore InboundMessage InboundResult
InboundRoomRouter InjectedEvent Invocation LocationContent MediaContent MessageTooLargeError
MessengerChannel MockAIProvider
MockEmailProvider MockHTTPProvider MockMessengerProvider MockRCSProvider MockSMSProvider
MockTeamsProvider MockTelegramProvider MockWhatsAppProvider NotFoundError NotSupportedError
Observation ParkedInvocation Participant ParticipantNotFoundError ParticipantRole ParticipantStatus
PermissionDeniedError ProviderResult RCSChannel RateLimit RateLimitedError ReadMarker
Reconnect RetryPolicy RichContent Room RoomClosedError RoomContext RoomEvent RoomKit RoomKitError
RoomNotFoundError RoomStatus RoomTimers SMSChannel SQLiteStore ServedTool ServiceUnavailableError
SystemContent Task TaskStatus TeamsChannel TelegramChannel TemplateContent TextContent
ThreadSummary Tool ToolCall ToolCallContent ToolNotFoundError ToolOutcome ToolResult ToolRun
TransportChannel UnauthenticatedError ValidationFailedError
VideoContent WebSocketChannel WhatsAppChannel WouldDeadlockError current_invocation
retry_with_backoff
"""
EXPORTED = NAMES.split()


def test_the_package_exports_these_names() -> None:
    assert roomd.__all__ == sorted(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(roomd, name) is not None
    assert name in dir(roomd)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = roomd.Nothing


@pytest.mark.parametrize("module", ["roomd", "roomd.v1"])
def test_the_protocol_is_imported_without_the_sdk(module: str) -> None:
    """The server imports ``roomd.v1`` and must start without pydantic models and a client."""
    code = (
        f"import sys, {module}\n"
        "loaded = [name for name in sys.modules if name.split('.')[0] == 'pydantic']\n"
        "loaded += [name for name in sys.modules if name in ('roomd.kit', 'roomd.models.event')]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


METHODS = {
    "create_room": "room_id metadata",
    "get_room": "room_id",
    "close_room": "room_id",
    "update_room_metadata": "room_id metadata",
    "check_room_timers": "room_id",
    "check_all_timers": "",
    "register_channel": "channel",
    "attach_channel": "room_id channel_id category access visibility",
    "detach_channel": "room_id channel_id",
    "mute": "room_id channel_id",
    "unmute": "room_id channel_id",
    "set_access": "room_id channel_id access",
    "set_visibility": "room_id channel_id visibility",
    "update_binding_metadata": "room_id channel_id metadata",
    "get_channel": "channel_id",
    "list_channels": "",
    "get_binding": "room_id channel_id",
    "list_bindings": "room_id",
    "ensure_participant": "room_id channel_id participant_id display_name",
    "resolve_participant": "room_id participant_id identity_id resolved_by",
    "process_inbound": "message room_id",
    "process_delivery_status": "status",
    "send_event": (
        "room_id channel_id content event_type chain_depth participant_id metadata visibility "
        "provider response_visibility"
    ),
    "get_timeline": "room_id offset limit visibility_filter",
    "list_tasks": "room_id status",
    "list_observations": "room_id",
    "connect_websocket": "channel_id connection_id send_fn",
    "disconnect_websocket": "channel_id connection_id",
    "mark_read": "room_id channel_id event_id",
    "mark_all_read": "room_id channel_id",
    "publish_typing": "room_id user_id is_typing data",
    "publish_presence": "room_id user_id status",
    "publish_reaction": "room_id user_id target_event_id emoji",
    "publish_read_receipt": "room_id user_id event_id",
    "subscribe_room": "room_id callback",
    "unsubscribe_room": "subscription_id",
    "hook": "trigger execution priority name timeout channel_types channel_ids directions",
    "on": "event_type",
    "add_room_hook": "room_id trigger execution fn priority name",
    "remove_room_hook": "room_id name",
    "close": "",
}
KEYWORDS = {"connect_websocket": {"stream_send_fn"}}


@pytest.mark.parametrize("name", METHODS)
def test_the_kit_has_the_documents_methods(name: str) -> None:
    parameters = list(inspect.signature(getattr(RoomKit, name)).parameters)[1:]
    wanted = METHODS[name].split()
    assert [one for one in parameters if one in wanted] == wanted
    assert parameters[: len(wanted)] == wanted
    assert KEYWORDS.get(name, set()) <= set(parameters)


def test_channel_factories_have_the_documents_signatures() -> None:
    for factory in (
        "SMSChannel",
        "RCSChannel",
        "EmailChannel",
        "WhatsAppChannel",
        "MessengerChannel",
        "TelegramChannel",
        "TeamsChannel",
        "HTTPChannel",
    ):
        parameters = inspect.signature(getattr(channels, factory)).parameters
        assert list(parameters)[:2] == ["channel_id", "provider"], factory
    assert "from_number" in inspect.signature(channels.SMSChannel).parameters


FIELDS = {
    room.Room: (
        "id organization_id status created_at updated_at closed_at timers metadata event_count "
        "latest_index"
    ),
    event.RoomEvent: (
        "id room_id type source content status blocked_by visibility index chain_depth "
        "parent_event_id correlation_id idempotency_key created_at metadata channel_data "
        "delivery_results"
    ),
    channel.ChannelBinding: (
        "channel_id room_id channel_type category direction access muted visibility "
        "participant_id last_read_index attached_at capabilities rate_limit retry_policy metadata"
    ),
    channel.ChannelCapabilities: (
        "media_types max_length supports_threading supports_reactions supports_read_receipts "
        "supports_typing supports_templates supports_rich_text supports_buttons max_buttons "
        "supports_cards supports_quick_replies supports_media supported_media_types "
        "max_media_size_bytes supports_audio supports_video delivery_mode"
    ),
    delivery.DeliveryStatus: (
        "provider message_id status recipient sender error_code error_message timestamp raw"
    ),
}


@pytest.mark.parametrize("model", FIELDS)
def test_models_have_the_documents_fields(model: type[room.Model]) -> None:
    assert set(FIELDS[model].split()) <= set(model.model_fields)


WORDS = {
    "ChannelType": ("sms mms rcs email whatsapp websocket ai voice push messenger webhook system"),
    "ChannelCategory": "transport intelligence",
    "ChannelDirection": "inbound outbound bidirectional",
    "ChannelMediaType": "text rich media audio video location template",
    "EventType": (
        "message system typing read_receipt delivery_receipt presence reaction edit delete "
        "participant_joined participant_left participant_identified channel_attached "
        "channel_detached channel_muted channel_unmuted channel_updated task_created observation"
    ),
    "EventStatus": "pending delivered read failed blocked",
    "RoomStatus": "active paused closed archived",
    "Access": "read_write read_only write_only none",
    "IdentificationStatus": "identified pending ambiguous unknown challenge_sent rejected",
    "ParticipantRole": "owner agent member observer bot",
    "ParticipantStatus": "active inactive left banned",
    "TaskStatus": "pending in_progress completed failed cancelled",
    "DeliveryMode": "broadcast direct round_robin",
    "HookTrigger": (
        "before_broadcast after_broadcast on_channel_attached on_channel_detached "
        "on_channel_muted on_channel_unmuted on_room_created on_room_paused on_room_closed "
        "on_participant_identified on_task_created on_error on_delivery_status"
    ),
    "HookExecution": "sync async",
}


@pytest.mark.parametrize("name", WORDS)
def test_enums_have_the_documents_words(name: str) -> None:
    words = {word.value for word in getattr(enums, name)}
    assert set(WORDS[name].split()) <= words


def test_every_trigger_is_one_of_the_protocols() -> None:
    for trigger in enums.HookTrigger:
        assert HOOK_TRIGGERS.word(HOOK_TRIGGERS.number(trigger)) == trigger
    assert set(enums.HookTrigger) >= set(MUTABLE)


def test_every_error_is_a_roomkit_error() -> None:
    errors = [one for name, one in vars(exceptions).items() if name.endswith("Error")]
    assert len(errors) > 10
    assert all(issubclass(one, exceptions.RoomKitError) for one in errors)


@given(st.text(max_size=200), st.sampled_from(["", "channel-"]))
def test_any_name_becomes_one_that_the_protocol_takes(name: str, prefix: str) -> None:
    made = handler_name(name, prefix)
    assert 1 <= len(made) <= MAX_NAME
    assert made[0].isascii()
    assert made[0].isalpha()
    assert all(one.isascii() and (one.islower() or one.isdigit() or one in "_-") for one in made)
    assert made == handler_name(name, prefix)


@given(st.lists(st.text(max_size=80), min_size=2, max_size=20, unique=True))
def test_two_names_never_become_one(given_names: list[str]) -> None:
    assert len({handler_name(name) for name in given_names}) == len(given_names)
