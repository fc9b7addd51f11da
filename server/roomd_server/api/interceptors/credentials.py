"""Who calls, and whether the credential carries the method's scope."""

from __future__ import annotations

from collections.abc import Mapping

from roomd import v1 as pb
from roomd_server.api.interceptors.request_id import INVOCATION_KEY, invocation_id
from roomd_server.core.errors import PermissionDenied
from roomd_server.core.ports import Caller
from roomd_server.security.credentials import Credentials, Principal

AUTHORIZATION_KEY = "authorization"


def identify(
    credentials: Credentials, metadata: Mapping[str, str], scope: str, request_id: str
) -> Caller:
    """Say who calls.

    Raises:
        Unauthenticated: CREDENTIAL_INVALID.
        PermissionDenied: SCOPE_MISSING.
    """
    principal = credentials.resolve(metadata.get(AUTHORIZATION_KEY))
    if principal.scopes is not None:
        check_scope(principal, scope)
    invocation = metadata.get(INVOCATION_KEY)
    return Caller(
        principal.org,
        principal.key_id,
        request_id,
        invocation_id(invocation) if invocation else "",
        principal.grant,
    )


def check_scope(principal: Principal, scope: str) -> None:
    """Let those pass who carry the scope.

    Raises:
        PermissionDenied: SCOPE_MISSING.
    """
    if not principal.may(scope):
        raise PermissionDenied(
            pb.ERROR_REASON_SCOPE_MISSING,
            f"this credential lacks the scope {scope}",
            metadata={"scope": scope},
        )
