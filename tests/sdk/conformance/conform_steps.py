"""What both roles share: how a step waits, and how it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conform_cases import Step
from conform_process import Changes

WITHIN_MS = 5000.0
SLACK_MS = 2000.0
"""Added to upper bounds: machines that run tests are busy. Lower bounds have none."""
EARLY_MS = 2.0
"""Clocks of two processes and their timers."""
LEAST_SECONDS = 0.05


class Failed(AssertionError):
    """The side under test did not do what the script says."""


async def timely(
    changes: Changes,
    look: Callable[[], Any],
    step: Step,
    since: float,
    what: str,
    wrong: list[str] | None = None,
) -> Any:
    """What ``look`` finds, in the time of the step.

    Args:
        changes: Wakes the search.
        look: Finds something with a ``time``.
        step: Has ``within_ms``, ``after_ms`` and ``slack_ms``.
        since: When its time began.
        what: For the message.
        wrong: What was there instead, for the message.

    Raises:
        Failed: it was not there, too early or too late.
    """
    within = step.options.get("within_ms", WITHIN_MS) + step.options.get("slack_ms", SLACK_MS)
    left = since + within / 1000 - time.monotonic()
    found = await changes.wait(look, max(left, LEAST_SECONDS))
    if found is None:
        instead = f"; there was: {wrong}" if wrong else ""
        raise Failed(f"{what}: not within {within:g} ms{instead}")
    took = (found.time - since) * 1000
    if "after_ms" in step.options and took < step.options["after_ms"] - EARLY_MS:
        raise Failed(f"{what}: after {took:.0f} ms already")
    if took > within:
        raise Failed(f"{what}: only after {took:.0f} ms")
    return found
