"""Tools of the application as handlers on the worker stream, and calls of anybody's tools."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from roomd import v1 as pb
from roomd._convert import TOOL_OUTCOMES, duration, mapping, seconds, struct
from roomd._hooks import takes_second
from roomd._names import MAX_NAME
from roomd._session import Session
from roomd._sizes import check_room, room_for_parts
from roomd._worker import Answer, Emit, Handler
from roomd.models.enums import ToolOutcome
from roomd.models.tool import ServedTool, ToolCall, ToolResult, ToolRun
from roomd.tools.base import Tool

log = logging.getLogger(__name__)

ToolFn = Callable[..., Any]

PAGE_SIZE = 1000
MAX_RUN_SECONDS = 3030.0
"""The service ends a call by the tool's timeout, at most 300 s, which the tool's program may
extend to ten times that; this ends it where the service does not."""
NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_NAME - 1}}}")


@dataclass(frozen=True)
class ToolOptions:
    """A tool besides its function; see ``Tool``."""

    name: str
    description: str
    parameters: Mapping[str, Any] | None = None
    channel_ids: Collection[str] = ()
    timeout: float | None = None
    idempotent: bool = False


class Tools:
    """Serves the tools of a kit; lists and calls those of all programs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: set[str] = set()

    # -------------------------------------------------------------- serving

    def register(self, tool: Tool) -> None:
        """Serve a tool; it is attached before the next call.

        Raises:
            ValueError: see ``add``.
        """
        options = ToolOptions(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            channel_ids=tool.channel_ids,
            timeout=tool.timeout,
            idempotent=tool.idempotent,
        )
        self.add(options, tool.execute)

    def add(self, options: ToolOptions, function: ToolFn) -> None:
        """Serve a function as a tool; it is attached before the next call.

        Raises:
            ValueError: its name is none that a tool can have, or something else of this kit
                has it.
            MessageTooLargeError: no message holds what it says of itself.
        """
        name = options.name
        if NAME.fullmatch(name) is None:
            # A hook's name would be made to fit; but by this one a model and callers call it.
            raise ValueError(
                f"{name!r} is no name for a tool: at most {MAX_NAME} lower case letters, digits, "
                "_ and -, beginning with a letter"
            )
        if name in self._session.handler_names:
            raise ValueError(f"this kit has a hook, channel or tool {name!r} already")
        handler = tool_handler(options, function)
        check_room(f"tool {name!r}", handler.spec.ByteSize(), room_for_parts())
        self._names.add(name)
        self._session.enqueue_handler(name, handler)

    async def remove(self, name: str) -> bool:
        """Serve a tool no more; whether it was served."""
        if name not in self._names:
            return False
        self._names.discard(name)
        self._session.drop_handler(name)
        await self._session.ready()
        return True

    # -------------------------------------------------------------- calls

    async def list(self, channel_id: str | None) -> list[ServedTool]:
        """All that are served now, by name."""
        request = pb.ListToolsRequest(channel_id=channel_id or "", page_size=PAGE_SIZE)
        tools: list[ServedTool] = []
        while True:
            page = await self._session.call("AgentService/ListTools", request, pb.ListToolsResponse)
            tools += [served_from_pb(tool) for tool in page.tools]
            if not page.next_page_token:
                return tools
            request.page_token = page.next_page_token

    async def call(self, call: ToolCall, arguments: Mapping[str, Any]) -> ToolRun:
        """Run a tool."""
        request = pb.CallToolRequest(
            name=call.name,
            arguments=struct(arguments),
            room_id=call.room_id or "",
            channel_id=call.channel_id or "",
            # A call that is repeated because nobody took it is to be known as the same one.
            tool_call_id=call.id or uuid4().hex,
        )
        response = await self._session.call(
            "AgentService/CallTool",
            request,
            pb.CallToolResponse,
            timeout=MAX_RUN_SECONDS,
            may_repeat_lost=False,
        )
        return run_from_pb(response)


def tool_handler(options: ToolOptions, function: ToolFn) -> Handler:
    """A function of the application, served as a tool."""
    spec = pb.ToolSpec(
        description=options.description,
        channel_ids=list(options.channel_ids),
        idempotent=options.idempotent,
    )
    if options.parameters:
        spec.parameters.CopyFrom(struct(options.parameters))
    if options.timeout is not None:
        spec.timeout.CopyFrom(duration(options.timeout))
    wants_call = takes_second(function)

    async def serve(invocation: pb.Invocation, _emit: Emit) -> Answer:
        call = invocation.call.tool
        arguments: list[Any] = [mapping(call.arguments)]
        if wants_call:
            arguments.append(call_from_pb(call, invocation.room_id))
        outcome = function(*arguments)
        if inspect.isawaitable(outcome):
            outcome = await outcome
        return answer_from(outcome, invocation.handler)

    return Handler(pb.HandlerSpec(tool=spec), serve)


def answer_from(outcome: Any, tool: str) -> Answer:
    """What a tool's function returned as its answer; anything else is its failure."""
    match outcome:
        case str():
            result = ToolResult(text=outcome)
        case dict():
            result = ToolResult(text=_json(outcome), structured=outcome)
        case list():
            result = ToolResult(text=_json(outcome))
        case ToolResult():
            result = outcome
        case _:
            words = (
                f"a tool must return str, dict, list or ToolResult, not {type(outcome).__name__}"
            )
            log.error("tool %s: %s", tool, words)
            status = pb.Status(code=3, message=words, reason=pb.ERROR_REASON_VALIDATION)
            return pb.Failure(status=status)
    answer = pb.ToolResult(text=result.text, is_error=result.is_error)
    if result.structured is not None:
        answer.structured.CopyFrom(struct(result.structured))
    return pb.HandlerResult(tool=answer)


def _json(value: Any) -> str:
    """JSON as the other SDKs write it; what it does not know becomes a string, as in Structs."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    )


def call_from_pb(call: pb.ToolCall, room_id: str) -> ToolCall:
    """A call as a tool's function gets it."""
    return ToolCall(
        id=call.tool_call_id,
        name=call.name,
        channel_id=call.channel_id or None,
        room_id=room_id or None,
    )


def served_from_pb(tool: pb.Tool) -> ServedTool:
    """A tool that is served."""
    return ServedTool(
        name=tool.name,
        description=tool.description,
        parameters=mapping(tool.parameters),
        channel_ids=list(tool.channel_ids),
        attached_workers=tool.attached_workers,
    )


def run_from_pb(response: pb.CallToolResponse) -> ToolRun:
    """What became of a call."""
    result = response.result
    return ToolRun(
        # An outcome that this SDK does not know yet is no answer.
        outcome=TOOL_OUTCOMES.word(response.outcome, ToolOutcome.FAILED),
        text=result.text,
        structured=mapping(result.structured) if result.HasField("structured") else None,
        is_error=result.is_error,
        tool_call_id=response.tool_call_id,
        worker_id=response.worker_id,
        took=seconds(response.took),
    )
