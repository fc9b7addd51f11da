"""Errors: every reason has the code that error.proto says, and details that help."""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest
from api_fakes import EVENT, ROOM, failure_of, routes_with, serving

from roomd import v1 as pb
from roomd_server.api.status import STATUS_OF_REASON, clip, rich_status
from roomd_server.core import errors

PROTO = Path(__file__).parents[2] / "proto" / "roomd" / "v1" / "error.proto"


def documented_codes() -> dict[str, str]:
    text = PROTO.read_text()
    pairs = re.findall(r"//\s*([A-Z_]+)[.:][^\n]*\n\s*(ERROR_REASON_\w+) =", text)
    return {reason: code for code, reason in pairs}


def test_every_reason_has_the_code_of_its_comment() -> None:
    documented = documented_codes()
    reasons = set(pb.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert reasons == set(documented)
    table = {pb.ErrorReason.Name(reason): code.name for reason, code in STATUS_OF_REASON.items()}
    assert table == documented


ERRORS = [
    errors.invalid("room_id", "is required"),
    errors.room_not_found("r1"),
    errors.AlreadyExists(pb.ERROR_REASON_KEY_REUSED, "used before"),
    errors.FailedPrecondition(pb.ERROR_REASON_ROOM_CLOSED, "closed", metadata={"room_id": "r"}),
    errors.Aborted(pb.ERROR_REASON_ETAG_MISMATCH, "read again"),
    errors.OutOfRange(pb.ERROR_REASON_HISTORY_TRUNCATED, "reload"),
    errors.ResourceExhausted(pb.ERROR_REASON_RATE_LIMITED, "slower", retry_after=1.5),
    errors.Unavailable(pb.ERROR_REASON_STORE_DOWN, "later"),
    errors.DeadlineExceeded(pb.ERROR_REASON_DEADLINE, "too late"),
    errors.Unauthenticated(pb.ERROR_REASON_CREDENTIAL_INVALID, "who"),
    errors.PermissionDenied(pb.ERROR_REASON_SCOPE_MISSING, "no"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: e.reason_name)
async def test_an_error_of_a_handler_arrives_with_code_reason_and_request_id(
    error: errors.RoomdError,
) -> None:
    async def fail(caller: object, request: object) -> pb.GetRoomResponse:
        raise error

    async with serving(routes_with({f"{ROOM}GetRoom": fail})) as client:
        request = pb.GetRoomRequest(room_id="r")
        failure = await failure_of(
            client.unary(f"{ROOM}GetRoom", request, (("x-request-id", "req-7"),))
        )
    assert failure.code.value[0] == error.code
    assert failure.reason == error.reason_name
    assert failure.message == error.message
    assert failure.info.metadata["request_id"] == "req-7"
    assert failure.request_id == "req-7"


def test_details_help_where_they_can() -> None:
    details = {e.reason_name: rich_status(e, "x").details for e in ERRORS}
    kinds = {
        reason: [packed.type_url.rpartition(".")[2] for packed in packed_details]
        for reason, packed_details in details.items()
    }
    assert kinds["VALIDATION"] == ["ErrorInfo", "BadRequest"]
    assert kinds["ROOM_NOT_FOUND"] == ["ErrorInfo", "ResourceInfo"]
    assert kinds["ROOM_CLOSED"] == ["ErrorInfo", "PreconditionFailure"]
    assert kinds["RATE_LIMITED"] == ["ErrorInfo", "RetryInfo"]
    assert kinds["STORE_DOWN"] == ["ErrorInfo"]


async def test_retry_info_and_resource_say_what_the_error_says() -> None:
    async def limited(caller: object, request: object) -> pb.SendEventResponse:
        raise errors.ResourceExhausted(pb.ERROR_REASON_RATE_LIMITED, "slow", retry_after=1.5)

    async def missing(caller: object, request: object) -> pb.GetRoomResponse:
        raise errors.room_not_found("r9")

    handlers = {f"{EVENT}DeleteEvent": limited, f"{ROOM}GetRoom": missing}
    async with serving(routes_with(handlers)) as client:
        first = await failure_of(
            client.unary(f"{EVENT}DeleteEvent", pb.DeleteEventRequest(room_id="r", event_id="e"))
        )
        second = await failure_of(client.unary(f"{ROOM}GetRoom", pb.GetRoomRequest(room_id="r9")))
    delay = first.details["RetryInfo"].retry_delay
    assert (delay.seconds, delay.nanos) == (1, 500_000_000)
    resource = second.details["ResourceInfo"]
    assert (resource.resource_type, resource.resource_name) == ("room", "r9")


async def test_a_fault_of_a_handler_is_logged_once_and_its_words_stay_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fault(caller: object, request: object) -> pb.GetRoomResponse:
        raise ZeroDivisionError("canary-secret")

    async def stream_fault(caller: object, request: object, writer: object) -> None:
        raise ZeroDivisionError("canary-secret")

    routes = routes_with({f"{ROOM}GetRoom": fault}, {f"{ROOM}SubscribeRoom": stream_fault})
    async with serving(routes) as client:
        failure = await failure_of(client.unary(f"{ROOM}GetRoom", pb.GetRoomRequest(room_id="r")))
        request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="r"))
        second = await failure_of(client.stream(f"{ROOM}SubscribeRoom", request).read())
    for seen in (failure, second):
        assert (seen.code, seen.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_FAULT")
        assert "canary" not in seen.message
        assert seen.request_id
        assert seen.request_id in seen.message
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.request_id for record in logged] == [failure.request_id, second.request_id]


async def test_the_longest_error_still_fits_into_a_status() -> None:
    awkward = "🙂" * 256
    error = errors.InvalidArgument(
        pb.ERROR_REASON_VALIDATION,
        awkward * 4,
        violations=[errors.Violation(awkward, awkward)] * 20,
        metadata={f"key{i}": awkward for i in range(20)},
    )

    async def fail(caller: object, request: object) -> pb.GetRoomResponse:
        raise error

    async with serving(routes_with({f"{ROOM}GetRoom": fail})) as client:
        failure = await failure_of(client.unary(f"{ROOM}GetRoom", pb.GetRoomRequest(room_id="r")))
    assert failure.reason == "VALIDATION"
    assert failure.details["BadRequest"].field_violations
    assert rich_status(error, "x" * 128).ByteSize() < 4600


def test_clipping_never_cuts_a_character_in_two() -> None:
    for size in range(4, 40):
        clipped = clip("aé€🙂" * 10, size)
        assert len(clipped.encode()) <= size
        assert "\ufffd" not in clipped
