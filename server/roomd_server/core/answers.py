"""Answers of intelligence channels, gated before anybody sees them.

A streamed answer is cut into sentences; each passes BEFORE_BROADCAST before it is shown.
A blocked sentence is stored BLOCKED, the generation is stopped and clients are told to
take back what they have shown: a blocked answer is blocked as a whole, streamed or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.attempts import (
    UNREACHED_RETRY_SECONDS,
    Attempt,
    Told,
    failed,
    told_by_failure,
)
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.cascade import Cascade
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.lane import Job, Lane, Ready
from roomd_server.core.options import EngineOptions
from roomd_server.core.permissions import can_write, effective_visibility
from roomd_server.core.pipeline import Pipeline
from roomd_server.core.ports import Ask, Clock, Hooks, Ids, ResponderFailed, Verdict
from roomd_server.core.proposal import (
    CHAIN_DEPTH_LIMIT,
    Admission,
    Proposal,
    event_call,
    note_depth,
    stamp,
)
from roomd_server.core.realtime_desk import RealtimeDesk
from roomd_server.core.room import RoomActor
from roomd_server.core.sentences import SentenceSplitter
from roomd_server.core.structs import get_str
from roomd_server.core.tools import Tools
from roomd_server.core.transcode import text_of

log = logging.getLogger(__name__)

_CHANGEABLE = ("metadata", "visibility", "response_visibility", "addressed_to")
"""What hooks may change of an event besides its content."""
_STREAM_KEY = "_stream"
"""Metadata of sentences: what they are a part of."""


@dataclass(slots=True)
class Stream:
    """An answer while it is written."""

    actor: RoomActor
    binding: pb.Binding
    trigger: pb.RoomEvent
    stream_id: str
    cascade: Cascade
    silent: str
    """Why nothing of it may be shown (it will be stored BLOCKED); empty: show it."""
    visibility: pb.Visibility
    splitter: SentenceSplitter | None = None
    """None: no hook wants to see it, every delta is shown at once."""
    holds_whole: bool = False
    """Hooks see it when it is complete."""
    shown: list[str] = field(default_factory=list)
    sequence: int = 0
    verdict: Verdict | None = None
    """What the hooks said so far: traces, tasks, observations, injected events."""
    changes: pb.RoomEvent = field(default_factory=pb.RoomEvent)
    """What hooks changed besides the words of their sentence: it holds for the answer."""


class Blocked(Exception):
    """A hook blocked a sentence."""

    def __init__(self, verdict: Verdict, sentence: str) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What answering is made of."""

    pipeline: Pipeline
    channels: ChannelDirectory
    hooks: Hooks
    tools: Tools
    desk: RealtimeDesk
    bus: FrameworkBus
    clock: Clock
    ids: Ids
    options: EngineOptions


class Answers:
    """Asks intelligence channels and lets their answers in (a ``lane.Sender``)."""

    def __init__(self, parts: AnswerParts) -> None:
        self._ = parts

    async def prepare(
        self, lane: Lane, binding: pb.Binding, event: pb.RoomEvent
    ) -> Ready | Attempt:
        """An intelligence channel is shown the event as it is."""
        channel = self._.channels.find(lane.actor.org, lane.channel_id)
        if channel is None:
            return Attempt(failed("channel_removed", "the channel was unregistered"))
        return Ready(event, channel, binding)

    async def attempt(self, lane: Lane, job: Job, ready: Ready) -> Attempt:
        """Ask once. Generating is at least once: after a crash it is asked again."""
        actor, event, channel, binding = lane.actor, ready.event, ready.channel, ready.binding
        context = partial(actor.context, viewer=binding)
        use = partial(self._.tools.use, actor)
        delivery_id = job.delivery.delivery_id
        ask = Ask(actor.org, channel, binding, event, delivery_id, "", 1, 1, context, use)
        stream = self._stream(actor, channel, binding, event, job.cascade)
        left = job.expires - self._.clock.monotonic()
        actor.generating += 1
        try:
            async with asyncio.timeout(min(left, self._.options.generation_timeout_seconds)):
                await self._generate(ask, stream)
        except TimeoutError:
            slow = ResponderFailed("timeout", "too slow", retryable=True)
            return await self._failed(stream, slow, Told.FAILS)
        except ResponderFailed as error:
            return await self._failed(
                stream, error, told_by_failure(error.code, retryable=error.retryable)
            )
        except errors.RoomdError as error:
            # It could not enter the room: no fault of who answered.
            fault = ResponderFailed(error.reason_name.lower(), error.message, retryable=True)
            return await self._failed(stream, fault, Told.NOTHING)
        except asyncio.CancelledError:
            self._retract(stream, "server_stopping")
            raise
        finally:
            actor.generating -= 1
            actor.ephemerals.streams.pop(stream.stream_id, None)
        return Attempt(pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT, parts=1), Told.WORKS)

    def _stream(
        self,
        actor: RoomActor,
        channel: pb.Channel,
        binding: pb.Binding,
        event: pb.RoomEvent,
        cascade: Cascade,
    ) -> Stream:
        silent = can_write(binding)
        if event.chain_depth + 1 >= self._.options.max_chain_depth:
            silent = CHAIN_DEPTH_LIMIT
        visibility = effective_visibility(self._answer_visibility(event), binding)
        stream = Stream(actor, binding, event, self._.ids.new(), cascade, silent, visibility)
        stream.holds_whole = _setting(binding, channel, "hold_back") == "answer"
        self._watch(stream)
        return stream

    def _watch(self, stream: Stream) -> None:
        """Hold the answer back for the hooks that want to see it, from now on."""
        org, room_id = stream.actor.org, stream.actor.room_id
        if self._.hooks.wants(org, pb.HOOK_TRIGGER_BEFORE_BROADCAST, room_id):
            stream.splitter = SentenceSplitter(hold_whole=stream.holds_whole)

    def _answer_visibility(self, event: pb.RoomEvent) -> pb.Visibility:
        if event.HasField("response_visibility"):
            return event.response_visibility
        return pb.Visibility(scope=pb.Visibility.SCOPE_ALL)

    # -------------------------------------------------------------- generating

    async def _generate(self, ask: Ask, stream: Stream) -> None:
        response = pb.Response()
        driver = self._.channels.driver(ask.channel)
        pieces = cast("AsyncGenerator[str | pb.Response, None]", driver.respond(ask))
        try:
            async with aclosing(pieces):  # closing it early cancels the model or worker
                async for piece in pieces:
                    if isinstance(piece, str):
                        await self._take_delta(stream, piece)
                    else:
                        response = piece
            if stream.splitter is not None and (rest := stream.splitter.flush()):
                await self._gate(stream, rest)
        except Blocked as blocked:
            await self._block(stream, blocked)
            return
        if stream.shown:
            await self._finish(stream, response)
        await self.take(stream.actor, stream.binding, stream.trigger, response, stream.cascade)

    async def _take_delta(self, stream: Stream, delta: str) -> None:
        if not delta:
            return
        if stream.splitter is None:
            self._watch(stream)  # somebody may have come since it began
        if stream.splitter is None or stream.silent:
            self._show(stream, delta)
            return
        for sentence in stream.splitter.push(delta):
            await self._gate(stream, sentence)

    async def _gate(self, stream: Stream, sentence: str) -> None:
        """Show a sentence when the hooks allow it.

        Raises:
            Blocked: a hook said no.
        """
        if stream.silent:
            self._show(stream, sentence)
            return
        event = self._answer(stream, sentence)
        event.metadata.update({_STREAM_KEY: {"stream_id": stream.stream_id}})
        verdict = await self._.hooks.decide(
            event_call(stream.actor, pb.HOOK_TRIGGER_BEFORE_BROADCAST, event)
        )
        if verdict.blocked_by:
            raise Blocked(verdict, sentence)
        self._gather(stream, verdict)
        decided = verdict.payload.event
        self._adopt(stream, event, decided)
        self._show(stream, text_of(decided.content))

    def _adopt(self, stream: Stream, asked: pb.RoomEvent, decided: pb.RoomEvent) -> None:
        """Let what a hook changed besides the words hold for the rest and for the whole."""
        for name in _CHANGEABLE:
            value = getattr(decided, name)
            if decided.HasField(name) and value != getattr(asked, name):
                getattr(stream.changes, name).CopyFrom(value)
        if _STREAM_KEY in stream.changes.metadata:
            del stream.changes.metadata[_STREAM_KEY]
        visibility = effective_visibility(decided.visibility, stream.binding)
        if visibility == stream.visibility:
            return
        self._retract(stream, "visibility_changed")
        stream.visibility = visibility
        if stream.shown:
            self._publish(stream, pb.EPHEMERAL_TYPE_STREAM_START, text="".join(stream.shown))

    def _gather(self, stream: Stream, verdict: Verdict) -> None:
        known = stream.verdict
        if known is None:
            stream.verdict = verdict
            return
        known.traces.extend(verdict.traces)
        known.injected.extend(verdict.injected)
        known.tasks.extend(verdict.tasks)
        known.observations.extend(verdict.observations)
        known.metadata.update(verdict.metadata)

    def _show(self, stream: Stream, text: str) -> None:
        """Publish a delta to everybody who may see it."""
        if not stream.shown and not stream.silent:
            self._publish(stream, pb.EPHEMERAL_TYPE_STREAM_START)
            stream.actor.ephemerals.streams[stream.stream_id] = stream.shown
        stream.shown.append(text)
        if not stream.silent:
            self._publish(stream, pb.EPHEMERAL_TYPE_STREAM_DELTA, text=text)
            stream.sequence += 1

    def _publish(self, stream: Stream, kind: pb.EphemeralType, **fields: str) -> None:
        delta = pb.StreamDelta(
            stream_id=stream.stream_id,
            sequence=stream.sequence,
            trigger_event_id=stream.trigger.event_id,
            **fields,
        )
        event = pb.EphemeralEvent(type=kind, channel_id=stream.binding.channel_id, stream=delta)
        self._.desk.publish(stream.actor, event, visible_to=stream.visibility)

    def _retract(self, stream: Stream, reason: str) -> None:
        if stream.shown and not stream.silent:
            self._publish(stream, pb.EPHEMERAL_TYPE_STREAM_RETRACT, reason=reason)

    # -------------------------------------------------------------- endings

    async def _finish(self, stream: Stream, response: pb.Response) -> None:
        """Commit the whole text as one event, and tell those who watched it grow."""
        event = self._answer(stream, "".join(stream.shown))
        if response.HasField("metadata"):
            event.metadata.CopyFrom(response.metadata)
            event.metadata.MergeFrom(stream.changes.metadata)
        verdict = stream.verdict or Verdict(pb.HookPayload())
        verdict.payload = pb.HookPayload(event=event)
        proposal = Proposal(event, stream.cascade, verdict=verdict, blocked_by=stream.silent)
        admission = await self._enter(stream.actor, proposal)
        committed = admission.event
        if committed is None or committed.blocked_by:
            self._retract(stream, committed.block_reason if committed else "room_closed")
        elif not stream.silent:
            self._publish(stream, pb.EPHEMERAL_TYPE_STREAM_END, event_id=committed.event_id)

    async def _block(self, stream: Stream, blocked: Blocked) -> None:
        """Store the sentence BLOCKED and have everything shown taken back."""
        self._retract(stream, blocked.verdict.reason)
        self._gather(stream, blocked.verdict)
        event = self._answer(stream, blocked.sentence)
        event.metadata.update(
            {_STREAM_KEY: {"stream_id": stream.stream_id, "retracted": "".join(stream.shown)}}
        )
        verdict = stream.verdict or blocked.verdict
        verdict.payload = pb.HookPayload(event=event)
        verdict.blocked_by = blocked.verdict.blocked_by
        verdict.reason = blocked.verdict.reason
        await self._enter(stream.actor, Proposal(event, stream.cascade, verdict=verdict))

    async def _failed(self, stream: Stream, error: ResponderFailed, told: Told) -> Attempt:
        """Make a failure visible: ON_ERROR, a framework event, the delivery's result."""
        self._retract(stream, error.code)
        # What was shown may not be said again by a second try.
        retryable = error.retryable and not stream.shown
        if error.code not in UNREACHED_RETRY_SECONDS:
            fault = self._answer(stream, "")
            fault.type = pb.EVENT_TYPE_SYSTEM
            fault.content.system.body = error.message
            fault.content.system.code = error.code
            fault.metadata.update({"error": error.message, "error_type": error.code})
            self._.pipeline.observe_fault(stream.actor, fault, stream.cascade)
            self._.bus.emit(
                stream.actor.org,
                "generation_failed",
                stream.actor.room_id,
                channel_id=stream.binding.channel_id,
                event_id=stream.trigger.event_id,
                error=error.message,
            )
        return Attempt(failed(error.code, error.message, retryable=retryable), told)

    # -------------------------------------------------------------- entering the room

    async def take(
        self,
        actor: RoomActor,
        binding: pb.Binding,
        event: pb.RoomEvent,
        response: pb.Response,
        cascade: Cascade,
    ) -> None:
        """Let whole answers, tasks and observations of a channel enter the room."""
        for answer in response.events:
            stamped = self._stamp(answer, binding, event)
            depth = stamped.chain_depth >= self._.options.max_chain_depth
            await self._enter(
                actor,
                Proposal(stamped, cascade, blocked_by=CHAIN_DEPTH_LIMIT if depth else ""),
            )
        if response.tasks or response.observations:
            await self._.pipeline.keep_notes(
                actor, list(response.tasks), list(response.observations), binding.channel_id
            )

    async def _enter(self, actor: RoomActor, proposal: Proposal) -> Admission:
        cascade = proposal.cascade
        cascade.answers += 1
        if cascade.answers > self._.options.max_chain_depth * 10:
            proposal.blocked_by = proposal.blocked_by or "reentry_loop_cap"
        if proposal.blocked_by == CHAIN_DEPTH_LIMIT:
            note_depth(self._.bus, actor, proposal)
        return await self._.pipeline.enter(actor, proposal)

    def _answer(self, stream: Stream, text: str) -> pb.RoomEvent:
        event = self._stamp(
            pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=text))),
            stream.binding,
            stream.trigger,
        )
        event.correlation_id = stream.stream_id
        for name in _CHANGEABLE:
            if stream.changes.HasField(name):
                getattr(event, name).CopyFrom(getattr(stream.changes, name))
        return event

    def _stamp(
        self, answer: pb.RoomEvent, binding: pb.Binding, trigger: pb.RoomEvent
    ) -> pb.RoomEvent:
        """Make an answer an event of the channel, one deeper than what it answers."""
        event = pb.RoomEvent(
            event_id=self._.ids.new(),
            type=answer.type or pb.EVENT_TYPE_MESSAGE,
            source=pb.EventSource(
                channel_id=binding.channel_id,
                channel_type=binding.channel_type,
                direction=pb.DIRECTION_OUTBOUND,
                participant_id=answer.source.participant_id or binding.participant_id,
            ),
            content=answer.content,
            parent_event_id=answer.parent_event_id or trigger.parent_event_id,
            correlation_id=answer.correlation_id or trigger.correlation_id or trigger.event_id,
            chain_depth=trigger.chain_depth + 1,
            visibility=self._answer_visibility(trigger),
        )
        stamp(event, trigger.room_id, self._.clock.now())
        if answer.HasField("visibility") and not trigger.HasField("response_visibility"):
            event.visibility.CopyFrom(answer.visibility)
        if answer.HasField("addressed_to"):
            event.addressed_to.CopyFrom(answer.addressed_to)
        if answer.HasField("metadata"):
            event.metadata.CopyFrom(answer.metadata)
        return event


def _setting(binding: pb.Binding, channel: pb.Channel, name: str) -> str:
    """A setting of the binding's metadata, else of the channel's settings."""
    return get_str(binding.metadata, name) or get_str(channel.settings, name)
