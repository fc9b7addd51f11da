"""Tools that an application implements; a worker serves them to the AIs of the service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from roomd.models.tool import ToolResult

ToolAnswer = str | dict[str, Any] | list[Any] | ToolResult
"""What a tool may answer: words, values (the model reads their JSON), or a whole result."""


class Tool(ABC):
    """Something that an AI can do besides talking, implemented by the application.

    Its attributes are read when it is registered.
    """

    name: str
    """What a model calls it by: lower case letters, digits, ``_`` and ``-``; unique on the
    service."""
    description: str
    """What it is good for, in words that a model reads."""
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments, an object. The service checks every call against it."""
    channel_ids: Collection[str] = ()
    """Channels whose AI may call it; empty: all."""
    timeout: float | None = None
    """Seconds for one call, at most 300; None: 30. Then it is cancelled."""
    idempotent: bool = False
    """It may run twice: a call whose process died is given to the next one."""

    @abstractmethod
    async def execute(self, arguments: dict[str, Any]) -> ToolAnswer:
        """Do it. May take the ``ToolCall`` as a second parameter.

        Raising means that it failed, and may have done something; ``ToolResult`` with
        ``is_error`` tells the model in words of your own what did not work.
        """
