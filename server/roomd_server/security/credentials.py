"""Credentials: what a caller shows, and who that makes them.

The organization comes from here and nowhere else. What lives here knows nothing of
metadata or calls: it gets the text of an ``Authorization`` header and answers with a
principal. Stored keys and tokens will be further classes of the same protocol.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Protocol

from roomd import v1 as pb
from roomd_server.core.errors import Unauthenticated
from roomd_server.core.ports import Grant

DEV_KEY_PREFIX = "rd_dev_"
DEFAULT_ORG = "default"
"""The organization of callers without an account of their own."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a credential stands for."""

    org: str
    key_id: str
    """Names the credential in logs; never the secret."""
    scopes: frozenset[str] | None
    """What it may do; None: everything."""
    grant: Grant | None = None
    """What its workers may register and answer; None: everything."""

    def may(self, scope: str) -> bool:
        """Whether the credential carries the scope."""
        return self.scopes is None or scope in self.scopes


class Credentials(Protocol):
    """Decides who calls."""

    @property
    def loopback_only(self) -> bool:
        """Whether it is safe only where nobody else can connect."""

    def resolve(self, authorization: str | None) -> Principal:
        """Say who shows this ``Authorization`` header; None: there was none.

        Plain and fast: it runs on the event loop for every call.

        Raises:
            Unauthenticated: CREDENTIAL_INVALID.
        """


class DevKey:
    """One key, printed at start; it may do everything in the organization ``default``.

    Args:
        key: ``rd_dev_`` and a secret of at least 16 characters; None: a new one.

    Raises:
        ValueError: the key has another form.
    """

    loopback_only = False

    def __init__(self, key: str | None = None) -> None:
        if key is None:
            key = DEV_KEY_PREFIX + secrets.token_hex(32)
        if not key.startswith(DEV_KEY_PREFIX) or len(key) < len(DEV_KEY_PREFIX) + 16:
            raise ValueError("a dev key is rd_dev_ and at least 16 more characters")
        self.key = key
        self._expected = key.encode()
        self._principal = Principal(DEFAULT_ORG, "dev", None)

    def resolve(self, authorization: str | None) -> Principal:
        """Take ``Bearer <key>``, compared in constant time.

        Raises:
            Unauthenticated: no key, or another one.
        """
        if not hmac.compare_digest(bearer(authorization).encode(), self._expected):
            raise refused("this key is not valid here")
        return self._principal


class OpenLoopback:
    """No credential at all: whoever can connect may do everything. Only on loopback."""

    loopback_only = True

    def __init__(self) -> None:
        self._principal = Principal(DEFAULT_ORG, "open", None)

    def resolve(self, authorization: str | None) -> Principal:
        """Let everybody in, whatever they show."""
        return self._principal


def bearer(authorization: str | None) -> str:
    """The key in ``Bearer <key>``.

    Raises:
        Unauthenticated: CREDENTIAL_INVALID: there is none.
    """
    if authorization is None:
        raise refused("send the key as metadata: authorization: Bearer <key>")
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise refused("the authorization metadata must read: Bearer <key>")
    return shown


def refused(message: str) -> Unauthenticated:
    """Build the error for a caller who is not known."""
    return Unauthenticated(pb.ERROR_REASON_CREDENTIAL_INVALID, message)
