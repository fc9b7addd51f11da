"""Who opened a stream may be turned away while it is open: a key that was taken out of the file,
has expired, or has lost the scope ends it.

One timer looks at all keys with open streams, once per key and scope, however many streams it
has; a message costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from roomd_server.api.interceptors.credentials import AUTHORIZATION_KEY, check_scope
from roomd_server.core.errors import PermissionDenied, RoomdError, Unauthenticated
from roomd_server.security.credentials import Credentials

LOOK_SECONDS = 10.0
"""Revocation reaches open streams within 30 s; the file of keys is looked at once a second."""


class Endable(Protocol):
    """A stream that can be ended from outside."""

    def end(self, error: RoomdError) -> None:
        """End it with an error."""


class StandingWatch:
    """Looks after the credentials of all streams.

    Args:
        credentials: Who may call.
        look_seconds: How often they are asked again.
    """

    def __init__(self, credentials: Credentials, look_seconds: float = LOOK_SECONDS) -> None:
        self._credentials = credentials
        self._look_seconds = look_seconds
        self._streams: dict[tuple[str | None, str], set[Endable]] = {}
        """By what was shown and the scope that it takes; bounded: by the open streams."""
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watching(self, stream: Endable, metadata: Mapping[str, str], scope: str) -> Iterator[None]:
        """Look after a stream for the length of a ``with``."""
        key = (metadata.get(AUTHORIZATION_KEY), scope)
        self._streams.setdefault(key, set()).add(stream)
        if self._timer is None:
            self._arm()
        try:
            yield
        finally:
            streams = self._streams[key]
            streams.discard(stream)
            if not streams:
                del self._streams[key]

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        for (shown, scope), streams in self._streams.items():
            try:
                check_scope(self._credentials.resolve(shown), scope)
            except (Unauthenticated, PermissionDenied) as error:
                for stream in streams:
                    # One each: an error that is raised holds what it went through.
                    stream.end(type(error)(error.reason, error.message, metadata=error.metadata))
        if self._streams:
            self._arm()
