"""The documents' constructor arguments as settings of the server in this process."""

from __future__ import annotations

from collections.abc import Mapping

from roomd.exceptions import NotSupportedError
from roomd.models.channel import RateLimit
from roomd.store.memory import InMemoryStore
from roomd.store.sqlite import SQLiteStore

IGNORED = frozenset(("lock_manager", "realtime", "telemetry", "identity_timeout", "task_runner"))
"""Arguments whose defaults the service has itself; other values are refused."""


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
        NotSupportedError: a rate limit that is not per second.
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
        settings["inbound_per_second"] = min(rates)
    return settings


def refuse_later(arguments: Mapping[str, object]) -> None:
    """Refuse the documents' arguments that this version does not have.

    Raises:
        TypeError: no such argument anywhere.
        NotSupportedError: one that comes later.
    """
    for name, value in arguments.items():
        if name not in _LATER | IGNORED:
            raise TypeError(f"RoomKit() has no argument {name!r}")
        if value is not None and name in _LATER:
            raise NotSupportedError(f"RoomKit({name}=…) is not in this version of roomd")


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
    )
)
