"""Tools that workers serve (``ports.Toolbox``): who runs a call, and what its end means."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.errors import NotFound, Unavailable
from roomd_server.core.ports import ToolRun
from roomd_server.hooks.handlers import TOOL, Asked, HandlerEntry, Handlers, Unanswered
from roomd_server.hooks.invocation import Fate

_OUTCOME_OF_FATE = {
    Fate.TIMEOUT: pb.TOOL_OUTCOME_TIMEOUT,
    Fate.LOST: pb.TOOL_OUTCOME_LOST,
    Fate.NO_WORKER: pb.TOOL_OUTCOME_LOST,
    Fate.FULL: pb.TOOL_OUTCOME_LOST,
    Fate.REMOVED: pb.TOOL_OUTCOME_LOST,
}
"""Of calls that a worker had in hand; any other fate is a failure."""

_WORDS = {
    pb.TOOL_OUTCOME_TIMEOUT: "the tool did not answer in time; it may have done something",
    pb.TOOL_OUTCOME_LOST: "the tool's worker went away; it may have done something",
}


class RemoteTools:
    """Finds the tools that workers serve, and has them run."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def list_tools(self, org: str, channel_id: str) -> list[pb.Tool]:
        """See ``ports.Toolbox.list_tools``."""
        return [
            _described(entry)
            for entry in self._handlers.of_kind(org, TOOL)
            if entry.group.serving and _is_for(entry, channel_id)
        ]

    def check(self, org: str, call: pb.ToolCall) -> None:
        """See ``ports.Toolbox.check``."""
        schema = self._find(org, call).terms.schema
        assert schema is not None
        schema.check(call.arguments)

    def _find(self, org: str, call: pb.ToolCall) -> HandlerEntry:
        entry = self._handlers.find(org, call.name)
        if entry is None or entry.kind != TOOL or not _is_for(entry, call.channel_id):
            raise _not_found(call)
        return entry

    async def run(self, org: str, room_id: str, call: pb.ToolCall) -> ToolRun:
        """See ``ports.Toolbox.run``."""
        entry = self._find(org, call)
        asked = await self._handlers.ask(entry, pb.HandlerCall(tool=call), room_id)
        try:
            result = self._handlers.value(asked, TOOL).tool
        except Unanswered as unanswered:
            return _unanswered(call, asked, unanswered)
        return ToolRun(pb.TOOL_OUTCOME_ANSWERED, result, asked.worker_id)


def _is_for(entry: HandlerEntry, channel_id: str) -> bool:
    channels = entry.spec.tool.channel_ids
    return not channel_id or not channels or channel_id in channels


def _described(entry: HandlerEntry) -> pb.Tool:
    spec = entry.spec.tool
    tool = pb.Tool(
        name=entry.name,
        description=spec.description,
        channel_ids=spec.channel_ids,
        attached_workers=entry.group.serving,
    )
    if spec.HasField("parameters"):
        tool.parameters.CopyFrom(spec.parameters)
    return tool


def _unanswered(call: pb.ToolCall, asked: Asked, unanswered: Unanswered) -> ToolRun:
    """What becomes of a call without an answer; an error only when nobody had it in hand."""
    if not asked.invocation.attempt:
        why = "all its workers are busy" if unanswered.fate in _BUSY else unanswered.message
        raise Unavailable(
            pb.ERROR_REASON_NO_WORKER,
            f"nobody runs the tool {call.name!r} now: {why}; try again",
            metadata={"tool": call.name},
        )
    outcome = _OUTCOME_OF_FATE.get(unanswered.fate, pb.TOOL_OUTCOME_FAILED)
    words = _WORDS.get(outcome) or f"the tool failed: {unanswered.message}"
    return ToolRun(outcome, pb.ToolResult(text=words, is_error=True), asked.worker_id)


def _not_found(call: pb.ToolCall) -> NotFound:
    whom = f" for channel {call.channel_id!r}" if call.channel_id else ""
    return NotFound(
        pb.ERROR_REASON_TOOL_NOT_FOUND,
        f"no tool {call.name!r}{whom}; ListTools says which there are",
        metadata={"tool": call.name},
    )


_BUSY = frozenset((Fate.TIMEOUT, Fate.FULL))
