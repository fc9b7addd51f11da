"""What all models share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable record; unknown fields are refused, so that a typing error shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


Metadata = dict[str, Any]


def new_id() -> str:
    """A random id."""
    return uuid4().hex


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
