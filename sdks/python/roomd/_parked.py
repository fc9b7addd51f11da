"""Calls about durable hooks: what they gave up, and their end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from roomd import v1 as pb
from roomd._convert import HOOK_TRIGGERS, moment, timestamp
from roomd._session import Session
from roomd.models.enums import HookTrigger
from roomd.models.hook import ParkedInvocation

PAGE_SIZE = 1000


class DurableCalls:
    """Lists, replays and purges parked invocations, and deletes hooks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, hook: str, room_id: str | None) -> list[ParkedInvocation]:
        """All of a hook, by room, in a room in the order in which they happened."""
        request = pb.ListParkedInvocationsRequest(
            hook=hook, room_id=room_id or "", page_size=PAGE_SIZE
        )
        parked: list[ParkedInvocation] = []
        while True:
            page = await self._session.call(
                "HookService/ListParkedInvocations", request, pb.ListParkedInvocationsResponse
            )
            parked += [parked_from_pb(one) for one in page.parked]
            if not page.next_page_token:
                return parked
            request.page_token = page.next_page_token

    async def replay(self, hook: str, invocation_ids: Collection[str], room_id: str | None) -> int:
        """Let them be told again; how many."""
        response = await self._session.call(
            "HookService/ReplayParkedInvocations",
            pb.ReplayParkedInvocationsRequest(
                hook=hook, invocation_ids=invocation_ids, room_id=room_id or ""
            ),
            pb.ReplayParkedInvocationsResponse,
        )
        return response.replayed

    async def purge(
        self,
        hook: str,
        invocation_ids: Collection[str],
        room_id: str | None,
        before: datetime | None,
    ) -> int:
        """Forget them; how many."""
        request = pb.PurgeParkedInvocationsRequest(
            hook=hook, invocation_ids=invocation_ids, room_id=room_id or ""
        )
        if before is not None:
            request.before.CopyFrom(timestamp(before))
        response = await self._session.call(
            "HookService/PurgeParkedInvocations", request, pb.PurgeParkedInvocationsResponse
        )
        return response.purged

    async def delete(self, hook: str) -> None:
        """Delete a hook and what waits for it."""
        request = pb.DeleteHookRequest(name=hook)
        await self._session.call("HookService/DeleteHook", request, pb.DeleteHookResponse)


def parked_from_pb(parked: pb.ParkedInvocation) -> ParkedInvocation:
    """A parked invocation as a model."""
    return ParkedInvocation(
        invocation_id=parked.invocation_id,
        room_id=parked.room_id,
        trigger=HOOK_TRIGGERS.word(parked.trigger, HookTrigger.AFTER_BROADCAST),
        event_id=parked.event_id or None,
        attempts=parked.attempts,
        error=parked.last_status.message,
        created_at=moment(parked.create_time),
        parked_at=moment(parked.park_time),
    )
