"""One row per RPC: what a credential must carry, and what a call weighs.

A method without a row is denied: the server does not start.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class LimitClass(Enum):
    """Calls that are limited together."""

    READ = "read"
    WRITE = "write"
    STREAM = "stream"


class Policy(NamedTuple):
    """What holds for one RPC."""

    scope: str
    """What the credential must carry."""
    limit: LimitClass
    weight: int = 1
    """Units of the server's capacity that a call holds while it runs."""


_READ = LimitClass.READ
_WRITE = LimitClass.WRITE
_STREAM = LimitClass.STREAM


def _rows(service: str, methods: dict[str, Policy]) -> dict[str, Policy]:
    return {f"/roomd.v1.{service}/{method}": policy for method, policy in methods.items()}


POLICIES: dict[str, Policy] = {
    **_rows(
        "RoomService",
        {
            "CreateRoom": Policy("rooms:write", _WRITE),
            "GetRoom": Policy("rooms:read", _READ),
            "ListRooms": Policy("rooms:read", _READ, 2),
            "UpdateRoom": Policy("rooms:write", _WRITE),
            "PauseRoom": Policy("rooms:write", _WRITE),
            "ResumeRoom": Policy("rooms:write", _WRITE),
            "CloseRoom": Policy("rooms:write", _WRITE),
            "ArchiveRoom": Policy("rooms:write", _WRITE),
            "DeleteRoom": Policy("rooms:write", _WRITE),
            "CheckRoomTimers": Policy("rooms:write", _WRITE),
            "CheckAllTimers": Policy("rooms:write", _WRITE, 4),
            "AddParticipant": Policy("rooms:write", _WRITE),
            "GetParticipant": Policy("rooms:read", _READ),
            "UpdateParticipant": Policy("rooms:write", _WRITE),
            "RemoveParticipant": Policy("rooms:write", _WRITE),
            "EraseParticipant": Policy("rooms:write", _WRITE, 4),
            "ListParticipants": Policy("rooms:read", _READ, 2),
            "ResolveParticipant": Policy("rooms:write", _WRITE),
            "CreateTask": Policy("rooms:write", _WRITE),
            "GetTask": Policy("rooms:read", _READ),
            "UpdateTask": Policy("rooms:write", _WRITE),
            "ListTasks": Policy("rooms:read", _READ, 2),
            "CreateObservation": Policy("rooms:write", _WRITE),
            "ListObservations": Policy("rooms:read", _READ, 2),
            "SubmitFeedback": Policy("rooms:write", _WRITE),
            "ExportRoom": Policy("rooms:export", _READ, 4),
            "SubscribeRoom": Policy("events:read", _STREAM),
            "SubscribeRooms": Policy("events:read", _STREAM),
        },
    ),
    **_rows(
        "EventService",
        {
            "ProcessInbound": Policy("events:write", _WRITE),
            "SendEvent": Policy("events:write", _WRITE),
            "Deliver": Policy("events:write", _WRITE),
            "GetEvent": Policy("events:read", _READ),
            "ListEvents": Policy("events:read", _READ, 2),
            "SearchEvents": Policy("events:read", _READ, 4),
            "UpdateEvent": Policy("events:write", _WRITE),
            "DeleteEvent": Policy("events:write", _WRITE),
            "GetThreadSummaries": Policy("events:read", _READ, 2),
            "MarkRead": Policy("events:write", _WRITE),
            "MarkAllRead": Policy("events:write", _WRITE),
            "ListReadMarkers": Policy("events:read", _READ),
            "ListDeliveries": Policy("events:read", _READ, 2),
            "RetryDelivery": Policy("events:write", _WRITE),
            "ReportDeliveryStatus": Policy("events:write", _WRITE),
        },
    ),
    **_rows(
        "ChannelService",
        {
            "RegisterChannel": Policy("channels:admin", _WRITE),
            "GetChannel": Policy("channels:read", _READ),
            "ListChannels": Policy("channels:read", _READ, 2),
            "UpdateChannel": Policy("channels:admin", _WRITE),
            "UnregisterChannel": Policy("channels:admin", _WRITE),
            "AttachChannel": Policy("channels:write", _WRITE),
            "DetachChannel": Policy("channels:write", _WRITE),
            "MuteChannel": Policy("channels:write", _WRITE),
            "UnmuteChannel": Policy("channels:write", _WRITE),
            "MuteOutput": Policy("channels:write", _WRITE),
            "UnmuteOutput": Policy("channels:write", _WRITE),
            "SetAccess": Policy("channels:write", _WRITE),
            "SetVisibility": Policy("channels:write", _WRITE),
            "UpdateBinding": Policy("channels:write", _WRITE),
            "GetBinding": Policy("channels:read", _READ),
            "ListBindings": Policy("channels:read", _READ),
            "Connect": Policy("channels:connect", _STREAM),
        },
    ),
    **_rows(
        "HookService",
        {
            "CreateHook": Policy("hooks:admin", _WRITE),
            "GetHook": Policy("hooks:read", _READ),
            "ListHooks": Policy("hooks:read", _READ, 2),
            "UpdateHook": Policy("hooks:admin", _WRITE),
            "DeleteHook": Policy("hooks:admin", _WRITE),
            "PauseHook": Policy("hooks:admin", _WRITE),
            "ResumeHook": Policy("hooks:admin", _WRITE),
            "TestHooks": Policy("hooks:admin", _WRITE, 4),
            "WatchHooks": Policy("hooks:read", _STREAM),
            "ListWorkers": Policy("hooks:read", _READ),
            "ListParkedInvocations": Policy("hooks:read", _READ, 2),
            "ReplayParkedInvocations": Policy("hooks:admin", _WRITE, 4),
            "PurgeParkedInvocations": Policy("hooks:admin", _WRITE, 4),
            "GetInvocationPayload": Policy("hooks:serve", _READ, 4),
            "Connect": Policy("hooks:serve", _STREAM),
        },
    ),
    **_rows(
        "AgentService",
        {
            "ListTools": Policy("tools:read", _READ, 2),
            "CallTool": Policy("tools:call", _WRITE),
        },
    ),
    **_rows(
        "RealtimeService",
        {
            "PublishTyping": Policy("events:write", _WRITE),
            "PublishPresence": Policy("events:write", _WRITE),
            "PublishReadReceipt": Policy("events:write", _WRITE),
            "PublishReaction": Policy("events:write", _WRITE),
            "PublishEphemeral": Policy("events:write", _WRITE),
            "ListPresence": Policy("events:read", _READ),
        },
    ),
    **_rows(
        "AdminService",
        {
            "GetServerInfo": Policy("admin:read", _READ),
            "TailFrameworkEvents": Policy("admin:read", _STREAM),
        },
    ),
}

SCOPES = frozenset(policy.scope for policy in POLICIES.values())
"""All scopes that there are."""
