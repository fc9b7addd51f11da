"""One line per call: method, code, reason, milliseconds, request id, organization.

Never a message or a part of one: personal data cannot leak from what is not written.
"""

from __future__ import annotations

import logging
import time

from roomd import v1 as pb
from roomd_server.api.status import status_code
from roomd_server.core.errors import RoomdError
from roomd_server.core.ports import Caller

_log = logging.getLogger("roomd.api")

_TOO_MANY = frozenset(
    (
        pb.ERROR_REASON_OVERLOADED,
        pb.ERROR_REASON_RATE_LIMITED,
        pb.ERROR_REASON_NODE_DRAINING,
    )
)


def log_ok(method: str, caller: Caller, began: float) -> None:
    """Log a call that succeeded, at DEBUG; ``began`` is of ``time.monotonic``."""
    if _log.isEnabledFor(logging.DEBUG):
        _write(logging.DEBUG, method, "OK", "", caller, began)


def log_refused(
    method: str, caller: Caller, request_id: str, began: float, error: RoomdError
) -> None:
    """Log a call that was answered with an error, at INFO; one that was turned away because there
    are too many, at DEBUG: it must cost next to nothing, and is counted.

    Args:
        method: The path.
        caller: Who called; nobody, when that is what was refused.
        request_id: What the caller was told.
        began: Of ``time.monotonic``.
        error: The answer.
    """
    level = logging.DEBUG if error.reason in _TOO_MANY else logging.INFO
    if _log.isEnabledFor(level):
        _write(level, method, status_code(error).name, error.reason_name, caller, began, request_id)


def log_cancelled(method: str, caller: Caller, began: float) -> None:
    """Log a call whose caller left, at DEBUG."""
    if _log.isEnabledFor(logging.DEBUG):
        _write(logging.DEBUG, method, "CANCELLED", "", caller, began)


def log_fault(method: str, request_id: str, fault: Exception) -> None:
    """Log a fault of the server with its traceback, at ERROR."""
    _log.error(
        "fault in %s, request %s",
        method,
        request_id,
        exc_info=fault,
        extra={"method": method, "request_id": request_id},
    )


def _write(
    level: int,
    method: str,
    code: str,
    reason: str,
    caller: Caller,
    began: float,
    request_id: str = "",
) -> None:
    request_id = request_id or caller.request_id
    took_ms = (time.monotonic() - began) * 1000
    _log.log(
        level,
        "%s %s%s %.1f ms, request %s",
        method,
        code,
        f"/{reason}" if reason else "",
        took_ms,
        request_id,
        extra={
            "method": method,
            "code": code,
            "reason": reason,
            "took_ms": round(took_ms, 3),
            "request_id": request_id,
            "org": caller.org,
        },
    )
