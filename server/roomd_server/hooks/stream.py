"""Worker streams as the API serves them: one reader task per stream, one writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from roomd import v1 as pb
from roomd_server.core import paging
from roomd_server.core.errors import ResourceExhausted, Unavailable
from roomd_server.core.ports import Caller, Ids
from roomd_server.core.times import timestamp
from roomd_server.hooks.session import SessionParts, WorkerSession


class HookStreams:
    """All worker sessions of this node."""

    def __init__(self, parts: SessionParts, ids: Ids) -> None:
        self._parts = parts
        self._ids = ids
        self._sessions: dict[str, dict[str, WorkerSession]] = {}
        """Organization, then session id; bounded: options.max_sessions."""
        self._draining = False

    @property
    def count(self) -> int:
        """Open sessions."""
        return sum(len(mine) for mine in self._sessions.values())

    async def connect(
        self, caller: Caller, requests: AsyncIterator[pb.ConnectRequest]
    ) -> AsyncIterator[pb.ConnectResponse]:
        """Serve ``HookService.Connect``.

        Raises:
            RoomdError: what the stream ends with, when it cannot go on.
        """
        session = self._open(caller)
        reader = asyncio.create_task(session.read(requests))
        try:
            while (frame := await session.seat.outbox.next()) is not None:
                yield frame
            if session.error is not None:
                raise session.error
        finally:
            session.close()
            self._forget(session)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def drain_all(self, reason: pb.Drain.Reason, grace_seconds: float) -> None:
        """Ask all workers to dial elsewhere; take no new ones."""
        self._draining = True
        for session in self._all():
            session.drain(reason, grace_seconds)

    def close(self) -> None:
        """End all streams now."""
        self._draining = True
        for session in self._all():
            session.close()

    async def list_workers(
        self, caller: Caller, request: pb.ListWorkersRequest
    ) -> pb.ListWorkersResponse:
        """Serve ``HookService.ListWorkers``: by session id."""
        kind = paging.mark(caller, request)
        after = paging.decode_text(kind, request.page_token)
        size = paging.page_size(request.page_size)
        sessions = self._sessions.get(caller.org, {})
        found = sorted(
            session_id
            for session_id, session in sessions.items()
            if session_id > after
            and (not request.handler or request.handler in session.seat.attachments)
        )
        page = found[:size]
        token = paging.encode(kind, page[-1]) if len(found) > size else ""
        workers = [self._describe(sessions[session_id]) for session_id in page]
        return pb.ListWorkersResponse(workers=workers, next_page_token=token)

    def _describe(self, session: WorkerSession) -> pb.ListWorkersResponse.Worker:
        seat = session.seat
        return pb.ListWorkersResponse.Worker(
            session_id=seat.session_id,
            worker_id=seat.worker_id,
            node_id=self._parts.options.node_id,
            sdk=seat.sdk,
            handlers=sorted(seat.attachments),
            in_flight=len(seat.held),
            window=pb.SetWindow(
                reply_window=seat.reply_window,
                observe_window=seat.observe_window,
                max_bytes=seat.max_bytes,
            ),
            connect_time=timestamp(seat.connect_time),
        )

    def _open(self, caller: Caller) -> WorkerSession:
        if self._draining:
            raise Unavailable(
                pb.ERROR_REASON_NODE_DRAINING,
                "this server is going away; dial again",
                retry_after=1,
            )
        mine = self._sessions.setdefault(caller.org, {})
        most = self._parts.options.max_sessions
        if len(mine) >= most:
            raise ResourceExhausted(
                pb.ERROR_REASON_QUOTA, f"an organization has at most {most} worker sessions"
            )
        session = WorkerSession(caller, self._ids.new(), self._parts)
        mine[session.seat.session_id] = session
        return session

    def _forget(self, session: WorkerSession) -> None:
        mine = self._sessions[session.seat.org]
        del mine[session.seat.session_id]
        if not mine:
            del self._sessions[session.seat.org]

    def _all(self) -> list[WorkerSession]:
        return [session for mine in self._sessions.values() for session in mine.values()]
