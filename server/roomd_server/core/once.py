"""First answers of calls that carry a request id, so that a repeated call does nothing."""

from __future__ import annotations

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.errors import AlreadyExists, Unavailable
from roomd_server.core.keys import fingerprint
from roomd_server.core.ports import Clock, KeyRecord, Store


class Once:
    """Remembers answers in the store; they are written together with what they answer."""

    def __init__(self, store: Store, clock: Clock, *, retention_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._retention_seconds = retention_seconds

    async def first(self, org: str, rpc: str, request_id: str, request: Message) -> bytes | None:
        """The serialised first answer; None when the id was not seen, or is empty.

        Raises:
            AlreadyExists: KEY_REUSED, when the id was used with another body.
        """
        if not request_id:
            return None
        known = await self._store.get_key(org, f"rpc:{rpc}", request_id, self._clock.now())
        if known is None:
            return None
        if known.fingerprint != _body(request):
            raise AlreadyExists(
                pb.ERROR_REASON_KEY_REUSED,
                f"request_id {request_id!r} was used with another body; use a new one",
                metadata={"request_id": request_id},
            )
        return known.value

    async def winner(self, org: str, rpc: str, request_id: str, request: Message) -> bytes:
        """The first answer, after a commit found the id taken by a call beside this one.

        Raises:
            AlreadyExists: KEY_REUSED.
            Unavailable: it is gone again; the call may be repeated.
        """
        first = await self.first(org, rpc, request_id, request)
        if first is None:
            raise Unavailable(pb.ERROR_REASON_SERVER_FAULT, "nothing was written; try again")
        return first

    def record(
        self, rpc: str, request_id: str, request: Message, response: Message
    ) -> list[KeyRecord]:
        """The row to commit with what the call writes; none without a request id."""
        if not request_id:
            return []
        expires = self._clock.now() + self._retention_seconds
        value = response.SerializeToString()
        return [KeyRecord(f"rpc:{rpc}", request_id, _body(request), value, expires)]


def _body(request: Message) -> bytes:
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    return fingerprint(body.SerializeToString(deterministic=True))
