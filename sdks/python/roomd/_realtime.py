"""Calls about fleeting things, and subscriptions to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from roomd import v1 as pb
from roomd._convert import EPHEMERAL_TYPES, struct
from roomd._ephemeral import EphemeralSubscription
from roomd._session import Session
from roomd.models.enums import EphemeralEventType
from roomd.realtime.base import EphemeralCallback


class RealtimeCalls:
    """Publishes typing, presence, receipts and reactions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._subscriptions: dict[str, EphemeralSubscription] = {}

    async def typing(
        self, room_id: str, user_id: str, typing: bool, data: Mapping[str, Any] | None
    ) -> None:
        """Someone types or stops."""
        request = pb.PublishTypingRequest(room_id=room_id, user_id=user_id, typing=typing)
        if data:
            request.data.CopyFrom(struct(data))
        await self._session.call("RealtimeService/PublishTyping", request, pb.PublishTypingResponse)

    async def presence(self, room_id: str, user_id: str, status: str) -> None:
        """Someone is online, away or offline.

        Raises:
            ValueError: another word.
        """
        words = {
            "online": pb.PRESENCE_ONLINE,
            "away": pb.PRESENCE_AWAY,
            "offline": pb.PRESENCE_OFFLINE,
        }
        if status not in words:
            raise ValueError(f"presence is online, away or offline, not {status!r}")
        await self._session.call(
            "RealtimeService/PublishPresence",
            pb.PublishPresenceRequest(room_id=room_id, user_id=user_id, presence=words[status]),
            pb.PublishPresenceResponse,
        )

    async def read_receipt(self, room_id: str, user_id: str, event_id: str) -> None:
        """Someone read an event."""
        await self._session.call(
            "RealtimeService/PublishReadReceipt",
            pb.PublishReadReceiptRequest(room_id=room_id, user_id=user_id, event_id=event_id),
            pb.PublishReadReceiptResponse,
        )

    async def reaction(
        self, room_id: str, user_id: str, event_id: str, emoji: str, *, remove: bool
    ) -> None:
        """Someone reacts to an event."""
        await self._session.call(
            "RealtimeService/PublishReaction",
            pb.PublishReactionRequest(
                room_id=room_id, user_id=user_id, event_id=event_id, emoji=emoji, remove=remove
            ),
            pb.PublishReactionResponse,
        )

    async def ephemeral(
        self,
        room_id: str,
        kind: EphemeralEventType,
        *,
        user_id: str = "",
        channel_id: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Anything else."""
        request = pb.PublishEphemeralRequest(
            room_id=room_id,
            type=EPHEMERAL_TYPES.number(kind),
            user_id=user_id,
            channel_id=channel_id,
        )
        if data:
            request.data.CopyFrom(struct(data))
        await self._session.call(
            "RealtimeService/PublishEphemeral", request, pb.PublishEphemeralResponse
        )

    async def tool_call(
        self,
        room_id: str,
        channel_id: str,
        tool_calls: Sequence[Mapping[str, Any]],
        kind: EphemeralEventType,
        duration_ms: float | None,
    ) -> None:
        """A tool call began or ended."""
        data: dict[str, Any] = {"tool_calls": list(tool_calls), "channel_id": channel_id}
        if duration_ms is not None:
            data["duration_ms"] = duration_ms
        await self.ephemeral(room_id, kind, channel_id=channel_id, data=data)

    async def subscribe(self, room_id: str, callback: EphemeralCallback) -> str:
        """Call a function for every fleeting event of a room; the subscription's id."""
        client = await self._session.ready()
        subscription = EphemeralSubscription(client, room_id, callback)
        try:
            await subscription.open()
        except BaseException:
            await subscription.close()
            raise
        name = uuid4().hex
        self._subscriptions[name] = subscription
        return name

    async def unsubscribe(self, name: str) -> bool:
        """End a subscription; whether there was one."""
        subscription = self._subscriptions.pop(name, None)
        if subscription is None:
            return False
        await subscription.close()
        return True

    async def close(self) -> None:
        """End all subscriptions."""
        for name in list(self._subscriptions):
            await self.unsubscribe(name)
