"""The engine's limits, each with its default and unit; filled from the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from roomd import v1 as pb


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Limits of the engine."""

    process_timeout_seconds: float = 30.0
    """For steps 2 to 10 of the pipeline; on expiry nothing is stored."""
    max_chain_depth: int = 5
    """An answer of this depth is stored BLOCKED."""
    key_retention_seconds: float = 24 * 3600.0
    """How long idempotency keys are remembered."""
    retention_seconds: float | None = None
    """How long rooms keep their events that do not say it themselves; None: for ever."""
    closed_retention_seconds: float | None = None
    """How long closed rooms are kept that do not say it themselves; None: for ever."""
    delivery_deadline_seconds: float = 300.0
    """For one delivery, unless its channel says otherwise."""
    attempt_timeout_seconds: float = 30.0
    """For one attempt of a delivery."""
    generation_timeout_seconds: float = 300.0
    """For one answer of an intelligence channel."""
    delivered_wait_seconds: float = 60.0
    """How long a call with ``WAIT_DELIVERED`` waits for the cascade."""
    idle_wait_seconds: float = 15.0
    """How long WAIT_FOR_IDLE and QUEUED texts wait for a room to become idle."""
    presence_lease_seconds: float = 30.0
    """How long somebody is online without saying so again."""
    lane_entries: int = 1000
    """Deliveries of one lane in memory; the rest waits in the store."""
    max_live_rooms: int = 10_000
    """Rooms in memory; idle ones beyond it are let go."""
    max_in_flight: int = 2000
    """Messages between entering and being durable, of all rooms together."""
    room_share: float = 0.125
    """Part of what is free of ``max_in_flight`` that one room may keep waiting."""
    max_room_bindings: int = 1000
    """Channels of one room."""
    inbound_rate_limit: pb.RateLimit | None = None
    """For every channel that has none of its own."""
    organization_inbound_rate_limit: pb.RateLimit | None = None
    """For all channels of an organization together, besides their own."""
