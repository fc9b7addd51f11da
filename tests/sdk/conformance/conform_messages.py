"""Invocations as scripts describe them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conform_matching import Names
from google.protobuf import json_format

from roomd import v1 as pb

UNKNOWN_MEMBER = b"\xd2\x0f\x07\x0a\x05later"
"""Field 250, a message: a member of a oneof that a later version may add."""
UNKNOWN_MESSAGE = UNKNOWN_MEMBER
"""A stream message of a later version."""
LATER_NUMBER = 9001
"""Of an enum value that a later version may add."""
TIMEOUT = "5s"
ROOM = "r1"

_leases = itertools.count(1001)


@dataclass
class Work:
    """An invocation of a script."""

    name: str
    """How the script calls it."""
    invocation: pb.Invocation
    oversize: pb.GetInvocationPayloadResponse | None = None
    """What is fetched, when it does not fit."""


def works(
    value: Mapping[str, Any] | list[Mapping[str, Any]],
    known: Mapping[str, Work],
    names: Names,
    handlers: Mapping[str, Mapping[str, Any]],
) -> list[Work]:
    """The invocations of an ``invoke`` step: one, several, or ``count`` alike.

    ``again: name`` is another attempt of one that is known: its id, with a new lease.
    """
    described = value if isinstance(value, list) else _counted(value)
    return [_work(one, known, names, handlers[one["handler"]]["spec"]) for one in described]


def _counted(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "count" not in value:
        return [value]
    return [{**value, "as": f"{value['as']}{number}"} for number in range(1, value["count"] + 1)]


def _work(
    value: Mapping[str, Any], known: Mapping[str, Work], names: Names, spec: Mapping[str, Any]
) -> Work:
    name, lease = value["as"], next(_leases)
    again = value.get("again")
    same = known[again].invocation.invocation_id if again else f"inv-{name}-{lease}"
    wire = names.get(f"$wire.{value['handler']}")
    hook = spec.get("hook", {})
    invocation = pb.Invocation(
        invocation_id=same,
        lease=lease,
        handler=wire if isinstance(wire, str) else value["handler"],
        attempt=value.get("attempt", 1),
        reply_expected=hook.get("mode") != "HOOK_MODE_OBSERVE",
        organization_id="default",
        room_id=ROOM,
        trace_context=value.get("trace", {}),
    )
    timeout = value.get("timeout", TIMEOUT)
    if timeout is not None:
        invocation.timeout.FromJsonString(timeout)
    if hook:
        trigger = value.get("trigger", hook["triggers"][0])
        number = trigger if isinstance(trigger, int) else pb.HookTrigger.Value(trigger)
        invocation.trigger = number  # type: ignore[assignment]
    _fill_input(invocation, value, spec)
    oversize = None
    if value.get("oversize"):
        payload = _payload(invocation)
        invocation.oversize.size_bytes = payload.ByteSize()
        oversize = None if value["oversize"] == "gone" else payload
    names.set(f"$id.{name}", same)
    names.set(f"$lease.{name}", lease)
    return Work(name, invocation, oversize)


def _payload(invocation: pb.Invocation) -> pb.GetInvocationPayloadResponse:
    """What an invocation is about, to be fetched."""
    if invocation.HasField("call"):
        return pb.GetInvocationPayloadResponse(call=invocation.call)
    return pb.GetInvocationPayloadResponse(hook=invocation.hook)


def _fill_input(
    invocation: pb.Invocation, value: Mapping[str, Any], spec: Mapping[str, Any]
) -> None:
    if value.get("input") == "unknown":
        invocation.MergeFromString(UNKNOWN_MEMBER)
    elif value.get("call") == "unknown":
        invocation.call.MergeFromString(UNKNOWN_MEMBER)
    elif "tool" in spec:
        call = tool_call({**value, "handler": invocation.handler})
        call.tool_call_id = call.tool_call_id or f"call-{invocation.lease}"
        invocation.call.tool.CopyFrom(call)
    elif "call" in value:
        json_format.ParseDict(value["call"], invocation.call)
        if invocation.call.WhichOneof("kind") in {"deliver", "respond"}:
            delivery = getattr(invocation.call, str(invocation.call.WhichOneof("kind")))
            delivery.delivery_id = delivery.delivery_id or f"delivery-{invocation.lease}"
            if not delivery.HasField("event"):
                delivery.event.CopyFrom(event(value))
            delivery.binding.room_id = ROOM
    elif "hook" in spec:
        invocation.hook.event.CopyFrom(event(value))


def tool_call(value: Mapping[str, Any]) -> pb.ToolCall:
    """The call of a tool that a script means: its argument ``text``, or what it says itself."""
    made = pb.ToolCall(name=value["handler"])
    described = value.get("call", {}).get("tool", {})
    json_format.ParseDict(described, made)
    if "arguments" not in described:
        made.arguments.update({"text": value.get("text", "hello")})
    return made


def event(value: Mapping[str, Any]) -> pb.RoomEvent:
    """The message that an invocation is about."""
    made = pb.RoomEvent(
        event_id="event-1",
        room_id=ROOM,
        index=1,
        type=pb.EVENT_TYPE_MESSAGE,
        source=pb.EventSource(
            channel_id="ws",
            channel_type=pb.CHANNEL_TYPE_WEBSOCKET,
            direction=pb.DIRECTION_INBOUND,
            participant_id="ann",
        ),
    )
    made.create_time.FromJsonString("2026-11-21T10:00:00Z")
    json_format.ParseDict(value.get("event", {}), made)
    content = value.get("content")
    if content == "unknown":
        made.content.MergeFromString(UNKNOWN_MEMBER)
    elif content is not None:
        json_format.ParseDict(content, made.content)
    else:
        made.content.text.body = value.get("text", "hello")
    if value.get("metadata"):
        made.metadata.update(value["metadata"])
    return made


def commanded(handlers: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Handlers as commands say them: specs in the JSON form of protobuf."""
    made = []
    for name, handler in handlers.items():
        spec = json_format.ParseDict(handler["spec"], pb.HandlerSpec())
        behave = handler.get("behave", {"*": [{"allow": {}}]})
        made.append({"name": name, "spec": json_format.MessageToDict(spec), "behave": behave})
    return made
