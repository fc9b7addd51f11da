"""Calls that bring messages in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roomd import v1 as pb
from roomd._client import CALL_SECONDS, DELIVERED_SECONDS
from roomd._convert import (
    EVENT_TYPES,
    content_to_pb,
    delivery_from_pb,
    event_from_pb,
    inbound_to_pb,
    struct,
    visibility_to_pb,
)
from roomd._session import Session
from roomd.exceptions import RateLimitedError, RoomClosedError, RoomKitError
from roomd.models.delivery import DeliveryStatus, InboundMessage, InboundResult
from roomd.models.enums import EventType
from roomd.models.event import EventContent, RoomEvent, TextContent

WAITS = {"committed": pb.WAIT_COMMITTED, "delivered": pb.WAIT_DELIVERED}
STRATEGIES = {
    None: pb.DELIVER_STRATEGY_IMMEDIATE,
    "immediate": pb.DELIVER_STRATEGY_IMMEDIATE,
    "wait_for_idle": pb.DELIVER_STRATEGY_WAIT_FOR_IDLE,
    "queued": pb.DELIVER_STRATEGY_QUEUED,
}


REPORTED = {
    "sent": pb.DELIVERY_STATE_SENT,
    "delivered": pb.DELIVERY_STATE_DELIVERED,
    "read": pb.DELIVERY_STATE_READ,
    "failed": pb.DELIVERY_STATE_FAILED,
    "undelivered": pb.DELIVERY_STATE_FAILED,
}


class EventCalls:
    """Sends messages."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def process_inbound(
        self, message: InboundMessage, room_id: str | None, wait: str
    ) -> InboundResult:
        """Take a message from outside through the pipeline."""
        inbound = inbound_to_pb(message)
        request = pb.ProcessInboundRequest(message=inbound, room_id=room_id or "", wait=_wait(wait))
        try:
            response = await self._session.call(
                "EventService/ProcessInbound",
                request,
                pb.ProcessInboundResponse,
                timeout=_seconds(wait),
            )
        except RateLimitedError as error:
            if error.reason != "RATE_LIMITED":
                raise
            return InboundResult(blocked=True, reason="rate_limited")
        stopped = response.outcome in (pb.OUTCOME_BLOCKED, pb.OUTCOME_REFUSED)
        event = event_from_pb(response.event) if response.HasField("event") else None
        return InboundResult(
            event=event,
            blocked=stopped,
            reason=response.reason or None,
            duplicate=response.outcome == pb.OUTCOME_DUPLICATE,
            room_id=response.room_id or None,
            delivery_results={
                one.channel_id: delivery_from_pb(one.channel_id, one.result)
                for one in response.deliveries
                if event is not None and one.event_id == event.id
            },
        )

    def send_request(
        self,
        *,
        room_id: str,
        channel_id: str,
        content: EventContent,
        event_type: EventType,
        visibility: str,
        response_visibility: str | None,
        metadata: Mapping[str, Any] | None,
        addressed_to: Sequence[str] | None,
        wait: str,
    ) -> pb.SendEventRequest:
        """Build the request of ``send_event``."""
        request = pb.SendEventRequest(
            room_id=room_id,
            channel_id=channel_id,
            content=content_to_pb(content),
            type=EVENT_TYPES.number(event_type),
            wait=_wait(wait),
        )
        if visibility != "all":
            request.visibility.CopyFrom(visibility_to_pb(visibility))
        if response_visibility is not None:
            request.response_visibility.CopyFrom(visibility_to_pb(response_visibility))
        if metadata:
            request.metadata.CopyFrom(struct(metadata))
        if addressed_to is not None:
            request.addressed_to.CopyFrom(pb.Addressing(channel_ids=addressed_to))
        return request

    async def send(self, request: pb.SendEventRequest) -> RoomEvent:
        """Write an event.

        Raises:
            RoomClosedError: the room is closed.
            RoomKitError: it was refused for another reason.
        """
        wait = "delivered" if request.wait == pb.WAIT_DELIVERED else "committed"
        response = await self._session.call(
            "EventService/SendEvent", request, pb.SendEventResponse, timeout=_seconds(wait)
        )
        _check_refused(response)
        return event_from_pb(response.event)

    async def deliver(
        self,
        room_id: str,
        content: EventContent | str,
        channel_id: str | None,
        strategy: str | None,
        metadata: Mapping[str, Any] | None,
    ) -> RoomEvent | None:
        """Say something of our own accord.

        Raises:
            ValueError: no such strategy.
            RoomClosedError: the room is closed.
        """
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy is immediate, wait_for_idle or queued, not {strategy!r}")
        said = TextContent(body=content) if isinstance(content, str) else content
        request = pb.DeliverRequest(
            room_id=room_id,
            content=content_to_pb(said),
            channel_id=channel_id or "",
            strategy=STRATEGIES[strategy],
        )
        if metadata:
            request.metadata.CopyFrom(struct(metadata))
        response = await self._session.call("EventService/Deliver", request, pb.DeliverResponse)
        _check_refused(response)
        return event_from_pb(response.event) if response.HasField("event") else None

    async def report_status(self, status: DeliveryStatus) -> None:
        """Tell what a provider says became of a message.

        Raises:
            ValueError: no channel, or a state that is none.
        """
        state = REPORTED.get(status.status)
        if state is None:
            raise ValueError(f"status is sent, delivered, read or failed, not {status.status!r}")
        if not status.channel_id:
            raise ValueError("channel_id must say which channel sent the message")
        request = pb.ReportDeliveryStatusRequest(
            channel_id=status.channel_id,
            provider_message_id=status.message_id,
            state=state,
            error_code=status.error_code or "",
            error_message=status.error_message or "",
        )
        if status.raw:
            request.raw_payload.CopyFrom(struct(status.raw))
        await self._session.call(
            "EventService/ReportDeliveryStatus", request, pb.ReportDeliveryStatusResponse
        )


def _check_refused(response: pb.SendEventResponse | pb.DeliverResponse) -> None:
    """Raise when the room did not take the message.

    Raises:
        RoomClosedError: the room is closed.
        RoomKitError: it was refused for another reason.
    """
    if response.outcome == pb.OUTCOME_REFUSED:
        kind = RoomClosedError if response.reason == "room_closed" else RoomKitError
        raise kind(f"refused: {response.reason}", reason=response.reason)


def _wait(wait: str) -> pb.Wait:
    """What to wait for.

    Raises:
        ValueError: no such word.
    """
    if wait not in WAITS:
        raise ValueError(f"wait is committed or delivered, not {wait!r}")
    return WAITS[wait]


def _seconds(wait: str) -> float:
    return DELIVERED_SECONDS if wait == "delivered" else CALL_SECONDS
