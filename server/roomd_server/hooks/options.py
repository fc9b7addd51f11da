"""Limits of the hook plane, each with its default and unit; filled from the configuration."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HookOptions:
    """Limits of hooks and worker sessions."""

    chain_budget_seconds: float = 5.0
    """For all DECIDE and VALIDATE hooks of one call together."""
    shadow_wait_seconds: float = 0.1
    """How long the end of a chain waits for shadow hooks, so that the trace can name their
    decision; they have their whole timeout, but nobody waits for it."""
    circuit_failures: int = 5
    """Failures in a row after which a hook's policy applies without a call."""
    circuit_probe_seconds: float = 30.0
    """One call per period while a circuit is open."""
    linger_seconds: float = 0.001
    """How long an invocation waits for company, when others are outstanding in its session.
    Measured: without it batches stay small at 64 in flight."""
    crowd_linger_seconds: float = 0.006
    """The same in a crowd: a write to a worker and its answer cost as much as five
    invocations, and what a crowd waits for is the processor."""
    crowd: int = 16
    """Messages in flight that are a crowd."""
    in_flight: Callable[[], int] = int
    """Messages in flight now."""
    hello_timeout_seconds: float = 10.0
    ping_interval_seconds: float = 20.0
    silence_seconds: float = 60.0
    """A worker that said nothing for this long is taken for dead."""
    max_age_seconds: float = 3600.0
    max_age_spread: float = 0.2
    """A stream lives between ``1 - spread`` and ``1 + spread`` of the age."""
    drain_grace_seconds: float = 30.0
    """For a worker to move to its next stream, or to finish after Goodbye."""
    reply_window: int = 256
    observe_window: int = 256
    max_window: int = 65_536
    """The largest window a worker may ask for."""
    window_bytes: int = 16 * 1024 * 1024
    max_window_bytes: int = 256 * 1024 * 1024
    inline_payload_bytes: int = 1024 * 1024
    """Larger payloads are fetched with GetInvocationPayload."""
    batch_bytes: int = 2 * 1024 * 1024
    """Payloads in one write; with one inline payload more it stays below what a client takes."""
    max_message_bytes: int = 4 * 1024 * 1024
    group_queue: int = 4096
    """Invocations of one handler that wait for room in a window."""
    max_attempts: int = 3
    """Workers that may die over one invocation."""
    chunk_entries: int = 256
    chunk_bytes: int = 1024 * 1024
    """Streamed text that nobody has taken yet."""
    max_handlers: int = 4096
    """Handlers of one session."""
    max_hooks: int = 10_000
    """Hooks of one organization, room hooks included."""
    max_sessions: int = 4096
    """Worker sessions of one organization."""
    outbox_frames: int = 8192
    """Frames that a worker has not read; beyond it the session is closed."""
    parked_retention_seconds: float = 30 * 86_400.0
    """How long what durable observers gave up is kept."""
    notice_seconds: float = 1.0
    """Drops are told together, at most once in this time."""
    request_id_retention_seconds: float = 24 * 3600.0
    node_id: str = ""
    server_version: str = ""
    jitter: Callable[[], float] = random.random
    """Uniform in [0, 1)."""
