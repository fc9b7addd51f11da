"""Every option of the server, once: default, unit, meaning, secret or not.

``roomd serve --help`` and the reference in the README are made from these fields; each can
also be set as an environment variable ``ROOMD_<NAME>``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from roomd import v1 as pb
from roomd_server.core.options import EngineOptions


class Settings(BaseModel):
    """What an operator can set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field("127.0.0.1:7777", description="address and port; port 0 takes a free one")
    store: str = Field(
        "sqlite:///roomd.db",
        repr=False,  # a password may be in it
        description="sqlite:///FILE, sqlite://:memory: or postgresql://USER:PASSWORD@HOST/DATABASE",
    )
    migrate: bool = Field(
        False,
        description="bring a store of an older release up to date at the start; else the server "
        "refuses it, and roomd migrate does that",
    )
    api_key: SecretStr | None = Field(
        None, description="the key that callers send; without one only loopback may listen"
    )
    api_keys: str = Field(
        "", description="JSON file of further keys with scopes and grants; see roomd keys"
    )
    tls_certificate: str = Field("", description="PEM file; with --tls-key turns TLS on")
    tls_key: str = Field("", description="PEM file of the private key")
    tls_client_ca: str = Field("", description="PEM file; clients must show a certificate of it")
    allow_plaintext: bool = Field(
        False, description="listen beyond loopback without TLS, behind a proxy that ends it"
    )
    transport: str = Field(
        "grpc",
        pattern="grpc|native",
        description="grpc, or native: faster, for trusted networks, no TLS; needs roomd[native]",
    )
    max_chain_depth: int = Field(
        5, ge=1, le=100, description="how many answers to answers there may be"
    )
    process_timeout_seconds: float = Field(
        30.0, gt=0, le=300, description="how long routing, hooks and gates of one message take"
    )
    hook_budget_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        validate_default=True,
        description="how long all hooks of one message together take",
    )
    parked_retention_days: float = Field(
        30.0, gt=0, le=3650, description="how long what durable observers gave up is kept"
    )
    retention_days: float | None = Field(
        None, gt=0, le=3650, description="how long rooms keep their events; empty: for ever"
    )
    closed_retention_days: float | None = Field(
        None, gt=0, le=3650, description="how long closed rooms are kept; empty: for ever"
    )
    inbound_per_second: float | None = Field(
        None, gt=0, description="messages per second and channel that are let in"
    )
    organization_inbound_per_second: float | None = Field(
        None, gt=0, description="messages per second of all channels of an organization together"
    )
    max_live_rooms: int = Field(10_000, ge=1, description="rooms kept in memory")
    max_in_flight: int = Field(2_000, ge=1, description="unary calls at once; more are shed")
    drain_grace_seconds: float = Field(
        20.0, ge=0, le=600, description="how long a stop waits for calls and streams"
    )
    metrics_address: str = Field(
        "", description="address and port of the page for Prometheus, /metrics; empty: none"
    )
    trace_endpoint: str = Field(
        "",
        description="collector for spans, OTLP over gRPC: http://127.0.0.1:4317; empty: none; "
        "needs roomd[tracing]",
    )
    trace_ratio: float = Field(
        1.0, ge=0, le=1, description="share of traces that are kept; callers may decide it first"
    )
    log_level: str = Field(
        "info",
        pattern="debug|info|warning|error",
        description="debug, info, warning or error",
    )
    log_format: str = Field("text", pattern="text|json", description="text or json")

    @field_validator("hook_budget_seconds")
    @classmethod
    def _is_below_the_process_timeout(cls, budget: float, info: ValidationInfo) -> float:
        # The chain's budget is the only limit while a message waits for hooks alone.
        limit = info.data.get("process_timeout_seconds")
        if limit is not None and budget >= limit:
            raise ValueError(f"must be below the process timeout of {limit:g} s")
        return budget

    def engine_options(self) -> EngineOptions:
        """The engine's part."""
        return EngineOptions(
            process_timeout_seconds=self.process_timeout_seconds,
            max_chain_depth=self.max_chain_depth,
            retention_seconds=_seconds(self.retention_days),
            closed_retention_seconds=_seconds(self.closed_retention_days),
            max_live_rooms=self.max_live_rooms,
            max_in_flight=self.max_in_flight,
            inbound_rate_limit=_per_second(self.inbound_per_second),
            organization_inbound_rate_limit=_per_second(self.organization_inbound_per_second),
        )


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * 86_400.0


def _per_second(rate: float | None) -> pb.RateLimit | None:
    return None if rate is None else pb.RateLimit(max_per_second=rate)


def from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Options that are set as ``ROOMD_<NAME>``."""
    return {
        name: environment[f"ROOMD_{name.upper()}"]
        for name in Settings.model_fields
        if f"ROOMD_{name.upper()}" in environment
    }
