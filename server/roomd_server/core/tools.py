"""Tools: what agents can do besides talking. Workers run them; here is who may ask for what,
and who sees that it happens.
"""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.permissions import effective_visibility
from roomd_server.core.ports import Caller, Clock, Ids, Toolbox, ToolRun
from roomd_server.core.realtime_desk import RealtimeDesk
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.tallies import ToolTallies
from roomd_server.core.times import duration

SHOWN_RESULT_CHARS = 500
"""Of a result, to those who watch the room; the whole of it is the caller's."""
SHOWN_ARGUMENT_BYTES = 4096
"""Larger arguments are not shown to those who watch the room."""

NOT_RUN, CANCELLED = "not_run", "cancelled"
"""How calls end besides by the names of ``pb.ToolOutcome``."""


class Tools:
    """Serves ``AgentService``, and runs tools for the AIs of the server."""

    def __init__(
        self, toolbox: Toolbox, rooms: Rooms, desk: RealtimeDesk, clock: Clock, ids: Ids
    ) -> None:
        self._toolbox = toolbox
        self._rooms = rooms
        self._desk = desk
        self._clock = clock
        self._ids = ids
        self.tallies = ToolTallies()

    async def list_tools(
        self, caller: Caller, request: pb.ListToolsRequest
    ) -> pb.ListToolsResponse:
        """Read a page of the tools that are served now."""
        kind = paging.mark(caller, request)
        after = paging.decode_text(kind, request.page_token)
        size = paging.page_size(request.page_size)
        tools = self._toolbox.list_tools(caller.org, request.channel_id)
        rest = sorted((one for one in tools if one.name > after), key=lambda one: one.name)
        more = len(rest) > size
        return pb.ListToolsResponse(
            tools=rest[:size],
            next_page_token=paging.encode(kind, rest[size - 1].name) if more else "",
        )

    async def call_tool(self, caller: Caller, request: pb.CallToolRequest) -> pb.CallToolResponse:
        """Run a tool for a caller.

        Raises:
            NotFound: TOOL_NOT_FOUND, ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            InvalidArgument: VALIDATION, the arguments are not what the tool takes.
            Unavailable: NO_WORKER.
        """
        actor = await self._rooms.read(caller, request.room_id) if request.room_id else None
        if actor is not None and request.channel_id not in ("", *actor.bindings):
            raise errors.binding_not_found(request.room_id, request.channel_id)
        call = pb.ToolCall(
            tool_call_id=request.tool_call_id or self._ids.new(),
            name=request.name,
            arguments=request.arguments,
            channel_id=request.channel_id,
        )
        began = self._clock.monotonic()
        ran = await self._run(caller.org, actor, call)
        return pb.CallToolResponse(
            outcome=ran.outcome,
            result=ran.result,
            tool_call_id=call.tool_call_id,
            worker_id=ran.worker_id,
            took=duration(self._clock.monotonic() - began),
        )

    async def use(self, actor: RoomActor, call: pb.ToolCall) -> pb.ToolResult:
        """Run a tool for an AI: what keeps it from running is a result that says so, too."""
        try:
            return (await self._run(actor.org, actor, call)).result
        except errors.RoomdError as error:
            return pb.ToolResult(text=error.message, is_error=True)

    async def _run(self, org: str, actor: RoomActor | None, call: pb.ToolCall) -> ToolRun:
        self._toolbox.check(org, call)
        began = self._clock.monotonic()
        if actor is not None:
            self._show(actor, call, pb.EPHEMERAL_TYPE_TOOL_CALL_START, _asked(call))
        outcome, result = CANCELLED, pb.ToolResult(text=CANCELLED, is_error=True)
        try:
            ran = await self._toolbox.run(org, actor.room_id if actor is not None else "", call)
            outcome, result = _name(ran.outcome), ran.result
            return ran
        except errors.Unavailable as error:
            outcome, result.text = NOT_RUN, error.message
            raise
        finally:
            took = self._clock.monotonic() - began
            self.tallies.outcomes[outcome] += 1
            self.tallies.times.observe(took)
            if actor is not None:
                shown = _answered(call, result, took)
                self._show(actor, call, pb.EPHEMERAL_TYPE_TOOL_CALL_END, shown)

    def _show(
        self, actor: RoomActor, call: pb.ToolCall, kind: pb.EphemeralType, data: Struct
    ) -> None:
        """Show it to those who watch the room and may see what the AI says."""
        binding = actor.bindings.get(call.channel_id)
        visible = effective_visibility(None, binding) if binding is not None else None
        event = pb.EphemeralEvent(type=kind, channel_id=call.channel_id, data=data)
        self._desk.publish(actor, event, visible_to=visible)


def _asked(call: pb.ToolCall) -> Struct:
    shown = Struct()
    one = shown.get_or_create_list("tool_calls").add_struct()
    one.update({"id": call.tool_call_id, "name": call.name})
    if call.arguments.ByteSize() <= SHOWN_ARGUMENT_BYTES:
        one.get_or_create_struct("arguments").CopyFrom(call.arguments)
    return shown


def _answered(call: pb.ToolCall, result: pb.ToolResult, took_seconds: float) -> Struct:
    shown = Struct()
    shown.get_or_create_list("tool_calls").add_struct().update(
        {
            "id": call.tool_call_id,
            "name": call.name,
            "result": result.text[:SHOWN_RESULT_CHARS],
            "is_error": result.is_error,
        }
    )
    shown.update({"duration_ms": int(took_seconds * 1000)})
    return shown


def _name(outcome: pb.ToolOutcome) -> str:
    return pb.ToolOutcome.Name(outcome).removeprefix("TOOL_OUTCOME_").lower()
