"""What both roles share: how a step waits, and how it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conform_cases import Step
from conform_process import Changes

EARLY_MS = 2.0
"""Clocks of two processes and their timers."""
LEAST_SECONDS = 0.05


@dataclass(frozen=True)
class Patience:
    """How long what must come may take."""

    within_ms: float = 5000.0
    """For steps that do not say it."""
    slack_ms: float = 2000.0
    """Added to upper bounds: machines that run tests are busy. Lower bounds have none."""

    def upper_ms(self, step: Step) -> float:
        """The upper bound of a step, slack included."""
        slack = step.options.get("slack_ms", self.slack_ms)
        return float(step.options.get("within_ms", self.within_ms) + slack)


PATIENT = Patience()
IMPATIENT = Patience(within_ms=700.0, slack_ms=500.0)
"""For what is expected to fail."""


class Failed(AssertionError):
    """The side under test did not do what the script says."""


async def timely(
    changes: Changes,
    look: Callable[[], Any],
    step: Step,
    since: float,
    what: str,
    wrong: list[str] | None = None,
    patience: Patience = PATIENT,
) -> Any:
    """What ``look`` finds, in the time of the step.

    Args:
        changes: Wakes the search.
        look: Finds something with a ``time``.
        step: Has ``within_ms``, ``after_ms`` and ``slack_ms``.
        since: When its time began.
        what: For the message.
        wrong: What was there instead, for the message.
        patience: How long it may take.

    Raises:
        Failed: it was not there, too early or too late.
    """
    within = patience.upper_ms(step)
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
