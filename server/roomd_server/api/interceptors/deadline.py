"""The caller's deadline: nothing is begun for someone who no longer waits.

While a call runs, gRPC itself cancels it when the deadline passes or the caller leaves.
"""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.errors import DeadlineExceeded


def check_deadline(seconds_left: float | None) -> None:
    """Refuse a call whose time is over; None: it has no deadline.

    Raises:
        DeadlineExceeded: DEADLINE.
    """
    if seconds_left is not None and seconds_left <= 0:
        raise DeadlineExceeded(
            pb.ERROR_REASON_DEADLINE, "the deadline had passed before the call was begun"
        )
