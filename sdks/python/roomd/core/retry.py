"""Trying an application's own calls again. Deliveries have the service's retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from roomd.models.channel import RetryPolicy

T = TypeVar("T")


async def retry_with_backoff(
    function: Callable[[], Awaitable[T]], policy: RetryPolicy | None = None
) -> T:
    """Call until it works or the retries are used up; full jitter between the tries.

    Raises:
        Exception: what the last try raised.
    """
    policy = policy or RetryPolicy()
    attempt = 0
    while True:
        try:
            return await function()
        except Exception:  # boundary: any failure of the call is a reason to try again
            if attempt >= policy.max_retries:
                raise
        bound = min(
            policy.max_delay_seconds, policy.base_delay_seconds * policy.exponential_base**attempt
        )
        attempt += 1
        await asyncio.sleep(random.uniform(0, bound))
