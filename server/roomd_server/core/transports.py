"""One attempt to bring an event to a transport channel."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from roomd import v1 as pb
from roomd_server.core import transcode
from roomd_server.core.attempts import Attempt, Told, failed, told_by_failure
from roomd_server.core.capabilities import recipient_key_of
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.errors import RoomdError
from roomd_server.core.lane import Job, Lane, Ready
from roomd_server.core.options import EngineOptions
from roomd_server.core.planning import delivery_id
from roomd_server.core.ports import Ask, Clock, Driver, Extensions
from roomd_server.core.room import RoomActor
from roomd_server.core.structs import get_str

log = logging.getLogger(__name__)


class Responses(Protocol):
    """Takes what a channel answers."""

    async def take(
        self,
        actor: RoomActor,
        binding: pb.Binding,
        event: pb.RoomEvent,
        response: pb.Response,
        cascade: Cascade,
    ) -> None:
        """Let each answer, task and observation enter the room."""


class Transports:
    """Makes content fit and hands it to the channel's driver (a ``lane.Sender``)."""

    def __init__(
        self,
        channels: ChannelDirectory,
        extensions: Extensions,
        clock: Clock,
        options: EngineOptions,
        responses: Responses,
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._extensions = extensions
        self._options = options
        self._responses = responses

    async def prepare(
        self, lane: Lane, binding: pb.Binding, event: pb.RoomEvent
    ) -> Ready | Attempt:
        """Find the recipient and make the content fit, in as many parts as it takes."""
        actor = lane.actor
        channel = self._channels.find(actor.org, lane.channel_id)
        if channel is None:
            return Attempt(failed("channel_removed", "the channel was unregistered"))
        recipient = ""
        if key := recipient_key_of(channel.type):
            recipient = get_str(binding.metadata, key)
            if not recipient:
                return Attempt(
                    failed("no_recipient", f"the binding's metadata has no {key}; set it")
                )
        capabilities = await self._abilities(actor, binding, event)
        parts = await self._parts(actor, channel, binding, event, capabilities)
        if not parts:
            return Attempt(
                failed("transcoding_failed", "the channel can show nothing of this content")
            )
        shown = [_as_shown(event, part, capabilities) for part in parts]
        return Ready(event, channel, binding, recipient, shown)

    async def attempt(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        """Send every part that was not sent by an earlier attempt."""
        actor, channel, parts = lane.actor, ready.channel, ready.parts
        result = pb.DeliveryResult()
        driver = self._channels.driver(channel)
        for number in range(len(lane.progress) + 1, len(parts) + 1):
            ask = Ask(
                actor.org,
                channel,
                ready.binding,
                parts[number - 1],
                job.delivery.delivery_id,
                ready.recipient,
                number,
                len(parts),
                actor.context,
            )
            outcome = await self._send(driver, ask, job.expires)
            result = outcome.result
            if outcome.HasField("response"):
                await self._take(actor, ask, outcome.response, ready.event, job.cascade)
            if result.state == pb.DELIVERY_STATE_FAILED:
                break
            lane.progress.append(result.provider_message_id)
        return _summed(result, lane.progress, len(parts))

    async def _take(
        self,
        actor: RoomActor,
        ask: Ask,
        response: pb.Response,
        event: pb.RoomEvent,
        cascade: Cascade,
    ) -> None:
        """Let the channel's answers in. Those that the room does not take are no reason to
        send the message again.
        """
        try:
            await self._responses.take(actor, ask.binding, event, response, cascade)
        except RoomdError as error:
            log.warning("an answer of %s was not taken: %s", ask.channel.channel_id, error)

    async def _abilities(
        self, actor: RoomActor, binding: pb.Binding, event: pb.RoomEvent
    ) -> pb.Capabilities:
        """What the channel can show of this event: an edit replaces one message, so what was
        sent in several is corrected.
        """
        capabilities = self._channels.capabilities(actor.org, binding)
        edits = event.content.HasField("edit") and capabilities.supports_edit
        if not edits or not capabilities.supports_parts:
            return capabilities
        target_id = event.content.edit.target_event_id
        sent = await actor.store.get_delivery(
            actor.org, actor.room_id, delivery_id(target_id, binding.channel_id)
        )
        if sent is None or sent.result.parts <= 1:
            return capabilities
        unable = pb.Capabilities()
        unable.CopyFrom(capabilities)
        unable.supports_edit = False
        return unable

    async def _parts(
        self,
        actor: RoomActor,
        channel: pb.Channel,
        binding: pb.Binding,
        event: pb.RoomEvent,
        capabilities: pb.Capabilities,
    ) -> list[pb.Content]:
        source = actor.bindings.get(event.source.channel_id)
        replaced = await self._extensions.transcode(
            actor.org, channel, event.content, source, binding
        )
        if replaced is None:
            return transcode.fit(event.content, capabilities)
        if not replaced.HasField("content"):
            return []
        return transcode.fit(replaced.content, capabilities)

    async def _send(self, driver: Driver, ask: Ask, expires: float) -> pb.DeliveryOutcome:
        left = expires - self._clock.monotonic()
        try:
            async with asyncio.timeout(min(left, self._options.attempt_timeout_seconds)):
                return await driver.deliver(ask)
        except TimeoutError:
            return pb.DeliveryOutcome(
                result=failed("timeout", "the channel did not answer in time", retryable=True)
            )


def _as_shown(
    event: pb.RoomEvent, content: pb.Content, capabilities: pb.Capabilities
) -> pb.RoomEvent:
    """The event with its content made fit, and in a thread only where there are threads."""
    threaded = capabilities.supports_threading or not event.parent_event_id
    if content is event.content and threaded:
        return event
    copy = pb.RoomEvent()
    copy.CopyFrom(event)
    copy.content.CopyFrom(content)
    if not threaded:
        copy.ClearField("parent_event_id")
    return copy


def _summed(last: pb.DeliveryResult, sent: list[str], parts: int) -> Attempt:
    """The result of all parts: the last one's, with every id."""
    result = pb.DeliveryResult()
    result.CopyFrom(last)
    result.parts = parts
    if parts > 1 and any(sent):
        result.part_message_ids[:] = sent
        result.provider_message_id = sent[0]
    if result.state != pb.DELIVERY_STATE_FAILED:
        return Attempt(result, Told.WORKS)
    return Attempt(result, told_by_failure(result.error_code, retryable=result.retryable))
