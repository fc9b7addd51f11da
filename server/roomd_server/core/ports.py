"""What the engine needs from the outside, by role.

The engine does no I/O and reads no clock: these protocols are the only doors. Adapters
live in ``stores``, ``hooks``, ``channels``; ``wiring.py`` chooses them. Protobuf messages
are the nouns everywhere. A message that was handed on is immutable: copy it to change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from roomd import v1 as pb
from roomd_server.core.log import BEGINNING, Position

if TYPE_CHECKING:
    from roomd_server.core.tracing import Span

# ------------------------------------------------------------------ time, ids, callers


class Cancellable(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """Do not fire."""


class Clock(Protocol):
    """Time. Wall time for what is stored, monotonic time for how long things take."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; unaffected by clock jumps."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancellable:
        """Call back once, on the event loop."""


class Ids(Protocol):
    """Where new ids come from."""

    def new(self) -> str:
        """A string no other call returns, sortable by time of creation."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential lets its workers register and answer. None: no limit."""

    triggers: frozenset[int] | None = None
    """``HookTrigger``."""
    modes: frozenset[int] | None = None
    """``HookMode``."""
    rooms: tuple[str, ...] | None = None
    """Room ids; one that ends in ``*`` stands for all that begin so. Without None a hook must
    name its rooms, and all of them must be among these."""
    kinds: frozenset[str] | None = None
    """Handlers besides hooks: kinds of ``HandlerSpec``."""
    may_block: bool = True
    may_modify: bool = True


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: from the credential and the request's metadata, never from its body."""

    org: str
    """The organization: the tenant whose things can be seen."""
    key_id: str = ""
    request_id: str = ""
    invocation_id: str = ""
    """The hook invocation within which the call is made, if any (WOULD_DEADLOCK)."""
    grant: Grant | None = None
    """Bounds what its workers register and answer; None: nothing does."""


# ------------------------------------------------------------------ store


class KeyRecord(NamedTuple):
    """What an idempotency key stands for. ``scope`` is ``room:<id>`` or ``rpc:<name>``."""

    scope: str
    key: str
    fingerprint: bytes
    """Hash of the request body: the same key with another one is KEY_REUSED."""
    value: bytes
    """``room:`` scopes: the event id in UTF-8; ``rpc:`` scopes: the serialised response."""
    expires: float
    """Wall time after which the key is forgotten."""


class Change(NamedTuple):
    """An entry of a room's change log: what happened besides new events."""

    sequence: int
    """From 0, gapless per room."""
    after_index: int
    """Newest event index when it happened (-1: none): its place among the events."""
    item: bytes
    """A serialised ``StreamItem`` without cursor."""


class QueuedText(NamedTuple):
    """A proactive message that waits for its room to become idle."""

    queued_id: str
    request: pb.DeliverRequest
    queued_time: float


class ObserverRow(NamedTuple):
    """Something that one durable observer has still to see, or was given up: ``parked``."""

    invocation_id: str
    """The same over all attempts."""
    hook: str
    room_id: str
    trigger: pb.HookTrigger
    event_id: str
    """The stored event it is about: told as it may be read when it is told. Empty: a payload."""
    payload: bytes
    """A serialised ``HookPayload``; empty with an ``event_id``."""
    create_time: float
    attempts: int = 0
    """Attempts that failed."""
    due: float = 0.0
    """Wall time before which it is not told (again)."""
    parked: bool = False
    park_time: float = 0.0
    status: bytes = b""
    """A serialised ``Status``: how the last attempt failed."""
    told: pb.HookPayload | None = None
    """What an ``event_id`` stands for, while it is at hand; not stored."""
    trace: Span | None = None
    """The span of what it tells, when that is traced, while it is at hand; not stored."""


class ObserverCount(NamedTuple):
    """How many rows a hook has."""

    org: str
    hook: str
    waiting: int
    parked: int


@dataclass(slots=True)
class ObserverQuery:
    """Which rows of a hook: by room, and in a room in the order in which they were added."""

    hook: str
    limit: int
    parked: bool = False
    room_id: str = ""
    """Only rows of this room."""
    after: tuple[str, int] | None = None
    """(room id, position) of the last row seen; see ``PlacedRow``."""
    invocation_ids: Sequence[str] = ()
    """Only these."""
    parked_before: float | None = None
    """Only rows that were parked before this wall time."""


class PlacedRow(NamedTuple):
    """A row and its place: positions grow in the order in which rows were added."""

    position: int
    row: ObserverRow


@dataclass(slots=True)
class WriteSet:
    """Everything that is committed together. One transaction; all or nothing.

    Lists of messages are upserts by their ids unless said otherwise. The room's own rows
    (``room`` … ``changes``) all belong to ``room_id``. A sequence is replaced to add to it:
    one is made per message, and most of them stay empty.
    """

    org: str
    room_id: str = ""
    room: pb.Room | None = None
    create_room: bool = False
    """``room`` must not exist yet; otherwise ``StoreConflict('room')``."""
    relabelled: bool = False
    """The labels of ``room`` are others than those stored."""
    timer_due: float | None = None
    """Wall time when the room's next timer is due; stored whenever ``room`` is set."""
    events: Sequence[pb.RoomEvent] = ()
    """New events. An index that is not the room's next one, or an id that is taken, is
    ``StoreConflict('event')``: a set behind a failed one leaves no hole."""
    event_data: Sequence[bytes] = ()
    """``events``, serialised; the store makes what is missing."""
    changed_events: Sequence[pb.RoomEvent] = ()
    """Stored events with new values (edit, delete, status)."""
    bindings: Sequence[pb.Binding] = ()
    removed_bindings: Sequence[str] = ()
    participants: Sequence[pb.Participant] = ()
    removed_participants: Sequence[str] = ()
    wordless_events: Sequence[str] = ()
    """Ids of events whose words leave the search at once, not when it is used next."""
    rewritten_changes: Sequence[Change] = ()
    """Stored changes with new items; sequence and place stay."""
    forgotten_provider_ids: Sequence[tuple[str, str]] = ()
    """(channel id, provider's message id) by which no delivery is found any more."""
    tasks: Sequence[pb.Task] = ()
    observations: Sequence[pb.Observation] = ()
    removed_observations: Sequence[str] = ()
    deliveries: Sequence[pb.Delivery] = ()
    """New or changed; ``(org, channel_id, result.provider_message_id)`` and each of
    ``result.part_message_ids`` are indexed when not empty."""
    keys: Sequence[KeyRecord] = ()
    """A live key that exists is ``StoreConflict('key')``."""
    markers: Sequence[pb.ReadMarker] = ()
    changes: Sequence[Change] = ()
    """A sequence that is not the room's next one is ``StoreConflict('event')``."""
    queued: Sequence[QueuedText] = ()
    removed_queued: Sequence[str] = ()
    delete_room: bool = False
    """Remove the room and everything in it. A long history may go step by step behind it:
    sets with its id wait for that, and so does a new room of this id."""
    # Organization-wide rows.
    channels: Sequence[pb.Channel] = ()
    removed_channels: Sequence[str] = ()
    hooks: Sequence[pb.Hook] = ()
    removed_hooks: Sequence[str] = ()
    """With all their observer rows."""
    observer_rows: Sequence[ObserverRow] = ()
    """New rows, each behind all that its hook and room have."""
    changed_observer_rows: Sequence[ObserverRow] = ()
    """Stored rows with new values of ``attempts`` … ``status``; one that is gone stays gone."""
    removed_observer_rows: Sequence[str] = ()
    """Their invocation ids."""
    rewritten_observer_rows: Sequence[tuple[str, bytes]] = ()
    """(invocation id, new payload) of stored rows."""
    handlers: Sequence[pb.Handler] = ()
    """Handlers that are no hooks: what workers said of themselves last."""
    removed_handlers: Sequence[str] = ()
    asker: asyncio.Future[None] | None = None
    """Who waits for the set, and is told by a store that it does not know for long whether the
    set is stored. ``Settled`` is told the truth, when it is known."""


Settled = Callable[[Exception | None], None]
"""Is told what became of a write set; must not wait or raise."""


class StoreConflict(Exception):
    """A row that had to be new exists. ``what``: room, event or key."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(slots=True)
class RoomSnapshot:
    """What a room's owner keeps in memory, read once."""

    room: pb.Room
    bindings: list[pb.Binding]
    """In the order they were attached."""
    participants: list[pb.Participant]
    """In the order they joined."""
    recent_events: list[pb.RoomEvent]
    """The newest, ascending by index."""
    next_change: int
    recent_keys: list[tuple[str, bytes, str]]
    """(key, fingerprint, event id) of the newest live keys, oldest first."""
    key_count: int
    """Live keys in all: more than ``recent_keys`` holds when the room is busy."""
    queued: list[QueuedText]
    kept_from: Position = BEGINNING
    """The first event and the first change that are kept."""


class AgingRoom(NamedTuple):
    """A room, and how far back it goes."""

    org: str
    room: pb.Room
    oldest_time: float | None
    """Wall time of the oldest event kept; None: there is none."""


class LogPage(NamedTuple):
    """A stretch of a room's log, in order: events and changes merged by position."""

    entries: list[pb.RoomEvent | Change]
    oldest: Position
    """First event and first change kept; who needs an older one has lost something."""
    more: bool


@dataclass(slots=True)
class EventQuery:
    """Which events of a room, in which order."""

    room_id: str
    limit: int
    after_index: int | None = None
    before_index: int | None = None
    newest_first: bool = False
    offset: int = 0
    filter: pb.EventFilter | None = None
    """``visible_to_channel_id`` is applied by the caller, all else by the store."""


@dataclass(slots=True)
class DeliveryQuery:
    """Which deliveries of a room, newest first."""

    room_id: str
    limit: int
    before: tuple[float, str] | None = None
    """(create time, delivery id) of the last row seen."""
    event_id: str = ""
    event_ids: Sequence[str] = ()
    channel_id: str = ""
    states: Sequence[int] = ()


class Store(Protocol):
    """Durable memory. Reads see every commit that was acknowledged before them.

    Every method may raise ``Unavailable`` (STORE_DOWN, STORE_READ_ONLY). Times are wall
    seconds. Lists are ordered as said; ``after`` is the last id of the page before.
    """

    def commit(self, writes: WriteSet) -> asyncio.Future[None]:
        """Write all or nothing; done when it is durable (synced).

        Sets of several callers share a transaction, in the order of the calls; one that
        conflicts fails alone.

        Raises (through the future):
            StoreConflict: a row that had to be new exists.
            Unavailable: nothing was written.
        """

    def submit(self, writes: WriteSet, then: Settled) -> None:
        """The same without a future: ``then`` is called on the event loop, in the order of
        the calls, with None or the error.
        """

    async def load_room(self, org: str, room_id: str) -> RoomSnapshot | None:
        """Read a room for its owner; ``recent_events`` ≤ 32, ``recent_keys`` ≤ 512."""

    async def key_hashes(self, org: str, scope: str, now: float) -> list[bytes]:
        """Live keys of a scope, each as its ``core.keys.key_hash``."""

    async def get_key(self, org: str, scope: str, key: str, now: float) -> KeyRecord | None:
        """A live key."""

    async def get_rooms(self, org: str, room_ids: Sequence[str]) -> list[pb.Room]:
        """Those of the rooms that exist."""

    async def list_rooms(
        self, org: str, request: pb.ListRoomsRequest, after: str, limit: int
    ) -> list[pb.Room]:
        """Rooms by id; filters as in the request."""

    async def open_rooms_of_participant(
        self, org: str, channel_id: str, participant_id: str, limit: int
    ) -> list[str]:
        """ACTIVE or PAUSED rooms with this participant and channel attached, newest
        activity first.
        """

    async def open_rooms_of_channel(self, org: str, channel_id: str, limit: int) -> list[str]:
        """ACTIVE or PAUSED rooms with this channel attached, newest activity first."""

    async def rooms_of_channel(
        self, org: str, channel_id: str, after: str, limit: int
    ) -> list[str]:
        """All rooms with this channel attached, by id."""

    async def due_timers(self, now: float, limit: int) -> list[tuple[str, str]]:
        """(org, room id) of rooms whose timer is due, earliest first."""

    async def next_timer(self) -> float | None:
        """When the earliest timer is due."""

    async def aging_rooms(self, after: tuple[str, str], limit: int) -> list[AgingRoom]:
        """Rooms of all organizations by (org, room id), each behind ``after``."""

    async def expired_until(self, org: str, room_id: str, before: float, limit: int) -> int:
        """The index behind the oldest events that were made before a wall time: no younger
        one is among them, and at most ``limit``; 0: there are none.
        """

    async def trim_room(self, org: str, room_id: str, index: int) -> Position:
        """Remove the events below an index with their deliveries, words and changes, in one
        transaction; the log goes on where it was. Stops at an event that an unfinished
        delivery or a durable observer's waiting row still needs. Returns the first event and
        the first change that are kept.
        """

    async def get_event(
        self, org: str, room_id: str, event_id: str = "", index: int | None = None
    ) -> pb.RoomEvent | None:
        """One event, by id or index."""

    async def list_events(self, org: str, query: EventQuery) -> list[pb.RoomEvent]:
        """Events by index, ascending unless ``newest_first``."""

    async def read_log(
        self, org: str, room_id: str, next_index: int, next_change: int, limit: int
    ) -> LogPage:
        """Entries from a position on; at most ``limit``."""

    async def search_events(
        self, org: str, query: str, room_id: str, offset: int, limit: int
    ) -> list[tuple[pb.RoomEvent, str]]:
        """Events whose text matches, best first, with a snippet ``…[word]…``. Deleted and
        blocked ones are left out. A query that cannot be parsed finds its words.
        """

    async def purge_words(self) -> None:
        """Let the words of what was removed leave the pages of the full-text index, too; they
        are not found any more before that. In small steps between commits.
        """

    async def thread_summaries(
        self, org: str, room_id: str, after: str, limit: int
    ) -> list[pb.ThreadSummary]:
        """Threads by root id."""

    async def replies(
        self, org: str, room_id: str, event_id: str, limit: int
    ) -> list[pb.RoomEvent]:
        """Replies to an event, by index."""

    async def list_tasks(
        self, org: str, room_id: str, statuses: Sequence[int], after: str, limit: int
    ) -> list[pb.Task]:
        """Tasks by id (ids sort by time of creation)."""

    async def get_task(self, org: str, room_id: str, task_id: str) -> pb.Task | None:
        """One task."""

    async def list_observations(
        self, org: str, room_id: str, category: str, after: str, limit: int
    ) -> list[pb.Observation]:
        """Observations by id."""

    async def list_markers(self, org: str, room_id: str) -> list[pb.ReadMarker]:
        """Markers by channel; ``unread`` is not filled."""

    async def count_unread(self, org: str, room_id: str, after_index: int) -> int:
        """MESSAGE events, not blocked or deleted, with a greater index."""

    async def get_delivery(self, org: str, room_id: str, delivery_id: str) -> pb.Delivery | None:
        """One delivery."""

    async def find_delivery(
        self, org: str, channel_id: str, provider_message_id: str
    ) -> pb.Delivery | None:
        """The delivery with this provider id, or one of whose parts has it."""

    async def list_deliveries(self, org: str, query: DeliveryQuery) -> list[pb.Delivery]:
        """Deliveries, newest event first, then by id descending."""

    async def unfinished_deliveries(
        self, after: tuple[str, str, str, int] | None, limit: int
    ) -> list[tuple[str, pb.Delivery]]:
        """(org, delivery) of all PENDING and SENDING rows, ordered by (org, room, channel,
        event index); for recovery.
        """

    async def unfinished_of_lane(
        self, org: str, room_id: str, channel_id: str, after_index: int, limit: int
    ) -> list[pb.Delivery]:
        """PENDING and SENDING rows of one lane with a greater event index, ascending."""

    async def rooms_with_queued(self, limit: int) -> list[tuple[str, str]]:
        """(org, room id) of rooms with queued proactive texts; for recovery."""

    async def list_channels(self, org: str | None) -> list[tuple[str, pb.Channel]]:
        """(org, channel) of one or all organizations."""

    async def list_hooks(self) -> list[pb.Hook]:
        """Stored hooks of all organizations."""

    async def observer_rows(self, org: str, query: ObserverQuery) -> list[PlacedRow]:
        """Rows by room id, then by position."""

    async def oldest_observer_rows(self, org: str, hook: str, limit: int) -> list[PlacedRow]:
        """Waiting rows of all rooms of a hook, by position."""

    async def observer_counts(self, org: str | None, room_id: str = "") -> list[ObserverCount]:
        """Rows of each hook that has any, of one or all organizations, of one or all rooms;
        by organization and hook.
        """

    async def purge_parked(self, before: float) -> list[ObserverCount]:
        """Remove rows that were parked before a wall time; how many of which hook."""

    async def events_by_id(self, org: str, event_ids: Sequence[str]) -> list[pb.RoomEvent]:
        """Those of the events that exist, of any room, in no order."""

    async def list_handlers(self) -> list[tuple[str, pb.Handler]]:
        """(org, handler) of all organizations."""

    async def purge_keys(self, now: float) -> int:
        """Forget keys that have expired."""

    async def close(self) -> None:
        """Finish what was handed in, then let go."""


# ------------------------------------------------------------------ hooks and handlers


class Subject(NamedTuple):
    """What filters look at, for every payload kind. Zero values: not known."""

    room_id: str = ""
    channel_id: str = ""
    channel_type: int = 0
    direction: int = 0
    event_type: int = 0


ContextBuilder = Callable[[pb.ContextSelection], Awaitable[pb.RoomContext]]
"""Gives a handler what its spec asked for."""


@dataclass(slots=True)
class HookCall:
    """One point in the pipeline where hooks run."""

    org: str
    trigger: pb.HookTrigger
    payload: pb.HookPayload
    subject: Subject
    labels: dict[str, str]
    """Labels of the room."""
    context: ContextBuilder


@dataclass(slots=True)
class Verdict:
    """What a chain of hooks decided."""

    payload: pb.HookPayload
    """As modified."""
    blocked_by: str = ""
    """Name of the hook that blocked; empty: allowed."""
    reason: str = ""
    traces: list[pb.HookTrace] = field(default_factory=list)
    injected: list[pb.InjectedEvent] = field(default_factory=list)
    tasks: list[pb.Task] = field(default_factory=list)
    observations: list[pb.Observation] = field(default_factory=list)
    metadata: dict[str, object] = field(default_factory=dict)
    """Hook name → its metadata."""


class ObserverResult(NamedTuple):
    """What observers found."""

    tasks: list[pb.Task]
    observations: list[pb.Observation]


class Telling(NamedTuple):
    """What observers are to see."""

    trigger: pb.HookTrigger
    payload: pb.HookPayload
    is_stored: bool = False
    """Its event is in the room's timeline: a row refers to it, so that it is told as it may be
    read then."""
    delay_seconds: float = 0.0
    """Not before; see ``Hooks.release``."""


class Hooks(Protocol):
    """The hook pipeline."""

    def wants(self, org: str, trigger: int, room_id: str) -> bool:
        """Whether any active hook may match: cheap, so that nothing is built for nobody."""

    async def decide(self, call: HookCall) -> Verdict:
        """Run the DECIDE and VALIDATE hooks that match, within the chain's budget.

        Never raises for what a hook does: failures become the hook's policy and a trace.

        Raises:
            Unavailable: HOOK_BUDGET_EXHAUSTED, when the chain's budget is over; NODE_DRAINING,
                when the workers were told to leave already.
        """

    def observe(self, call: HookCall) -> asyncio.Future[ObserverResult] | None:
        """Tell the OBSERVE hooks that match, durable ones apart; None when there are none. The
        future is done when all have answered or timed out; it never raises.
        """

    def keeps(self, org: str, trigger: int, room_id: str) -> bool:
        """Whether any active durable hook may match: cheap, so that nothing is built for nobody."""

    def rows(
        self, org: str, subject: Subject, labels: Mapping[str, str], telling: Telling
    ) -> Sequence[ObserverRow]:
        """A row for every durable hook that matches, to be committed with what is told."""

    def kept(self, org: str, rows: Sequence[ObserverRow]) -> None:
        """Rows were committed; called in the order of the commits."""

    def release(self, org: str, rows: Sequence[ObserverRow]) -> None:
        """What rows wait for has happened: they need not wait any longer."""

    def revise(self, org: str, event: pb.RoomEvent) -> None:
        """A committed event was edited or withdrawn: what workers have not got yet tells it
        as it is now.
        """

    def rewrite(self, org: str, room_id: str, payloads: Mapping[str, bytes]) -> None:
        """The payloads of stored rows were rewritten; by their invocation ids."""

    async def erase_room(self, writes: WriteSet) -> None:
        """Commit the deletion of a room, and with it that of the hooks of this room alone.

        Raises:
            Unavailable: the store does not take it.
        """

    def active_invocation_room(self, org: str, invocation_id: str) -> str | None:
        """Room whose lock the invocation holds up; None unless it decides right now."""


ToolUser = Callable[[pb.ToolCall], Awaitable[pb.ToolResult]]
"""Runs a tool for an AI. What goes wrong is a result that says so."""


class Ask(NamedTuple):
    """An event for one target, ready to go out."""

    org: str
    channel: pb.Channel
    binding: pb.Binding
    event: pb.RoomEvent
    """Its content made fit for the target."""
    delivery_id: str
    recipient: str
    part: int
    parts: int
    context: ContextBuilder
    use_tool: ToolUser | None = None
    """Runs a tool; set for intelligence channels."""


class Driver(Protocol):
    """Serves channels of one implementation kind."""

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """Bring the event to the recipient. Provider trouble is a FAILED result with
        ``retryable``, never an exception; the caller's deadline cancels.
        """

    def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """Answer the event (intelligence channels): text deltas as they come, at most one
        ``Response`` at the end.

        Raises:
            ResponderFailed: the answer could not be made.
        """

    def attached(self, org: str, channel: pb.Channel) -> int:
        """Connections or workers that serve it now."""


class ResponderFailed(Exception):
    """An intelligence channel could not answer."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class Extensions(Protocol):
    """Pipeline steps that a worker may take over."""

    async def route(self, org: str, message: pb.InboundMessage, channel_type: int) -> str | None:
        """A room id by a worker's router; None: no router, it declined, failed or timed out."""

    async def convert(
        self, org: str, channel: pb.Channel, message: pb.InboundMessage
    ) -> pb.Converted | None:
        """The worker's conversion; None: the channel does not convert.

        Raises:
            Unavailable: the worker that must convert is not there.
        """

    async def transcode(
        self,
        org: str,
        channel: pb.Channel,
        content: pb.Content,
        source: pb.Binding | None,
        target: pb.Binding,
    ) -> pb.Transcoded | None:
        """The worker's transcoder; None: the channel has none, or it failed: the built-in one."""


class ToolRun(NamedTuple):
    """How a call of a tool ended."""

    outcome: pb.ToolOutcome
    result: pb.ToolResult
    """Without an answer: an error that says so, in words for a model."""
    worker_id: str = ""


class Toolbox(Protocol):
    """The tools that workers serve."""

    def list_tools(self, org: str, channel_id: str) -> list[pb.Tool]:
        """Tools that are served now; of one channel's AI, or with an empty id all."""

    def check(self, org: str, call: pb.ToolCall) -> None:
        """Refuse a call that no tool takes.

        Raises:
            NotFound: TOOL_NOT_FOUND.
            InvalidArgument: VALIDATION, with a violation for each wrong argument.
        """

    async def run(self, org: str, room_id: str, call: pb.ToolCall) -> ToolRun:
        """Have a worker run a call that was checked; cancelled with who asks.

        Raises:
            Unavailable: NO_WORKER, nobody had it in hand.
        """


# ------------------------------------------------------------------ fan-out


class EphemeralSink(Protocol):
    """Who else wants fleeting events besides subscribers (live connections)."""

    def publish(
        self, org: str, event: pb.EphemeralEvent, visible_to: Callable[[str], bool]
    ) -> None:
        """Take it now or drop it; never wait. ``visible_to(channel_id)`` says who may see it."""
