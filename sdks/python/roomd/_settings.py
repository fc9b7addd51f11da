"""The documents' constructor arguments as settings of the server in this process."""

from __future__ import annotations

from collections.abc import Mapping

from roomd.core.locks import InMemoryLockManager
from roomd.exceptions import NotSupportedError
from roomd.models.channel import RateLimit
from roomd.realtime.memory import InMemoryRealtime
from roomd.store.memory import InMemoryStore
from roomd.store.sqlite import SQLiteStore

DEFAULTS: Mapping[str, type | tuple[type, ...]] = {
    "lock_manager": InMemoryLockManager,
    "realtime": InMemoryRealtime,
    "identity_timeout": (int, float),
}
"""Arguments for what the service has itself: their default values are taken and change nothing,
other values are refused.
"""


def store_path(store: object) -> str | None:
    """The file of the store; None: in memory.

    Raises:
        NotSupportedError: a store that the embedded server does not have.
    """
    if store is None or isinstance(store, InMemoryStore):
        return None
    if isinstance(store, SQLiteStore):
        return store.path
    raise NotSupportedError(
        f"store={type(store).__name__}: the server in this process keeps rooms in memory or in "
        "SQLiteStore(path)"
    )


def embedded_settings(
    max_chain_depth: int | None,
    process_timeout: float | None,
    inbound_rate_limit: RateLimit | None,
) -> dict[str, object]:
    """Settings that were given, by the server's names.

    Raises:
        ValueError: a rate limit without a rate.
    """
    settings: dict[str, object] = {}
    if max_chain_depth is not None:
        settings["max_chain_depth"] = max_chain_depth
    if process_timeout is not None:
        settings["process_timeout_seconds"] = process_timeout
    if inbound_rate_limit is not None:
        limit = inbound_rate_limit
        rates = [
            rate
            for rate in (
                limit.max_per_second,
                limit.max_per_minute and limit.max_per_minute / 60,
                limit.max_per_hour and limit.max_per_hour / 3600,
            )
            if rate
        ]
        if not rates:
            raise ValueError("inbound_rate_limit must say how many: per second, minute or hour")
        settings["inbound_per_second"] = min(rates)
    return settings


def refuse_later(arguments: Mapping[str, object]) -> None:
    """Refuse the documents' arguments that this version does not have.

    Raises:
        TypeError: no such argument anywhere.
        NotSupportedError: one that comes later, or that the service does itself.
    """
    for name, value in arguments.items():
        if name not in _LATER and name not in DEFAULTS:
            raise TypeError(f"RoomKit() has no argument {name!r}")
        if value is None:
            continue
        if name in _LATER:
            raise NotSupportedError(f"RoomKit({name}=…) is not in this version of roomd")
        if not isinstance(value, DEFAULTS[name]):
            raise NotSupportedError(
                f"RoomKit({name}={type(value).__name__}): the service does this itself"
            )


_LATER = frozenset(
    (
        "identity_resolver",
        "identity_channel_types",
        "stt",
        "tts",
        "voice",
        "delivery_strategy",
        "status_bus",
        "orchestration",
        "task_runner",
        "telemetry",
    )
)
