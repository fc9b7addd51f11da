"""RoomKit: the documents' API over the service."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

from roomd import v1 as pb
from roomd._bindings import BindingCalls, binding_of
from roomd._channels import Channels
from roomd._convert import ROLES
from roomd._events import EventCalls
from roomd._hooks import HookFn, HookOptions, hook_handler
from roomd._live import SendFn, StreamSendFn
from roomd._names import free_name, function_name
from roomd._parked import DurableCalls
from roomd._people import PeopleCalls
from roomd._realtime import RealtimeCalls
from roomd._reconnect import Reconnect
from roomd._rooms import RoomCalls
from roomd._serving import router_handler
from roomd._session import FrameworkHandler, ServingOptions, Session
from roomd._settings import embedded_settings, refuse_later, store_path
from roomd._tools import ToolOptions, Tools
from roomd.channels.base import Channel
from roomd.core.inbound_router import InboundRoomRouter
from roomd.core.router import ContentTranscoder
from roomd.exceptions import NotSupportedError
from roomd.models.channel import ChannelBinding, RateLimit
from roomd.models.delivery import DeliveryStatus, InboundMessage, InboundResult
from roomd.models.enums import (
    Access,
    ChannelCategory,
    ChannelDirection,
    ChannelType,
    EphemeralEventType,
    EventType,
    HookExecution,
    HookTrigger,
    ParticipantRole,
    ParticipantStatus,
)
from roomd.models.event import EventContent, RoomEvent
from roomd.models.hook import ParkedInvocation
from roomd.models.room import Participant, ReadMarker, Room, RoomTimers
from roomd.models.task import Observation, Task
from roomd.models.tool import ServedTool, ToolCall, ToolRun
from roomd.realtime.base import EphemeralCallback
from roomd.store.reader import StoreReader
from roomd.tools.base import Tool

F = TypeVar("F", bound=Callable[..., Any])


class Done:
    """The outcome of something that took effect already; may be awaited or not."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        """The outcome."""
        yield from ()
        return self._value

    def __bool__(self) -> bool:
        """As its outcome."""
        return bool(self._value)


class RoomKit:
    """Rooms, channels and hooks of a roomd service.

    Registering channels and hooks is synchronous; it reaches the service before the next
    call. Use it as ``async with RoomKit(...) as kit`` or call ``close``.

    Args:
        address: ``host:port`` of the service; None starts a server in this process.
        api_key: Its key.
        tls: Use TLS; bytes are the PEM of the authority to trust.
        store: For the server in this process: ``InMemoryStore()`` (default) or
            ``SQLiteStore(path)``.
        inbound_router: Chooses rooms before the built-in rules do.
        max_chain_depth: For the server in this process: answers to answers. Default 5.
        process_timeout: For the server in this process: seconds for one message. Default 30.
        inbound_rate_limit: For the server in this process: messages per channel.
        takeover: What this kit serves (hooks, channels) gets this kit's settings, also when
            other processes serve it with others now; without it that is refused. For new
            versions of an application, beside the old ones.
        worker_id: Name of this process for operators (``roomd hooks workers``); '' makes one
            of host and process.
        reconnect: How lost streams are dialled again; None: full jitter, 100 ms to 10 s.
        **later: The documents' other arguments; those that this version does not have are
            refused.

    Raises:
        NotSupportedError: an argument of a later version, or one that only the server can
            take, together with an address.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str = "",
        tls: bool | bytes = False,
        store: object = None,
        inbound_router: InboundRoomRouter | None = None,
        max_chain_depth: int | None = None,
        process_timeout: float | None = None,
        inbound_rate_limit: RateLimit | None = None,
        takeover: bool = False,
        worker_id: str = "",
        reconnect: Reconnect | None = None,
        **later: object,
    ) -> None:
        refuse_later(later)
        settings = embedded_settings(max_chain_depth, process_timeout, inbound_rate_limit)
        if address is not None and (settings or store is not None):
            names = ", ".join([*settings, *(["store"] if store is not None else [])])
            raise NotSupportedError(f"{names}: set it on the server at {address}, not here")
        self._session = Session(
            address,
            api_key,
            tls=tls,
            path=store_path(store),
            options=settings,
            serving=ServingOptions(worker_id, takeover, reconnect),
        )
        self._channels = Channels(self._session)
        self._rooms = RoomCalls(self._session)
        self._events = EventCalls(self._session)
        self._bindings = BindingCalls(self._session)
        self._people = PeopleCalls(self._session)
        self._live = RealtimeCalls(self._session)
        self._durable = DurableCalls(self._session)
        self._tools = Tools(self._session)
        self._reader = StoreReader(self._session)
        self._shares_server = address is not None
        self._hook_names: set[str] = set()
        self._room_hooks: dict[tuple[str, str], list[str]] = {}
        if inbound_router is not None:
            router = router_handler(inbound_router, self._channels.type_of)
            self._session.enqueue_handler("inbound-router", router)

    # -------------------------------------------------------------- life

    async def connect(self) -> None:
        """Connect now and bring everything that was registered to the service."""
        await self._session.ready()

    async def close(self) -> None:
        """Hang up; stop the server in this process."""
        await self._live.close()
        await self._channels.close()
        await self._session.close()

    async def __aenter__(self) -> RoomKit:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def store(self) -> StoreReader:
        """Reads what the service has stored."""
        return self._reader

    @property
    def _transcoder(self) -> ContentTranscoder | None:
        return self._channels.transcoder

    @_transcoder.setter
    def _transcoder(self, transcoder: ContentTranscoder | None) -> None:
        """The documents replace the transcoder this way; see ``set_transcoder``."""
        self._channels.transcoder = transcoder

    def set_transcoder(self, transcoder: ContentTranscoder | None) -> None:
        """Replace the built-in rules for the channels that this kit serves."""
        self._channels.transcoder = transcoder

    # -------------------------------------------------------------- channels

    def register_channel(self, channel: Channel) -> None:
        """Register a channel and serve it.

        Raises:
            ChannelAlreadyRegisteredError: its id is taken.
        """
        self._channels.register(channel)

    async def unregister_channel(self, channel_id: str) -> None:
        """Remove a channel from all rooms and from the service."""
        await self._channels.unregister(channel_id)

    def get_channel(self, channel_id: str) -> Channel | None:
        """A channel of this kit, or None."""
        return self._channels.get(channel_id)

    def list_channels(self) -> list[Channel]:
        """The channels of this kit."""
        return self._channels.all()

    async def attach_channel(
        self,
        room_id: str,
        channel_id: str,
        category: ChannelCategory | None = None,
        access: Access = Access.READ_WRITE,
        visibility: str = "all",
        **settings: Any,
    ) -> ChannelBinding:
        """Attach a channel to a room; one that is attached already gets these settings.

        Args:
            room_id: The room.
            channel_id: The channel.
            category: Follows the channel's type unless said.
            access: What it may do.
            visibility: Who sees what it writes.
            **settings: direction, participant_id, metadata, rate_limit, retry_policy,
                capabilities.
        """
        settings.pop("channel_type", None)  # the documents' early versions pass it
        binding = binding_of(category=category, access=access, visibility=visibility, **settings)
        return await self._bindings.attach(room_id, channel_id, binding)

    async def detach_channel(self, room_id: str, channel_id: str) -> bool:
        """Detach a channel; whether it was attached."""
        return await self._bindings.detach(room_id, channel_id)

    async def mute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """It hears, but what it says is stored BLOCKED."""
        return await self._bindings.change("MuteChannel", room_id, channel_id)

    async def unmute(self, room_id: str, channel_id: str) -> ChannelBinding:
        """It speaks again."""
        return await self._bindings.change("UnmuteChannel", room_id, channel_id)

    async def mute_output(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Sound to it is silenced."""
        return await self._bindings.change("MuteOutput", room_id, channel_id)

    async def unmute_output(self, room_id: str, channel_id: str) -> ChannelBinding:
        """Sound to it is heard again."""
        return await self._bindings.change("UnmuteOutput", room_id, channel_id)

    async def set_access(self, room_id: str, channel_id: str, access: Access) -> ChannelBinding:
        """Say what a channel may do in a room."""
        return await self._bindings.set_access(room_id, channel_id, access)

    async def set_visibility(
        self, room_id: str, channel_id: str, visibility: str
    ) -> ChannelBinding:
        """Say who sees what a channel writes."""
        return await self._bindings.set_visibility(room_id, channel_id, visibility)

    async def update_binding_metadata(
        self, room_id: str, channel_id: str, metadata: Mapping[str, Any]
    ) -> ChannelBinding:
        """Merge keys into a binding's metadata."""
        return await self._bindings.update_metadata(room_id, channel_id, metadata)

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding:
        """A channel of a room.

        Raises:
            ChannelNotFoundError: it is not attached.
        """
        return await self._bindings.change("GetBinding", room_id, channel_id)

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        """The channels of a room."""
        return await self._reader.list_bindings(room_id)

    async def connect_websocket(
        self,
        channel_id: str,
        connection_id: str,
        send_fn: SendFn,
        room_id: str | None = None,
        *,
        stream_send_fn: StreamSendFn | None = None,
    ) -> None:
        """Add a live connection to a WebSocket channel."""
        await self._channels.connect(channel_id, connection_id, send_fn, room_id, stream_send_fn)

    async def disconnect_websocket(self, channel_id: str, connection_id: str) -> None:
        """Remove a live connection."""
        await self._channels.disconnect(channel_id, connection_id)

    async def subscribe_websocket(self, channel_id: str, connection_id: str, room_id: str) -> None:
        """Let a connection see one more room."""
        await self._channels.subscribe(channel_id, connection_id, room_id)

    async def unsubscribe_websocket(
        self, channel_id: str, connection_id: str, room_id: str
    ) -> None:
        """Let a connection see a room no more."""
        await self._channels.unsubscribe(channel_id, connection_id, room_id)

    # -------------------------------------------------------------- hooks

    def hook(
        self,
        trigger: HookTrigger,
        execution: HookExecution = HookExecution.SYNC,
        priority: int = 0,
        name: str = "",
        timeout: float = 30.0,
        channel_types: Collection[ChannelType] | None = None,
        channel_ids: Collection[str] | None = None,
        directions: Collection[ChannelDirection] | None = None,
        recent_events: int = 20,
        durable: bool = False,
        max_attempts: int = 0,
    ) -> Callable[[F], F]:
        """Make a function a hook of all rooms.

        Deciding hooks (BEFORE_…) get at most 10 s, watching ones 300 s.

        Programs on one server that give their hooks the same ``name`` share the work: each
        message goes to one of them. Without a name it is the function's; on a server with an
        address it says where the function is defined, too.

        A watching hook that is ``durable`` misses nothing: what happens while no program serves
        it waits on the server under its ``name``, which it must have. It is told of each room
        in order, and again with the same ``current_invocation().id`` when the function raises
        or the program dies. After ``max_attempts`` (10), or a ``GiveUpError``, it is parked: see
        ``list_parked``. The hook stays when the kit is closed, until ``delete_hook``.
        """
        if durable and not name:
            raise ValueError("a durable hook needs a name: what waits for it is kept under it")
        if durable and name in self._hook_names:
            raise ValueError(f"this kit has a hook {name!r} already; two cannot share what waits")
        options = HookOptions(
            priority=priority,
            timeout=timeout,
            channel_types=channel_types,
            channel_ids=channel_ids,
            directions=directions,
            recent_events=recent_events,
            durable=durable,
            max_attempts=max_attempts,
        )

        def register(function: F) -> F:
            given = name or self._name_of(function)
            self._add_hook(given, trigger, execution, function, options)
            return function

        return register

    def _name_of(self, function: HookFn) -> str:
        return function_name(function, qualified=self._shares_server)

    def _add_hook(
        self,
        name: str,
        trigger: HookTrigger,
        execution: HookExecution,
        function: HookFn,
        options: HookOptions,
    ) -> str:
        """Attach a hook under the name, or one like it that no other hook of this kit has."""
        handler = hook_handler(trigger, execution, function, options)
        full = free_name(name, self._session.handler_names)
        self._hook_names.add(full)
        self._session.enqueue_handler(full, handler)
        return full

    def add_room_hook(
        self,
        room_id: str,
        trigger: HookTrigger,
        execution: HookExecution,
        fn: HookFn,
        priority: int = 0,
        name: str = "",
    ) -> Done:
        """Make a function a hook of one room; may be awaited."""
        options = HookOptions(priority=priority, room_id=room_id)
        wanted = f"{name or self._name_of(fn)}@{room_id}"
        full = self._add_hook(wanted, trigger, execution, fn, options)
        given = name or function_name(fn, qualified=False)
        self._room_hooks.setdefault((room_id, given), []).append(full)
        return Done(None)

    def remove_room_hook(self, room_id: str, name: str) -> Done:
        """Remove a room's hooks of that name; may be awaited. Whether there were any."""
        names = self._room_hooks.pop((room_id, name), [])
        for full in names:
            self._hook_names.discard(full)
            self._session.drop_handler(full)
        return Done(bool(names))

    async def delete_hook(self, name: str) -> None:
        """Delete a durable hook, everything that waits for it, and what it gave up.

        Raises:
            NotFoundError: the server has no hook of that name.
        """
        if name in self._hook_names:
            self._hook_names.discard(name)
            self._session.drop_handler(name)
        await self._durable.delete(name)

    async def list_parked(self, hook: str, room_id: str | None = None) -> list[ParkedInvocation]:
        """What a durable hook gave up, by room, in a room in the order in which it happened."""
        return await self._durable.list(hook, room_id)

    async def replay_parked(
        self, hook: str, invocation_ids: Collection[str] = (), room_id: str | None = None
    ) -> int:
        """Let a durable hook be told again what it gave up (all, or these); how many."""
        return await self._durable.replay(hook, invocation_ids, room_id)

    async def purge_parked(
        self,
        hook: str,
        invocation_ids: Collection[str] = (),
        room_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Forget what a durable hook gave up (all, these, or before a time); how many."""
        return await self._durable.purge(hook, invocation_ids, room_id, before)

    def on(self, event_type: str) -> Callable[[F], F]:
        """Make a function a handler of framework events of a type."""

        def register(function: F) -> F:
            handler: FrameworkHandler = function
            self._session.on_framework_event(event_type, handler)
            return function

        return register

    def on_delivery_status(self, function: F) -> F:
        """Call a function whenever a delivery changes its state."""
        name = f"{self._name_of(function)}-delivery-status"
        trigger, execution = HookTrigger.ON_DELIVERY_STATUS, HookExecution.ASYNC
        self._add_hook(name, trigger, execution, function, HookOptions(recent_events=0))
        return function

    # -------------------------------------------------------------- tools

    def register_tool(self, tool: Tool) -> None:
        """Serve a tool to the AIs of the service.

        Programs that serve a tool of one name with the same settings share its calls.

        Raises:
            ValueError: its name is none that a tool can have, or something else of this kit
                has it.
        """
        self._tools.register(tool)

    def tool(
        self,
        name: str,
        *,
        description: str,
        parameters: Mapping[str, Any] | None = None,
        channel_ids: Collection[str] = (),
        timeout: float | None = None,
        idempotent: bool = False,
    ) -> Callable[[F], F]:
        """Make a function a tool; see ``Tool`` for the settings, ``register_tool`` for the rest.

        The function gets the arguments, a dict, and if it takes a second parameter the
        ``ToolCall``. It answers with words, a dict or list, or a ``ToolResult``. One that is not
        async holds everything else of this process up while it runs.
        """
        options = ToolOptions(name, description, parameters, channel_ids, timeout, idempotent)

        def register(function: F) -> F:
            self._tools.add(options, function)
            return function

        return register

    async def unregister_tool(self, name: str) -> bool:
        """Serve a tool of this kit no more; whether it was served."""
        return await self._tools.remove(name)

    async def list_tools(self, channel_id: str | None = None) -> list[ServedTool]:
        """The tools that any program serves now, by name; those of one channel's AI, or all."""
        return await self._tools.list(channel_id)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        room_id: str | None = None,
        channel_id: str | None = None,
        tool_call_id: str | None = None,
    ) -> ToolRun:
        """Run a tool, here or wherever it is served; what became of it is the ``outcome``.

        An error means that it did not run, with one exception: a connection that is lost, or a
        fault of the server, while the tool runs. Such a call is not repeated, for the tool may
        have done something.

        Args:
            name: The tool.
            arguments: What its schema describes.
            room_id: The room that it is called for; those who watch it see the call.
            channel_id: The AI that calls, attached to the room; None: somebody who tries it.
            tool_call_id: Our own, told to the tool; the same to call again. None: a new one.

        Raises:
            ToolNotFoundError: nobody serves such a tool to this channel.
            ValidationFailedError: the arguments are wrong; ``violations`` says which.
            ServiceUnavailableError: NO_WORKER, nobody took it for a minute; UNAVAILABLE, the
                connection was lost; SERVER_FAULT.
        """
        call = ToolCall(id=tool_call_id or "", name=name, channel_id=channel_id, room_id=room_id)
        return await self._tools.call(call, arguments or {})

    # -------------------------------------------------------------- rooms

    async def create_room(
        self,
        room_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timers: RoomTimers | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Room:
        """Make a room. ``metadata["timers"]`` may hold the timers, as in the documents."""
        return await self._rooms.create(room_id, dict(metadata or {}), timers, labels or {})

    async def get_room(self, room_id: str) -> Room:
        """A room.

        Raises:
            RoomNotFoundError: there is none.
        """
        return await self._rooms.get(room_id)

    async def update_room_metadata(self, room_id: str, metadata: Mapping[str, Any]) -> Room:
        """Merge keys into a room's metadata; None removes one."""
        return await self._rooms.update_metadata(room_id, metadata)

    async def set_room_timers(self, room_id: str, timers: RoomTimers) -> Room:
        """Say when a room pauses and closes by itself."""
        return await self._rooms.set_timers(room_id, timers)

    async def pause_room(self, room_id: str) -> Room:
        """ACTIVE to PAUSED."""
        return await self._rooms.change("PauseRoom", room_id)

    async def resume_room(self, room_id: str) -> Room:
        """PAUSED to ACTIVE."""
        return await self._rooms.change("ResumeRoom", room_id)

    async def close_room(self, room_id: str) -> Room:
        """End a conversation."""
        return await self._rooms.change("CloseRoom", room_id)

    async def archive_room(self, room_id: str) -> Room:
        """CLOSED to ARCHIVED, for good."""
        return await self._rooms.change("ArchiveRoom", room_id)

    async def delete_room(self, room_id: str) -> None:
        """Remove a room and everything in it."""
        await self._rooms.delete(room_id)

    async def check_room_timers(self, room_id: str) -> Room:
        """Fire a room's timers that are due; the service does it by itself."""
        return await self._rooms.change("CheckRoomTimers", room_id)

    async def check_all_timers(self) -> list[Room]:
        """Fire all timers that are due; rooms that changed."""
        return await self._rooms.check_all_timers()

    # -------------------------------------------------------------- events

    async def process_inbound(
        self, message: InboundMessage, room_id: str | None = None, *, wait: str = "delivered"
    ) -> InboundResult:
        """Take a message from outside through the whole pipeline.

        Args:
            message: The message.
            room_id: The room; None: routed.
            wait: "delivered": until everything it starts has ended; "committed": until it is
                durable.
        """
        return await self._events.process_inbound(message, room_id, wait)

    async def send_event(
        self,
        room_id: str,
        channel_id: str,
        content: EventContent,
        event_type: EventType = EventType.MESSAGE,
        chain_depth: int = 0,
        participant_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        visibility: str = "all",
        provider: str | None = None,
        response_visibility: str | None = None,
        parent_event_id: str | None = None,
        idempotency_key: str | None = None,
        addressed_to: Sequence[str] | None = None,
        *,
        wait: str = "delivered",
    ) -> RoomEvent:
        """Write an event into a room from one of its channels.

        Raises:
            RoomClosedError: the room is closed.
            ChannelNotFoundError: the channel is not attached.
        """
        request = self._events.send_request(
            room_id=room_id,
            channel_id=channel_id,
            content=content,
            event_type=event_type,
            visibility=visibility,
            response_visibility=response_visibility,
            metadata=metadata,
            addressed_to=addressed_to,
            wait=wait,
        )
        request.chain_depth = chain_depth
        request.participant_id = participant_id or ""
        request.provider = provider or ""
        request.parent_event_id = parent_event_id or ""
        request.idempotency_key = idempotency_key or ""
        return await self._events.send(request)

    async def deliver(
        self,
        room_id: str,
        content: EventContent | str,
        channel_id: str | None = None,
        strategy: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RoomEvent | None:
        """Say something of our own accord; None while it waits in the room's queue.

        Args:
            room_id: The room.
            content: What to say.
            channel_id: The target; None: the room's first transport channel.
            strategy: "immediate" (default), "wait_for_idle" or "queued".
            metadata: Free data.
        """
        return await self._events.deliver(room_id, content, channel_id, strategy, metadata)

    async def get_timeline(
        self,
        room_id: str,
        offset: int = 0,
        limit: int = 50,
        visibility_filter: str | None = None,
        *,
        after_index: int | None = None,
        before_index: int | None = None,
        newest_first: bool = False,
    ) -> list[RoomEvent]:
        """Events of a room by index."""
        return await self._reader.list_events(
            room_id,
            offset,
            limit,
            visibility_filter=visibility_filter,
            after_index=after_index,
            before_index=before_index,
            newest_first=newest_first,
        )

    async def update_event(
        self,
        room_id: str,
        event_id: str,
        content: EventContent | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RoomEvent:
        """Edit an event."""
        return await self._people.update_event(room_id, event_id, content, metadata)

    async def delete_event(
        self, room_id: str, event_id: str, cascade_replies: bool = False
    ) -> RoomEvent:
        """Withdraw an event."""
        return await self._people.delete_event(room_id, event_id, cascade_replies=cascade_replies)

    async def process_delivery_status(self, status: DeliveryStatus) -> None:
        """Tell the service what a provider says became of a message.

        Raises:
            ValueError: no channel, or a state that is none.
        """
        await self._events.report_status(status)

    async def mark_read(self, room_id: str, channel_id: str, event_id: str) -> None:
        """Everything up to an event is read."""
        await self._people.mark_read(room_id, channel_id, event_id)

    async def mark_all_read(self, room_id: str, channel_id: str) -> None:
        """Everything is read."""
        await self._people.mark_all_read(room_id, channel_id)

    async def list_read_markers(self, room_id: str) -> list[ReadMarker]:
        """How far each channel has read."""
        return await self._reader.list_read_markers(room_id)

    # -------------------------------------------------------------- people and findings

    async def ensure_participant(
        self,
        room_id: str,
        channel_id: str,
        participant_id: str,
        display_name: str | None = None,
    ) -> Participant:
        """Somebody of a room, added when they are not there."""
        who = pb.Participant(
            participant_id=participant_id,
            channel_ids=[channel_id],
            display_name=display_name or "",
        )
        return await self._people.add(room_id, who, ensure=True)

    async def add_member(
        self,
        room_id: str,
        channel_id: str,
        participant_id: str,
        identity_id: str | None = None,
        display_name: str | None = None,
        role: ParticipantRole = ParticipantRole.MEMBER,
    ) -> Participant:
        """Add somebody.

        Raises:
            AlreadyExistsError: they are there.
        """
        who = pb.Participant(
            participant_id=participant_id,
            channel_ids=[channel_id],
            display_name=display_name or "",
            identity_id=identity_id or "",
            role=ROLES.number(role),
        )
        return await self._people.add(room_id, who, ensure=False)

    async def update_participant(
        self,
        room_id: str,
        participant_id: str,
        *,
        display_name: str | None = None,
        role: ParticipantRole | None = None,
        status: ParticipantStatus | None = None,
    ) -> Participant:
        """Change somebody's record."""
        return await self._people.update(
            room_id, participant_id, display_name=display_name, role=role, status=status
        )

    async def remove_member(
        self,
        room_id: str,
        participant_id: str,
        status: ParticipantStatus = ParticipantStatus.LEFT,
    ) -> Participant:
        """Somebody left, or is put out with BANNED."""
        ban = status == ParticipantStatus.BANNED
        return await self._people.remove(room_id, participant_id, ban=ban)

    async def list_members(self, room_id: str, include_left: bool = False) -> list[Participant]:
        """Everybody of a room."""
        gone = (ParticipantStatus.LEFT, ParticipantStatus.BANNED)
        people = await self._reader.list_participants(room_id)
        return [who for who in people if include_left or who.status not in gone]

    async def resolve_participant(
        self,
        room_id: str,
        participant_id: str,
        identity_id: str,
        resolved_by: str = "manual",
    ) -> Participant:
        """Say who somebody is."""
        return await self._people.resolve(room_id, participant_id, identity_id, resolved_by)

    async def create_task(self, room_id: str, task: Task) -> Task:
        """Store a task."""
        return await self._people.create_task(room_id, task)

    async def update_task(self, room_id: str, task: Task) -> Task:
        """Store a task's new values."""
        return await self._people.update_task(room_id, task)

    async def list_tasks(self, room_id: str, status: str | None = None) -> list[Task]:
        """Tasks of a room."""
        return await self._reader.list_tasks(room_id, status)

    async def list_observations(self, room_id: str) -> list[Observation]:
        """Observations of a room."""
        return await self._reader.list_observations(room_id)

    async def submit_feedback(
        self,
        room_id: str,
        rating: float,
        event_id: str | None = None,
        channel_id: str | None = None,
        comment: str = "",
        dimension: str = "overall",
    ) -> Observation:
        """Store feedback, 0 to 1."""
        request = pb.SubmitFeedbackRequest(
            room_id=room_id,
            rating=rating,
            event_id=event_id or "",
            channel_id=channel_id or "",
            comment=comment,
            dimension=dimension,
        )
        return await self._people.feedback(request)

    # -------------------------------------------------------------- fleeting things

    async def publish_typing(
        self,
        room_id: str,
        user_id: str,
        is_typing: bool = True,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Someone types or stops."""
        await self._live.typing(room_id, user_id, is_typing, data)

    async def publish_presence(self, room_id: str, user_id: str, status: str) -> None:
        """Someone is "online", "away" or "offline"."""
        await self._live.presence(room_id, user_id, status)

    async def publish_read_receipt(self, room_id: str, user_id: str, event_id: str) -> None:
        """Someone read an event."""
        await self._live.read_receipt(room_id, user_id, event_id)

    async def publish_reaction(
        self,
        room_id: str,
        user_id: str,
        target_event_id: str,
        emoji: str,
        action: str = "add",
    ) -> None:
        """Someone reacts to an event, or takes it back with "remove"."""
        await self._live.reaction(
            room_id, user_id, target_event_id, emoji, remove=action == "remove"
        )

    async def publish_tool_call(
        self,
        room_id: str,
        channel_id: str,
        tool_calls: Sequence[Mapping[str, Any]],
        event_type: EphemeralEventType = EphemeralEventType.TOOL_CALL_START,
        duration_ms: float | None = None,
    ) -> None:
        """A tool call began or ended."""
        await self._live.tool_call(room_id, channel_id, tool_calls, event_type, duration_ms)

    async def publish_ephemeral(
        self,
        room_id: str,
        event_type: EphemeralEventType,
        user_id: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Anything else that is fleeting."""
        await self._live.ephemeral(room_id, event_type, user_id=user_id, data=data)

    async def subscribe_room(self, room_id: str, callback: EphemeralCallback) -> str:
        """Call a function for every fleeting event of a room; the subscription's id."""
        return await self._live.subscribe(room_id, callback)

    async def unsubscribe_room(self, subscription_id: str) -> bool:
        """End a subscription; whether there was one."""
        return await self._live.unsubscribe(subscription_id)
