"""Generate the golden messages: ``python proto/vectors/generate.py [--check]``.

Every vector is described here in the JSON form of protobuf, with the bytes of unknown fields
where it has some. ``--check`` fails when what is committed differs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.message import Message

from roomd import v1 as pb

FOLDER = Path(__file__).resolve().parent
INDEX = "index.json"
LATER_ENUM = 9001
"""A number that no enum of this version has."""


def unknown_field(number: int, value: int | bytes) -> bytes:
    """A field on the wire: a varint below 128, or bytes shorter than that."""
    varint = isinstance(value, int)
    tag, written = number << 3 | (0 if varint else 2), bytearray()
    while tag > 0x7F:
        written.append(tag & 0x7F | 0x80)
        tag >>= 7
    written.append(tag)
    return bytes(written) + (bytes([value]) if varint else bytes([len(value)]) + value)


UNKNOWN_FIELDS = unknown_field(9144, 42) + unknown_field(9145, b"later")
UNKNOWN_MEMBER = unknown_field(250, unknown_field(1, b"later"))
"""A message: a member of a oneof that a later version may add."""


@dataclass(frozen=True)
class Vector:
    """One golden message."""

    name: str
    kind: str
    """Its type in roomd.v1."""
    note: str
    value: dict[str, Any] = field(default_factory=dict)
    """JSON form."""
    unknown: dict[str, bytes] = field(default_factory=dict)
    """Path of the message ('' is the whole) → bytes of its unknown fields."""

    def message(self) -> Message:
        """The message, unknown fields included."""
        message = message_class(self.kind)()
        json_format.ParseDict(self.value, message)
        for path, raw in self.unknown.items():
            inner = message
            for name in filter(None, path.split(".")):
                inner = getattr(inner, name)
            inner.MergeFromString(raw)
        return message


def message_class(kind: str) -> type[Message]:
    """The class of a type in roomd.v1."""
    descriptor = pb.RoomEvent.DESCRIPTOR.file.pool.FindMessageTypeByName(f"roomd.v1.{kind}")
    return message_factory.GetMessageClass(descriptor)


def content(name: str, note: str, value: dict[str, Any]) -> Vector:
    """A kind of content."""
    return Vector(f"content_{name}", "Content", note, value)


CONTENTS = [
    content("text", "Text beyond ASCII.", {"text": {"body": "Grüße, 世界 🎈", "language": "de"}}),
    content("text_empty", "A member of a oneof that is set and empty.", {"text": {}}),
    content(
        "rich",
        "Structs in a list, an enum.",
        {
            "rich": {
                "body": "**hi**",
                "format": "FORMAT_MARKDOWN",
                "plainText": "hi",
                "buttons": [{"title": "Yes"}, {"title": "No"}],
                "quickReplies": ["a", "b"],
            }
        },
    ),
    content(
        "media",
        "An optional int64 beyond 2^53.",
        {
            "media": {
                "url": "https://example.test/a.png",
                "mimeType": "image/png",
                "filename": "a.png",
                "sizeBytes": "9007199254740993",
                "caption": "a",
            }
        },
    ),
    content(
        "media_size_zero",
        "An optional field that is set to zero.",
        {"media": {"url": "https://example.test/a", "sizeBytes": "0"}},
    ),
    content(
        "audio",
        "A duration with nanoseconds.",
        {"audio": {"url": "https://example.test/a.ogg", "duration": "1.000000001s"}},
    ),
    content(
        "video",
        "A duration of milliseconds.",
        {
            "video": {
                "url": "https://example.test/a.mp4",
                "duration": "61.500s",
                "thumbnailUrl": "https://example.test/a.jpg",
            }
        },
    ),
    content(
        "location",
        "Doubles, one negative.",
        {"location": {"latitude": 48.8583701, "longitude": -2.2944813, "label": "Tower"}},
    ),
    content(
        "template",
        "A struct with every kind of value, one key per level.",
        {
            "template": {
                "templateId": "t1",
                "language": "en",
                "parameters": {"all": [None, True, False, 0, -1.5, 1e300, "x", [], {}, {"k": [1]}]},
                "body": "Hello {{1}}",
            }
        },
    ),
    content(
        "composite",
        "Contents in a content.",
        {
            "composite": {
                "parts": [
                    {"text": {"body": "one"}},
                    {"location": {"latitude": 1, "longitude": 2}},
                    {"composite": {"parts": [{"text": {"body": "inner"}}]}},
                ]
            }
        },
    ),
    content("system", "A code with data.", {"system": {"code": "x", "data": {"n": 1}}}),
    content(
        "edit",
        "A content that replaces another one.",
        {"edit": {"targetEventId": "e1", "newContent": {"text": {"body": "better"}}}},
    ),
    content(
        "delete",
        "An enum inside a message.",
        {"delete": {"targetEventId": "e1", "deleteType": "DELETE_TYPE_ADMIN", "reason": "spam"}},
    ),
    content(
        "tool_call",
        "An optional string that is set and empty.",
        {
            "toolCall": {
                "toolName": "weather",
                "toolId": "c1",
                "arguments": {"city": "Oslo"},
                "result": "",
                "status": "ok",
                "duration": "0.250s",
            }
        },
    ),
    Vector(
        "content_unknown_kind",
        "Content",
        "A kind of content that this version does not know.",
        unknown={"": UNKNOWN_MEMBER},
    ),
]

EVENT = {
    "eventId": "e1",
    "roomId": "r1",
    "index": "0",
    "type": "EVENT_TYPE_MESSAGE",
    "status": "EVENT_STATUS_DELIVERED",
    "source": {
        "channelId": "sms",
        "channelType": "CHANNEL_TYPE_SMS",
        "direction": "DIRECTION_INBOUND",
        "rawPayload": {"raw": {"deep": [1, 2, 3]}},
    },
    "content": {"text": {"body": "hello"}},
    "visibility": {"scope": "SCOPE_CHANNELS", "channelIds": ["a", "b"]},
    "addressedTo": {"channelIds": ["bot"]},
    "chainDepth": 2,
    "createTime": "2026-11-21T10:15:30.123456789Z",
    "metadata": {"k": {"n": 1.25}},
    "hookTrace": [{"hook": "gate", "workerId": "w", "decision": "allow", "took": "0.000900s"}],
    "deliveryResults": {"sms": {"state": "DELIVERY_STATE_SENT", "providerMessageId": "p"}},
}

EVENTS = [
    Vector("event", "RoomEvent", "Most of an event; its first index is 0, which is set.", EVENT),
    Vector(
        "event_before_1970",
        "RoomEvent",
        "A time before the epoch, with nanoseconds.",
        {"eventId": "e", "createTime": "1969-12-31T23:59:59.000000001Z"},
    ),
    Vector(
        "event_enum_beyond",
        "RoomEvent",
        "Enum numbers that this version does not know; JSON has the number.",
        {"eventId": "e", "type": LATER_ENUM, "source": {"channelType": LATER_ENUM}},
    ),
    Vector(
        "event_enum_negative",
        "RoomEvent",
        "A negative enum number: ten bytes on the wire.",
        {"eventId": "e", "status": -1},
    ),
    Vector(
        "event_unknown_fields",
        "RoomEvent",
        "Fields of a later version, in the message and inside of it.",
        {"eventId": "e", "source": {"channelId": "sms"}},
        {"": UNKNOWN_FIELDS, "source": UNKNOWN_FIELDS},
    ),
    Vector(
        "event_unknown_content",
        "RoomEvent",
        "An event whose content is of a kind that this version does not know.",
        {"eventId": "e", "roomId": "r", "metadata": {"k": "v"}},
        {"content": UNKNOWN_MEMBER},
    ),
    Vector(
        "delivery",
        "Delivery",
        "A delivery that will be tried again.",
        {
            "deliveryId": "d",
            "eventIndex": "12",
            "result": {
                "state": "DELIVERY_STATE_FAILED",
                "errorCode": "busy",
                "retryable": True,
                "retryAfter": "3s",
                "partMessageIds": ["1", "2"],
            },
            "attempts": 3,
        },
    ),
    Vector(
        "observation",
        "Observation",
        "An optional double that is set to zero.",
        {"observationId": "o", "category": "mood", "confidence": 0.0, "metadata": {}},
    ),
    Vector(
        "task",
        "Task",
        "A task.",
        {"taskId": "t", "title": "Call back", "status": "TASK_STATUS_IN_PROGRESS"},
    ),
    Vector(
        "ephemeral",
        "EphemeralEvent",
        "Part of an answer while it is written.",
        {
            "roomId": "r",
            "type": "EPHEMERAL_TYPE_STREAM_DELTA",
            "sequence": "7",
            "stream": {"streamId": "s", "sequence": "1", "text": "Hel"},
        },
    ),
    Vector(
        "binding",
        "Binding",
        "Capabilities and policies, with optional numbers.",
        {
            "roomId": "r",
            "channelId": "sms",
            "muted": True,
            "capabilities": {"mediaTypes": ["MEDIA_TYPE_TEXT", "MEDIA_TYPE_RICH"], "maxLength": 1},
            "rateLimit": {"maxPerSecond": 0.1},
            "retryPolicy": {"maxRetries": 0, "baseDelay": "0.100s", "exponentialBase": 2},
        },
    ),
]

REQUESTS = [
    Vector(
        "hello",
        "ConnectRequest",
        "The first message of a worker; a map with one entry.",
        {
            "hello": {
                "protocolRevision": 1,
                "workerId": "w",
                "sdkName": "roomd-x",
                "labels": {"zone": "a"},
                "window": {"replyWindow": 8, "maxBytes": "1048576"},
            }
        },
    ),
    Vector(
        "attach",
        "ConnectRequest",
        "A hook, a channel and a router; sint32, packed enums, empty messages.",
        {
            "attach": {
                "attachId": "1",
                "handlers": [
                    {
                        "name": "gate",
                        "spec": {
                            "hook": {
                                "triggers": [
                                    "HOOK_TRIGGER_BEFORE_BROADCAST",
                                    "HOOK_TRIGGER_BEFORE_DELIVER",
                                ],
                                "mode": "HOOK_MODE_DECIDE",
                                "priority": -7,
                                "timeout": "2s",
                                "filter": {"roomLabels": {"tier": "gold"}},
                                "context": {"room": True, "recentEvents": 5},
                            }
                        },
                        "etag": "*",
                    },
                    {"name": "pager", "spec": {"channelProvider": {"convertsInbound": True}}},
                    {"name": "way", "spec": {"inboundRouter": {}}},
                    {"name": "stored"},
                ],
            }
        },
    ),
    Vector(
        "attach_tool",
        "ConnectRequest",
        "Tools: one with everything, one with an empty schema, which is set.",
        {
            "attach": {
                "attachId": "1",
                "handlers": [
                    {
                        "name": "weather",
                        "spec": {
                            "tool": {
                                "description": "Das Wetter einer Stadt 🌦",
                                "parameters": {"properties": {"city": {"minLength": 1}}},
                                "channelIds": ["ai", "phone"],
                                "timeout": "0.300s",
                                "idempotent": True,
                            }
                        },
                    },
                    {"name": "clock", "spec": {"tool": {"parameters": {}}}},
                ],
            }
        },
    ),
    Vector(
        "results",
        "ConnectRequest",
        "Every outcome of a result in one batch.",
        {
            "results": {
                "results": [
                    {"invocationId": "1", "lease": "1", "decision": {"allow": {}}},
                    {"invocationId": "2", "lease": "2", "decision": {"block": {"reason": "no"}}},
                    {"invocationId": "3", "lease": "3", "done": {"tasks": [{"title": "t"}]}},
                    {
                        "invocationId": "4",
                        "lease": "9223372036854775807",
                        "failure": {"status": {"code": 13, "reason": "ERROR_REASON_SERVER_FAULT"}},
                    },
                    {
                        "invocationId": "5",
                        "lease": "5",
                        "value": {"route": {"roomId": "r", "decline": False}},
                    },
                ]
            }
        },
    ),
    Vector(
        "result_tool",
        "ConnectRequest",
        "Answers of tools: text, more for programs, an error, one that is set and empty.",
        {
            "results": {
                "results": [
                    {"invocationId": "1", "lease": "1", "value": {"tool": {"text": "sunny"}}},
                    {
                        "invocationId": "2",
                        "lease": "2",
                        "value": {
                            "tool": {
                                "text": '{"city": "Zürich"}',
                                "structured": {"days": [1, -0.5, None, {"sky": "clear"}]},
                            }
                        },
                    },
                    {
                        "invocationId": "3",
                        "lease": "3",
                        "value": {"tool": {"text": "no such city", "isError": True}},
                    },
                    {"invocationId": "4", "lease": "4", "value": {"tool": {}}},
                ]
            }
        },
    ),
    Vector(
        "modify",
        "HookDecision",
        "A field mask; JSON writes its paths in lower camel case.",
        {
            "modify": {
                "payload": {"event": {"content": {"text": {"body": "new"}}}},
                "updateMask": "event.content,event.responseVisibility,event.addressedTo",
            },
            "injectedEvents": [
                {"event": {"content": {"text": {"body": "hi"}}}, "targetChannelIds": ["ws"]}
            ],
            "metadata": {"score": 0.5},
        },
    ),
    Vector(
        "chunk",
        "ConnectRequest",
        "Part of a streamed answer; sequence 0 is not written.",
        {
            "resultChunk": {
                "invocationId": "1",
                "lease": "1",
                "sequence": "0",
                "chunk": {"textDelta": "Hel"},
            }
        },
    ),
    Vector(
        "request_unknown_member",
        "ConnectRequest",
        "A message of a later version.",
        unknown={"": UNKNOWN_MEMBER},
    ),
]

RESPONSES = [
    Vector(
        "welcome",
        "ConnectResponse",
        "The answer to Hello.",
        {
            "welcome": {
                "sessionId": "s",
                "protocolRevision": 1,
                "features": ["x"],
                "pingInterval": "20s",
                "maxMessageBytes": "4194304",
            }
        },
    ),
    Vector(
        "attached",
        "ConnectResponse",
        "One handler is attached, one refused.",
        {
            "attached": {
                "attachId": "1",
                "handlers": [
                    {"name": "gate", "status": {}, "etag": "e"},
                    {
                        "name": "other",
                        "status": {"code": 6, "reason": "ERROR_REASON_HANDLER_CONFLICT"},
                    },
                ],
            }
        },
    ),
    Vector(
        "invocations",
        "ConnectResponse",
        "A hook's and a channel's work in one batch.",
        {
            "invocations": {
                "invocations": [
                    {
                        "invocationId": "i1",
                        "lease": "4294967297",
                        "handler": "gate",
                        "attempt": 1,
                        "replyExpected": True,
                        "timeout": "1.999000s",
                        "roomId": "r1",
                        "trigger": "HOOK_TRIGGER_BEFORE_BROADCAST",
                        "context": {"room": {"roomId": "r1", "latestIndex": "0"}},
                        "traceContext": {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"},
                        "hook": {"event": EVENT},
                    },
                    {
                        "invocationId": "i2",
                        "handler": "pager",
                        "call": {"deliver": {"deliveryId": "d", "recipient": "+1", "part": 1}},
                    },
                    {"invocationId": "i3", "oversize": {"sizeBytes": "2097152"}},
                ]
            }
        },
    ),
    Vector(
        "invocation_tool",
        "ConnectResponse",
        "Calls of tools: with arguments, with an empty object, without any.",
        {
            "invocations": {
                "invocations": [
                    {
                        "invocationId": "i1",
                        "lease": "1",
                        "handler": "weather",
                        "attempt": 1,
                        "replyExpected": True,
                        "timeout": "29.999s",
                        "roomId": "r1",
                        "call": {
                            "tool": {
                                "toolCallId": "c1",
                                "name": "weather",
                                "arguments": {"city": {"names": ["Zürich", 3]}},
                                "channelId": "ai",
                            }
                        },
                    },
                    {"invocationId": "i2", "call": {"tool": {"arguments": {}}}},
                    {"invocationId": "i3", "call": {"tool": {}}},
                ]
            }
        },
    ),
    Vector(
        "invocation_beyond",
        "Invocation",
        "A trigger and an input that this version does not know.",
        {"invocationId": "i", "lease": "1", "handler": "gate", "trigger": LATER_ENUM},
        {"": UNKNOWN_MEMBER},
    ),
    Vector(
        "cancel",
        "ConnectResponse",
        "A reason that this version does not know.",
        {"cancel": {"invocationId": "i", "reason": LATER_ENUM}},
    ),
    Vector(
        "settled",
        "ConnectResponse",
        "An answer that was not applied.",
        {"settled": {"invocationId": "i", "disposition": "DISPOSITION_STALE_LEASE"}},
    ),
    Vector(
        "drain",
        "ConnectResponse",
        "Durations of zero, which are set.",
        {"drain": {"reason": "REASON_NODE_SHUTDOWN", "grace": "30s", "reconnectJitter": "0s"}},
    ),
    Vector("ping", "ConnectResponse", "A negative int64.", {"ping": {"nonce": "-2"}}),
    Vector("ping_empty", "ConnectResponse", "A member that is set and empty.", {"ping": {}}),
    Vector(
        "response_unknown_member",
        "ConnectResponse",
        "A message of a later version.",
        unknown={"": UNKNOWN_MEMBER},
    ),
    Vector("empty", "RoomEvent", "Nothing: no bytes."),
]

TOOLS = [
    Vector(
        "call_tool_request",
        "CallToolRequest",
        "Arguments with every kind of value, one key per level.",
        {
            "name": "weather",
            "arguments": {"all": [None, True, False, 0, -1.5, "Zürich", [], {}, {"k": [1]}]},
            "roomId": "r1",
            "channelId": "ai",
            "toolCallId": "c1",
        },
    ),
    Vector(
        "call_tool_response",
        "CallToolResponse",
        "An answer, and how long it took.",
        {
            "outcome": "TOOL_OUTCOME_ANSWERED",
            "result": {"text": "sunny", "structured": {"sky": "clear"}},
            "toolCallId": "c1",
            "workerId": "w",
            "took": "0.000900s",
        },
    ),
    Vector(
        "call_tool_response_beyond",
        "CallToolResponse",
        "An outcome that this version does not know, with fields of a later one.",
        {"outcome": LATER_ENUM, "result": {"isError": True}},
        {"": UNKNOWN_FIELDS, "result": UNKNOWN_FIELDS},
    ),
    Vector(
        "list_tools_response",
        "ListToolsResponse",
        "Tools with parameters and without; an empty schema is set.",
        {
            "tools": [
                {
                    "name": "weather",
                    "description": "The weather of a city",
                    "parameters": {"properties": {"city": {"type": "string"}}},
                    "channelIds": ["ai"],
                    "attachedWorkers": 2,
                },
                {"name": "clock", "parameters": {}},
                {"name": "lookup"},
            ],
            "nextPageToken": "t",
        },
    ),
]

VECTORS = [*CONTENTS, *EVENTS, *REQUESTS, *RESPONSES, *TOOLS]


def files() -> dict[str, bytes]:
    """Every file with its content."""
    made: dict[str, bytes] = {}
    index = []
    for vector in VECTORS:
        message = vector.message()
        made[f"{vector.name}.binpb"] = message.SerializeToString(deterministic=True)
        made[f"{vector.name}.json"] = _text(json_format.MessageToDict(message))
        index.append(
            {
                "name": vector.name,
                "type": f"roomd.v1.{vector.kind}",
                "json_is_whole": not vector.unknown,
                "note": vector.note,
            }
        )
    made[INDEX] = _text(index)
    return made


def _text(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def differing() -> list[str]:
    """Names of files that are not what the script makes."""
    made = files()
    here = {path.name: path for path in (*FOLDER.glob("*.binpb"), *FOLDER.glob("*.json"))}
    return sorted(
        name
        for name in made.keys() | here.keys()
        if name not in made or name not in here or here[name].read_bytes() != made[name]
    )


def main() -> int:
    """Generate, or compare; 0 when all is well."""
    changed = differing()
    if "--check" in sys.argv[1:]:
        for name in changed:
            print(f"proto/vectors/{name} is not what generate.py makes; run it")
        return 1 if changed else 0
    made = files()
    for name in changed:
        if name in made:
            (FOLDER / name).write_bytes(made[name])
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
