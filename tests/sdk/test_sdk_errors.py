"""Every reason of the service arrives as the exception that an application can catch."""

from __future__ import annotations

import grpc
import pytest
from server_process import ServerProcess

from roomd import RoomKit, RoomTimers, SMSChannel, TextContent, WebSocketChannel, exceptions
from roomd import v1 as pb
from roomd._client import error_of_reason, error_of_status

REASONS = {
    "ROOM_NOT_FOUND": exceptions.RoomNotFoundError,
    "CHANNEL_NOT_FOUND": exceptions.ChannelNotRegisteredError,
    "BINDING_NOT_FOUND": exceptions.ChannelNotFoundError,
    "PARTICIPANT_NOT_FOUND": exceptions.ParticipantNotFoundError,
    "EVENT_NOT_FOUND": exceptions.EventNotFoundError,
    "TOOL_NOT_FOUND": exceptions.ToolNotFoundError,
    "CHANNEL_EXISTS": exceptions.ChannelAlreadyRegisteredError,
    "ROOM_CLOSED": exceptions.RoomClosedError,
    "RATE_LIMITED": exceptions.RateLimitedError,
    "WOULD_DEADLOCK": exceptions.WouldDeadlockError,
    "MESSAGE_TOO_LARGE": exceptions.MessageTooLargeError,
}
CODES = {
    grpc.StatusCode.NOT_FOUND: exceptions.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: exceptions.AlreadyExistsError,
    grpc.StatusCode.INVALID_ARGUMENT: exceptions.ValidationFailedError,
    grpc.StatusCode.PERMISSION_DENIED: exceptions.PermissionDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: exceptions.UnauthenticatedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: exceptions.RateLimitedError,
    grpc.StatusCode.UNAVAILABLE: exceptions.ServiceUnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: exceptions.ServiceUnavailableError,
    grpc.StatusCode.INTERNAL: exceptions.RoomKitError,
}


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_become_the_documents_exceptions(reason: str) -> None:
    error = error_of_reason(reason, "words", {"room_id": "r"}, grpc.StatusCode.UNKNOWN)
    assert type(error) is REASONS[reason]
    assert (error.reason, error.metadata, str(error)) == (reason, {"room_id": "r"}, "words")
    assert f"ERROR_REASON_{reason}" in pb.ErrorReason.keys()  # noqa: SIM118 - a protobuf enum


@pytest.mark.parametrize("code", CODES)
def test_other_reasons_become_what_their_code_says(code: grpc.StatusCode) -> None:
    assert type(error_of_reason("SOMETHING_NEW", "words", {}, code)) is CODES[code]


def test_a_status_inside_a_stream_is_typed_too() -> None:
    status = pb.Status(code=5, message="gone", reason=pb.ERROR_REASON_ROOM_NOT_FOUND)
    assert isinstance(error_of_status(status), exceptions.RoomNotFoundError)


async def test_a_room_that_is_not_there(kit: RoomKit) -> None:
    with pytest.raises(exceptions.RoomNotFoundError) as caught:
        await kit.get_room("nowhere")
    assert caught.value.reason == "ROOM_NOT_FOUND"
    assert "nowhere" in str(caught.value)
    assert await kit.store.get_room("nowhere") is None


async def test_a_channel_that_is_not_attached(kit: RoomKit) -> None:
    kit.register_channel(WebSocketChannel("ws"))
    await kit.create_room(room_id="r")
    with pytest.raises(exceptions.ChannelNotFoundError):
        await kit.mute("r", "ws")
    with pytest.raises(exceptions.ChannelNotFoundError):
        await kit.send_event("r", "ws", TextContent(body="hi"))
    assert await kit.store.get_binding("r", "ws") is None


async def test_a_channel_that_is_not_registered(kit: RoomKit) -> None:
    await kit.create_room(room_id="r")
    with pytest.raises(exceptions.ChannelNotRegisteredError):
        await kit.attach_channel("r", "nobody")


async def test_participants_and_events_that_are_not_there(kit: RoomKit) -> None:
    await kit.create_room(room_id="r")
    with pytest.raises(exceptions.ParticipantNotFoundError):
        await kit.update_participant("r", "nobody", display_name="X")
    with pytest.raises(exceptions.EventNotFoundError):
        await kit.update_event("r", "nothing", TextContent(body="x"))
    assert await kit.store.get_participant("r", "nobody") is None
    assert await kit.store.get_event("r", "nothing") is None


async def test_a_closed_room(kit: RoomKit) -> None:
    kit.register_channel(WebSocketChannel("ws"))
    await kit.create_room(room_id="r")
    await kit.attach_channel("r", "ws")
    await kit.close_room("r")
    with pytest.raises(exceptions.RoomClosedError):
        await kit.send_event("r", "ws", TextContent(body="hi"))


async def test_what_is_there_already(kit: RoomKit) -> None:
    await kit.create_room(room_id="r", metadata={"a": 1})
    with pytest.raises(exceptions.AlreadyExistsError):
        await kit.create_room(room_id="r", metadata={"a": 2})


async def test_a_broken_rule_says_which_field(kit: RoomKit) -> None:
    with pytest.raises(exceptions.ValidationFailedError) as caught:
        await kit.get_room("")
    assert "room_id" in caught.value.violations
    assert isinstance(caught.value, ValueError)


async def test_a_type_cannot_be_changed_by_registering_again(kit: RoomKit) -> None:
    kit.register_channel(WebSocketChannel("c"))
    await kit.connect()
    await kit.unregister_channel("c")
    kit.register_channel(SMSChannel("c"))
    await kit.connect()
    await kit.create_room(room_id="r", timers=RoomTimers(inactive_after_seconds=60))
    assert (await kit.attach_channel("r", "c")).channel_type == "sms"


async def test_a_wrong_key_is_unauthenticated(server: ServerProcess) -> None:
    kit = RoomKit(server.address, api_key="rd_wrong_0123456789abcdef0123456789ab")
    with pytest.raises(exceptions.UnauthenticatedError):
        await kit.create_room()
    await kit.close()


async def test_a_wrong_key_is_told_to_a_worker_too(server: ServerProcess) -> None:
    kit = RoomKit(server.address, api_key="rd_wrong_0123456789abcdef0123456789ab")
    kit.on_delivery_status(lambda status: None)
    with pytest.raises(exceptions.UnauthenticatedError):
        await kit.connect()
    await kit.close()
