"""A story for every trigger: what happens so that it fires, and what it then carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask
from hooks_kit import phone, serve
from rooms_kit import House, text_content

from roomd import v1 as pb

WEB, SMS, AI = pb.CHANNEL_TYPE_WEBSOCKET, pb.CHANNEL_TYPE_SMS, pb.CHANNEL_TYPE_AI
SYSTEM = pb.CHANNEL_TYPE_SYSTEM
IN, OUT = pb.DIRECTION_INBOUND, pb.DIRECTION_OUTBOUND

Step = Callable[[House], Awaitable[Any]]
Shows = Callable[[pb.HookPayload], object]


class Facts(NamedTuple):
    """What a payload is about; zero: it has no such property."""

    channel_id: str = ""
    channel_type: int = SYSTEM
    direction: int = OUT
    event_type: int = pb.EVENT_TYPE_SYSTEM
    room_id: str = "r1"


class Story(NamedTuple):
    """How a trigger comes to fire."""

    fire: Step
    carries: object
    shows: Shows
    """What of the payload must be ``carries``."""
    facts: Facts
    prepare: Step | None = None
    """Happens before anybody watches."""


def do(request: Any) -> Step:
    """One call."""
    return lambda h: h.do(request)


def in_turn(*steps: Step) -> Step:
    """One after another."""

    async def go(h: House) -> None:
        for step in steps:
            await step(h)

    return go


def say(text: str) -> Step:
    """A message comes in."""
    return lambda h: h.say(text)


def text_shown(payload: pb.HookPayload) -> object:
    return payload.event.content.text.body


def code_shown(*names: str) -> Shows:
    """The code of a system event, and some of its data."""

    def shows(payload: pb.HookPayload) -> object:
        system = payload.event.content.system
        return (system.code, *(system.data[name] for name in names))

    return shows


def of_channel(what: str, request: type[Any], *before: Step) -> Story:
    """Something happens to the channel ``web``."""
    code = f"channel_{what}"
    return Story(
        do(request(room_id="r1", channel_id="web")),
        (code, "web"),
        code_shown("channel_id"),
        Facts("web", WEB, event_type=pb.EventType.Value(f"EVENT_TYPE_{code.upper()}")),
        in_turn(lambda h: h.register("web"), *before),
    )


def of_room(what: str, request: type[Any], *before: Step) -> Story:
    """Something happens to the room."""
    prepare = in_turn(*before) if before else None
    return Story(do(request(room_id="r1")), (f"room_{what}",), code_shown(), Facts(), prepare)


def of_participant(what: str, request: Any, *before: Step) -> Story:
    """Something happens to ada."""
    code = f"participant_{what}"
    return Story(
        do(request),
        (code, "ada"),
        code_shown("participant_id"),
        Facts(event_type=pb.EventType.Value(f"EVENT_TYPE_{code.upper()}")),
        in_turn(*before) if before else None,
    )


async def broken_ai(h: House) -> None:
    """An AI that always fails."""
    failure = pb.Failure(status=pb.Status(code=13, message="the model is gone"))
    described = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec())
    handler = pb.Handler(name="model", spec=described)
    await serve(h, handler, behave=lambda _: failure)
    await h.add("ai", AI, by="model")


async def change_the_message(h: House) -> None:
    """Edit what was said first."""
    event_id = (await h.messages())[0].event_id
    request = pb.UpdateEventRequest(
        room_id="r1", event_id=event_id, content=text_content("changed")
    )
    request.update_mask.CopyFrom(FieldMask(paths=["content"]))
    await h.do(request)


async def withdraw_the_message(h: House) -> None:
    """Delete what was said first."""
    event_id = (await h.messages())[0].event_id
    await h.do(pb.DeleteEventRequest(room_id="r1", event_id=event_id))


ATTACH = do(pb.AttachChannelRequest(room_id="r1", channel_id="web"))
MUTE = do(pb.MuteChannelRequest(room_id="r1", channel_id="web"))
PAUSE = do(pb.PauseRoomRequest(room_id="r1"))
CLOSE = do(pb.CloseRoomRequest(room_id="r1"))
ADA = pb.Participant(participant_id="ada")
JOIN = do(pb.AddParticipantRequest(room_id="r1", participant=ADA))
RENAMED = pb.UpdateParticipantRequest(
    room_id="r1",
    participant=pb.Participant(participant_id="ada", display_name="Ada"),
    update_mask=FieldMask(paths=["display_name"]),
)
DELIVER = do(
    pb.DeliverRequest(room_id="r1", channel_id="sms", content=text_content("your order is here"))
)
PRAISE = pb.SubmitFeedbackRequest(
    room_id="r1", channel_id="ws", rating=0.5, dimension="help", comment="thanks"
)
MESSAGE = Facts("ws", WEB, IN, pb.EVENT_TYPE_MESSAGE)
TO_PHONE = Facts("sms", SMS, OUT, pb.EVENT_TYPE_MESSAGE)

STORIES: Mapping[int, Story] = {
    pb.HOOK_TRIGGER_BEFORE_BROADCAST: Story(say("hello"), "hello", text_shown, MESSAGE),
    pb.HOOK_TRIGGER_AFTER_BROADCAST: Story(say("hello"), "hello", text_shown, MESSAGE),
    pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED: of_channel("attached", pb.AttachChannelRequest),
    pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED: of_channel("detached", pb.DetachChannelRequest, ATTACH),
    pb.HOOK_TRIGGER_ON_CHANNEL_MUTED: of_channel("muted", pb.MuteChannelRequest, ATTACH),
    pb.HOOK_TRIGGER_ON_CHANNEL_UNMUTED: of_channel(
        "unmuted", pb.UnmuteChannelRequest, ATTACH, MUTE
    ),
    pb.HOOK_TRIGGER_ON_ROOM_CREATED: Story(
        do(pb.CreateRoomRequest(room_id="r2", labels={"tier": "gold"})),
        ("room_created",),
        code_shown(),
        Facts(room_id="r2"),
    ),
    pb.HOOK_TRIGGER_ON_ROOM_PAUSED: of_room("paused", pb.PauseRoomRequest),
    pb.HOOK_TRIGGER_ON_ROOM_RESUMED: of_room("resumed", pb.ResumeRoomRequest, PAUSE),
    pb.HOOK_TRIGGER_ON_ROOM_CLOSED: of_room("closed", pb.CloseRoomRequest),
    pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED: of_room("archived", pb.ArchiveRoomRequest, CLOSE),
    pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED: of_participant(
        "joined", pb.AddParticipantRequest(room_id="r1", participant=ADA)
    ),
    pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT: of_participant(
        "left", pb.RemoveParticipantRequest(room_id="r1", participant_id="ada"), JOIN
    ),
    pb.HOOK_TRIGGER_ON_PARTICIPANT_UPDATED: of_participant("updated", RENAMED, JOIN),
    pb.HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED: of_participant(
        "identified",
        pb.ResolveParticipantRequest(room_id="r1", participant_id="ada", identity_id="id-1"),
        JOIN,
    ),
    pb.HOOK_TRIGGER_ON_TASK_CREATED: Story(
        do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="call back"))),
        ("task_created", "call back"),
        code_shown("title"),
        Facts(event_type=pb.EVENT_TYPE_TASK_CREATED),
    ),
    pb.HOOK_TRIGGER_ON_DELIVERY_STATUS: Story(
        say("hello"),
        ("sms", pb.DELIVERY_STATE_SENT, "m1"),
        lambda payload: (
            payload.delivery.channel_id,
            payload.delivery.result.state,
            payload.delivery.result.provider_message_id,
        ),
        Facts("sms", SMS, OUT, 0),
        phone,
    ),
    pb.HOOK_TRIGGER_ON_ERROR: Story(
        say("hello"),
        "the model is gone",
        lambda payload: payload.event.metadata["error"],
        Facts("ai", AI),
        broken_ai,
    ),
    pb.HOOK_TRIGGER_ON_EVENT_UPDATED: Story(
        change_the_message, "changed", text_shown, MESSAGE, say("hello")
    ),
    pb.HOOK_TRIGGER_ON_EVENT_DELETED: Story(
        withdraw_the_message,
        (True, ""),
        lambda payload: (payload.event.HasField("delete_time"), text_shown(payload)),
        MESSAGE,
        say("hello"),
    ),
    pb.HOOK_TRIGGER_BEFORE_DELIVER: Story(
        DELIVER, "your order is here", text_shown, TO_PHONE, phone
    ),
    pb.HOOK_TRIGGER_AFTER_DELIVER: Story(
        DELIVER, "your order is here", text_shown, TO_PHONE, phone
    ),
    pb.HOOK_TRIGGER_ON_FEEDBACK: Story(
        do(PRAISE),
        ("feedback:help", "thanks", 0.5),
        lambda payload: (
            payload.observation.category,
            payload.observation.content,
            payload.observation.metadata["rating"],
        ),
        Facts("ws", WEB, 0, 0),
    ),
    pb.HOOK_TRIGGER_ON_SESSION_STARTED: Story(say("hello"), "hello", text_shown, MESSAGE),
}
