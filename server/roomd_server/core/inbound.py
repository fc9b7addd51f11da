"""Messages in: rate limit, routing and conversion before the room's lock is taken.

``ProcessInbound`` and ``SendEvent`` end here; both hand a ``Proposal`` to the pipeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.frames import field_tag, framed
from roomd_server.core.options import EngineOptions
from roomd_server.core.pipeline import Pipeline
from roomd_server.core.ports import Caller, Clock, Extensions, Hooks, Ids, Store
from roomd_server.core.proposal import (
    CHAIN_DEPTH_LIMIT,
    Proposal,
    body_fingerprint,
    note_depth,
)
from roomd_server.core.room import RoomActor
from roomd_server.core.routing import Router, Sender, key_of
from roomd_server.core.times import seconds_of
from roomd_server.core.tracing import Stage

QUICK_SECONDS = 0.05
"""Routing and conversion that took less leave a message the whole timeout: it needs no timer."""


@dataclass(frozen=True, slots=True)
class InboundParts:
    """What the entrance is made of."""

    store: Store
    clock: Clock
    ids: Ids
    options: EngineOptions
    directory: RoomDirectory
    channels: ChannelDirectory
    router: Router
    pipeline: Pipeline
    hooks: Hooks
    extensions: Extensions
    bus: FrameworkBus


class Inbound:
    """The entrance of the engine."""

    def __init__(self, parts: InboundParts) -> None:
        self._ = parts

    async def process_inbound(
        self,
        caller: Caller,
        request: pb.ProcessInboundRequest,
        connection_id: str = "",
        placed: Callable[[], None] | None = None,
    ) -> pb.ProcessInboundResponse:
        """Serve ``EventService.ProcessInbound``.

        Args:
            caller: Who calls.
            request: The message.
            connection_id: The live connection it came from, if any.
            placed: Called once its place in the room is fixed, before it is durable.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
            ResourceExhausted: RATE_LIMITED; nothing was stored.
            FailedPrecondition: WOULD_DEADLOCK.
            AlreadyExists: KEY_REUSED.
            Unavailable: nothing was decided.
        """
        message = request.message
        channel = self._.channels.get(caller.org, message.channel_id)
        self._limit(caller.org, channel)
        sender = (caller.org, channel.channel_id, message.sender_id)
        began, timeout = self._.clock.monotonic(), self._.options.process_timeout_seconds
        place, converted = await self._receive_in_time(sender, channel, request)
        took = self._.clock.monotonic() - began
        event = self._event(channel, request, converted, connection_id)
        proposal = Proposal(
            event,
            _cascade(request.wait),
            fingerprint=_inbound_fingerprint(message) if event.idempotency_key else b"",
            join=channel,
            placed=placed,
            deadline=began + timeout if took > QUICK_SECONDS else None,
        )
        if isinstance(place, RoomActor):
            return await self._enter(caller, sender, place, proposal)
        with self._.router.new_room(sender, place) as actor:
            return await self._enter(caller, sender, actor, proposal)

    async def _enter(
        self, caller: Caller, sender: Sender, actor: RoomActor, proposal: Proposal
    ) -> pb.ProcessInboundResponse:
        """Let a message into its room."""
        self._check_deadlock(caller, actor.room_id)
        event, cascade = proposal.event, proposal.cascade
        if event.parent_event_id:
            event.parent_event_id = await self._thread_root(actor, event.parent_event_id)
        admission = await self._.pipeline.enter(actor, proposal, sheds=not caller.invocation_id)
        if admission.outcome in _STORED:
            self._.router.remember(sender, actor.room_id)
            if cascade.deliveries is not None:
                await self._settle(cascade)
        # What was refused made no room; a broken one gave way to another that was made.
        nowhere = admission.event is None and actor.unborn and not actor.broken
        return pb.ProcessInboundResponse(
            outcome=admission.outcome,
            event=admission.event,
            blocked_by=admission.blocked_by,
            reason=admission.reason,
            room_id="" if nowhere else actor.room_id,
            deliveries=(cascade.deliveries or {}).values(),
        )

    async def send_event(
        self, caller: Caller, request: pb.SendEventRequest
    ) -> pb.SendEventResponse | bytes:
        """Serve ``EventService.SendEvent``; the bytes are a serialised response.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            FailedPrecondition: WOULD_DEADLOCK.
            AlreadyExists: KEY_REUSED.
            Unavailable: nothing was decided.
        """
        self._check_deadlock(caller, request.room_id)
        actor = await self._.directory.get(caller.org, request.room_id)
        binding = actor.bindings.get(request.channel_id)
        if binding is None:
            raise errors.binding_not_found(request.room_id, request.channel_id)
        event = self._sent_event(request, binding)
        if event.parent_event_id:
            event.parent_event_id = await self._thread_root(actor, event.parent_event_id)
        cascade = _cascade(request.wait)
        proposal = Proposal(event, cascade)
        if event.idempotency_key:
            proposal.fingerprint = body_fingerprint(
                request.channel_id, request.participant_id, _bytes(request.content)
            )
        if event.chain_depth >= self._.options.max_chain_depth:
            proposal.blocked_by = CHAIN_DEPTH_LIMIT
            note_depth(self._.bus, actor, proposal)
        admission = await self._.pipeline.enter(actor, proposal, sheds=not caller.invocation_id)
        if cascade.deliveries is not None and admission.outcome in _STORED:
            await self._settle(cascade)
        if admission.outcome == pb.OUTCOME_ACCEPTED and not cascade.deliveries:
            return _ACCEPTED + framed(_EVENT, admission.event_data)
        return pb.SendEventResponse(
            outcome=admission.outcome,
            event=admission.event,
            blocked_by=admission.blocked_by,
            reason=admission.reason,
            deliveries=(cascade.deliveries or {}).values(),
        )

    # -------------------------------------------------------------- checks

    def _limit(self, org: str, channel: pb.Channel) -> None:
        wait = self._.channels.inbound_delay(org, channel)
        if wait > 0:
            raise errors.ResourceExhausted(
                pb.ERROR_REASON_RATE_LIMITED,
                f"no more messages by channel {channel.channel_id!r} for {wait:.2f} s",
                retry_after=wait,
                metadata={"channel_id": channel.channel_id},
            )

    def _check_deadlock(self, caller: Caller, room_id: str) -> None:
        if not caller.invocation_id:
            return
        held = self._.hooks.active_invocation_room(caller.org, caller.invocation_id)
        if held == room_id:
            raise errors.FailedPrecondition(
                pb.ERROR_REASON_WOULD_DEADLOCK,
                f"room {room_id!r} waits for the hook that makes this call; "
                "return injected events instead, or call after the hook has answered",
            )

    async def _receive_in_time(
        self, sender: Sender, channel: pb.Channel, request: pb.ProcessInboundRequest
    ) -> tuple[RoomActor | str, pb.Converted | None]:
        try:
            with Stage("route", self._.pipeline.tallies.route, self._.clock):
                async with asyncio.timeout(self._.options.process_timeout_seconds):
                    return await self._receive(sender, channel, request)
        except TimeoutError:
            raise errors.Unavailable(
                pb.ERROR_REASON_PROCESS_TIMEOUT, "routing took too long; nothing was stored"
            ) from None

    async def _receive(
        self, sender: Sender, channel: pb.Channel, request: pb.ProcessInboundRequest
    ) -> tuple[RoomActor | str, pb.Converted | None]:
        """Find the message's room, or the id of one to make, and convert it."""
        place = await self._.router.route(sender, channel, request)
        converted = await self._.extensions.convert(sender[0], channel, request.message)
        if isinstance(place, str):
            place = await self._.router.made_meanwhile(sender, place) or place
        return place, converted

    async def _thread_root(self, actor: RoomActor, parent_event_id: str) -> str:
        """The root of the parent's thread: threads have two levels. An unknown parent makes
        a message of its own.
        """
        parent = await self._.store.get_event(actor.org, actor.room_id, parent_event_id)
        if parent is None:
            return ""
        return parent.parent_event_id or parent.event_id

    # -------------------------------------------------------------- events

    def _event(
        self,
        channel: pb.Channel,
        request: pb.ProcessInboundRequest,
        converted: pb.Converted | None,
        connection_id: str,
    ) -> pb.RoomEvent:
        message = request.message
        content = message.content if converted is None else converted.content
        event = pb.RoomEvent(
            event_id=self._.ids.new(),
            type=_type_of(content, (converted and converted.event_type) or message.event_type),
            source=pb.EventSource(
                channel_id=channel.channel_id,
                channel_type=_type_with_media(channel.type, content),
                direction=pb.DIRECTION_INBOUND,
                participant_id=message.sender_id,
                external_id=message.external_id,
                provider_message_id=message.provider_message_id,
                thread_id=message.thread_id,
                connection_id=connection_id,
            ),
            content=content,
            parent_event_id=message.parent_event_id,
            idempotency_key=key_of(message),
        )
        if message.HasField("raw_payload"):
            event.source.raw_payload.CopyFrom(message.raw_payload)
        if message.HasField("metadata"):
            event.metadata.CopyFrom(message.metadata)
        if converted is not None and converted.HasField("metadata"):
            event.metadata.MergeFrom(converted.metadata)
        if request.HasField("sent_time"):
            event.metadata.update({"_sent_time": seconds_of(request.sent_time)})
        _copy_routing(message, event)
        return event

    def _sent_event(self, request: pb.SendEventRequest, binding: pb.Binding) -> pb.RoomEvent:
        outward = (
            binding.category == pb.CHANNEL_CATEGORY_INTELLIGENCE
            or binding.channel_type == pb.CHANNEL_TYPE_SYSTEM
        )
        # Field by field: half the time of keyword arguments, and this is built per message.
        event = pb.RoomEvent()
        event.event_id = self._.ids.new()
        event.type = _type_of(request.content, request.type)
        event.content.CopyFrom(request.content)
        source = event.source
        source.channel_id = binding.channel_id
        source.channel_type = binding.channel_type
        source.direction = pb.DIRECTION_OUTBOUND if outward else pb.DIRECTION_INBOUND
        source.participant_id = request.participant_id or binding.participant_id
        source.provider = request.provider
        event.parent_event_id = request.parent_event_id
        event.idempotency_key = request.idempotency_key
        event.chain_depth = request.chain_depth
        if request.HasField("metadata"):
            event.metadata.CopyFrom(request.metadata)
        _copy_routing(request, event)
        return event

    async def _settle(self, cascade: Cascade) -> None:
        await cascade.wait(self._.clock, self._.options.delivered_wait_seconds)


def _cascade(wait: pb.Wait) -> Cascade:
    cascade = Cascade()
    if wait == pb.WAIT_DELIVERED:
        cascade.deliveries = {}
    return cascade


def _copy_routing(request: pb.InboundMessage | pb.SendEventRequest, event: pb.RoomEvent) -> None:
    """Copy who sees an event, and who is asked; unset stays unset."""
    if request.HasField("visibility"):
        event.visibility.CopyFrom(request.visibility)
    if request.HasField("response_visibility"):
        event.response_visibility.CopyFrom(request.response_visibility)
    if request.HasField("addressed_to"):
        event.addressed_to.CopyFrom(request.addressed_to)


def _type_of(content: pb.Content, wanted: pb.EventType) -> pb.EventType:
    kind = content.WhichOneof("kind")
    if kind == "edit":
        return pb.EVENT_TYPE_EDIT
    if kind == "delete":
        return pb.EVENT_TYPE_DELETE
    return wanted or pb.EVENT_TYPE_MESSAGE


def _type_with_media(channel_type: pb.ChannelType, content: pb.Content) -> pb.ChannelType:
    """An SMS with media is an MMS."""
    if channel_type == pb.CHANNEL_TYPE_SMS and content.WhichOneof("kind") in _MEDIA:
        return pb.CHANNEL_TYPE_MMS
    return channel_type


def _inbound_fingerprint(message: pb.InboundMessage) -> bytes:
    return body_fingerprint(message.channel_id, message.sender_id, _bytes(message.content))


def _bytes(content: pb.Content) -> bytes:
    return content.SerializeToString(deterministic=True)


_ACCEPTED = pb.SendEventResponse(outcome=pb.OUTCOME_ACCEPTED).SerializeToString()
_EVENT = field_tag(pb.SendEventResponse, "event")
_MEDIA = frozenset(("media", "audio", "video"))
_STORED = frozenset((pb.OUTCOME_ACCEPTED, pb.OUTCOME_BLOCKED))
