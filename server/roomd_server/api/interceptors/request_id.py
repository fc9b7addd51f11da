"""The request id: the caller's own or a new one; it finds the call in the log."""

from __future__ import annotations

import itertools
import secrets

REQUEST_ID_KEY = "x-request-id"
INVOCATION_KEY = "roomd-invocation"
"""Set by a worker that calls while it answers an invocation."""
_MAX_LENGTH = 128


class RequestIds:
    """Gives every call an id."""

    def __init__(self) -> None:
        # Random per process, counted within: unique without a system call each.
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def accept(self, shown: str | None) -> str:
        """Take the caller's id when it is printable ASCII of at most 128 characters, else a
        new one.
        """
        if shown and len(shown) <= _MAX_LENGTH and shown.isascii() and shown.isprintable():
            return shown
        return f"{self._prefix}-{next(self._numbers):x}"


def invocation_id(shown: str | None) -> str:
    """The hook invocation that the call belongs to; empty when there is none."""
    return shown if shown and len(shown) <= _MAX_LENGTH else ""
