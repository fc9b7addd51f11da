"""Channels and routers of the application as handlers on the worker stream."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from roomd import v1 as pb
from roomd._convert import (
    EVENT_TYPES,
    binding_from_pb,
    content_from_pb,
    content_to_pb,
    context_from_pb,
    event_from_pb,
    event_to_pb,
    inbound_from_pb,
    observation_to_pb,
    struct,
    task_to_pb,
)
from roomd._worker import Answer, Emit, Handler
from roomd.channels.ai import AIChannel
from roomd.channels.base import Channel, plain_event
from roomd.core.inbound_router import InboundRoomRouter
from roomd.core.router import ContentTranscoder
from roomd.models.channel import ChannelOutput
from roomd.models.delivery import ProviderResult
from roomd.models.enums import ChannelCategory, ChannelType
from roomd.models.room import Room, RoomContext

UNROUTED = "unrouted"
"""The room of a message that is turned into an event before its room is known."""


def channel_handler(channel: Channel, transcoder: ContentTranscoder | None) -> Handler:
    """A channel of the application, served to the service."""
    spec = pb.ChannelProviderSpec(
        converts_inbound=_converts(channel),
        transcodes=transcoder is not None,
        recent_events=_recent_events(channel),
    )

    async def serve(invocation: pb.Invocation, emit: Emit) -> Answer:
        call = invocation.call
        match call.WhichOneof("kind"):
            case "deliver":
                return await _deliver(channel, call.deliver)
            case "respond":
                context = context_from_pb(invocation.context)
                return await _respond(channel, call.respond, context, emit)
            case "convert":
                room = Room(id=invocation.room_id or UNROUTED)
                return await _convert(channel, call.convert, RoomContext(room=room))
            case "transcode":
                return await _transcode(transcoder, call.transcode)
        return pb.Failure(status=pb.Status(code=12, message="this SDK does not know the call"))

    return Handler(pb.HandlerSpec(channel_provider=spec), serve)


def _recent_events(channel: Channel) -> int:
    """How much history a channel is told."""
    if channel.category != ChannelCategory.INTELLIGENCE:
        return 1
    return channel.max_context_events if isinstance(channel, AIChannel) else 50


def _converts(channel: Channel) -> bool:
    """Whether the channel turns messages itself: only a class of the application does."""
    module = type(channel).handle_inbound.__module__
    return not module.startswith("roomd.channels")


async def _deliver(channel: Channel, delivery: pb.ChannelDelivery) -> Answer:
    event = event_from_pb(delivery.event)
    binding = binding_from_pb(delivery.binding)
    # Transport channels are told no more of the room than this; ``kit.store`` has the rest.
    context = RoomContext(room=Room(id=event.room_id), bindings=[binding])
    try:
        output = await channel.deliver(event, binding, context)
    except Exception as error:  # boundary: the channel's fault is the delivery's outcome
        result = pb.DeliveryResult(
            state=pb.DELIVERY_STATE_FAILED,
            error_code=str(getattr(error, "code", type(error).__name__))[:256],
            error_message=str(error)[:2000],
            retryable=bool(getattr(error, "retryable", True)),
        )
        return pb.HandlerResult(delivery=pb.DeliveryOutcome(result=result))
    result = pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT)
    provided = output.provider_result if isinstance(output, ChannelOutput) else None
    if isinstance(provided, ProviderResult):
        result.provider_message_id = provided.provider_message_id or ""
    outcome = pb.DeliveryOutcome(result=result)
    if isinstance(output, ChannelOutput) and _says_something(output):
        outcome.response.CopyFrom(_response(output))
    return pb.HandlerResult(delivery=outcome)


async def _respond(
    channel: Channel, delivery: pb.ChannelDelivery, context: RoomContext, emit: Emit
) -> Answer:
    event = event_from_pb(delivery.event)
    binding = binding_from_pb(delivery.binding)
    output = await channel.on_event(event, binding, context)
    if not isinstance(output, ChannelOutput):
        return pb.HandlerResult(response=pb.Response())
    if output.response_stream is not None:
        async for delta in output.response_stream:
            if delta:
                await emit(delta)
    return pb.HandlerResult(response=_response(output))


async def _convert(channel: Channel, message: pb.InboundMessage, context: RoomContext) -> Answer:
    inbound = inbound_from_pb(message)
    event = await channel.handle_inbound(inbound, context)
    converted = pb.Converted(content=content_to_pb(event.content))
    plain = plain_event(channel, inbound, event.room_id)
    added = {
        key: value for key, value in event.metadata.items() if plain.metadata.get(key) != value
    }
    if added:
        converted.metadata.CopyFrom(struct(added))
    converted.event_type = EVENT_TYPES.number(event.type)
    return pb.HandlerResult(converted=converted)


async def _transcode(transcoder: ContentTranscoder | None, call: pb.Transcode) -> Answer:
    if transcoder is None:
        return pb.Failure(status=pb.Status(code=9, message="no transcoder is set"))
    content = await transcoder.transcode(
        content_from_pb(call.content),
        binding_from_pb(call.source_binding),
        binding_from_pb(call.target_binding),
    )
    transcoded = pb.Transcoded()
    if content is not None:
        transcoded.content.CopyFrom(content_to_pb(content))
    return pb.HandlerResult(transcoded=transcoded)


def _says_something(output: ChannelOutput) -> bool:
    return bool(output.response_events or output.tasks or output.observations)


def _response(output: ChannelOutput) -> pb.Response:
    response = pb.Response(
        events=[event_to_pb(event) for event in output.response_events],
        tasks=[task_to_pb(task) for task in output.tasks],
        observations=[observation_to_pb(one) for one in output.observations],
    )
    if output.response_metadata:
        response.metadata.CopyFrom(struct(output.response_metadata))
    return response


def router_handler(
    router: InboundRoomRouter, channel_type: Callable[[str], ChannelType | None]
) -> Handler:
    """A router of the application, asked before the built-in rules.

    Args:
        router: It.
        channel_type: Type of a channel by id; None for one that this kit does not know.
    """

    async def serve(invocation: pb.Invocation, _emit: Emit) -> Answer:
        message = inbound_from_pb(invocation.call.route)
        chosen: Any = router.route(
            message.channel_id, channel_type(message.channel_id), message.sender_id
        )
        if inspect.isawaitable(chosen):
            chosen = await chosen
        answer = pb.RouteAnswer(room_id=chosen or "", decline=not chosen)
        return pb.HandlerResult(route=answer)

    return Handler(pb.HandlerSpec(inbound_router=pb.InboundRouterSpec()), serve)
