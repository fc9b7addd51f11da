"""Handlers that are no hooks: channel providers, inbound routers, tools; and the pipeline
steps that they may take over (``ports.Extensions``).

What a provider or tool said of itself is stored: one that is away is still known, also after
a restart. Deliveries and answers are in ``remote.py``, calls of tools in ``tools.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.capabilities import described, effective
from roomd_server.core.errors import (
    Aborted,
    AlreadyExists,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
    invalid,
)
from roomd_server.core.ports import Ids, Store, WriteSet
from roomd_server.core.times import seconds_of
from roomd_server.hooks import specs
from roomd_server.hooks.chunks import ChunkBuffer
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.invocation import Fate, Invocation, Outcome
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.rulings import Check, failure_message
from roomd_server.hooks.schemas import ArgumentSchema
from roomd_server.hooks.seats import ANY_ETAG, Group, check_rivals

log = logging.getLogger(__name__)

CHANNEL_PROVIDER, INBOUND_ROUTER, TOOL = "channel_provider", "inbound_router", "tool"

TIMEOUTS = {
    # Kind: default and largest timeout in seconds.
    CHANNEL_PROVIDER: (30.0, 600.0),
    INBOUND_ROUTER: (2.0, 10.0),
    TOOL: (30.0, 300.0),
}
EXTENSION_FACTOR = 10
"""A call may be extended to this many times its timeout."""


class Terms(NamedTuple):
    """What a spec means."""

    kind: str
    timeout_seconds: float
    """For one call."""
    schema: ArgumentSchema | None = None
    """Of a tool's arguments."""
    repeats: bool = True
    """A call whose worker was lost may be given to another one."""


class HandlerEntry:
    """A handler that is no hook."""

    __slots__ = ("etag", "group", "name", "spec", "terms")

    def __init__(
        self, name: str, group: Group, spec: pb.HandlerSpec, terms: Terms, etag: str
    ) -> None:
        self.name = name
        self.group = group
        self.describe(spec, terms, etag)

    def describe(self, spec: pb.HandlerSpec, terms: Terms, etag: str) -> None:
        """Take a spec and what it means."""
        self.spec = pb.HandlerSpec()
        self.spec.CopyFrom(spec)
        self.terms, self.etag = terms, etag

    @property
    def kind(self) -> str:
        """Name of the spec's kind."""
        return self.terms.kind


def terms_of(spec: pb.HandlerSpec) -> Terms:
    """Read a spec.

    Raises:
        InvalidArgument: VALIDATION.
    """
    kind = spec.WhichOneof("kind")
    if kind not in TIMEOUTS:
        raise invalid("spec.kind", "is no kind of handler that this server knows")
    default, most = TIMEOUTS[kind]
    wanted = seconds_of(getattr(spec, kind).timeout)
    if not 0 <= wanted <= most:
        raise invalid(f"spec.{kind}.timeout", f"must be between 0 and {most:g} seconds")
    if kind != TOOL:
        return Terms(kind, wanted or default)
    schema = ArgumentSchema(spec.tool.parameters)
    return Terms(kind, wanted or default, schema, repeats=spec.tool.idempotent)


class Asked(NamedTuple):
    """An invocation of a handler and how it ended."""

    invocation: Invocation
    outcome: Outcome

    @property
    def worker_id(self) -> str:
        """Who answered."""
        return self.outcome.worker_id


class Handlers:
    """Channel providers and routers of this node (``ports.Extensions``)."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, ids: Ids, options: HookOptions, check: Check
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._ids = ids
        self._options = options
        self._check = check
        self._entries: dict[str, dict[str, HandlerEntry]] = {}  # bounded: options.max_hooks
        self._routers: dict[str, list[HandlerEntry]] = {}
        """Attached ones by organization, in the order of their names."""
        self._writing = asyncio.Lock()
        """Writes are rare: one at a time, so that a check still holds when it is committed."""

    async def load(self) -> None:
        """Read what is stored; once, before anything is served."""
        for org, handler in await self._store.list_handlers():
            try:
                terms = terms_of(handler.spec)
            except InvalidArgument as error:
                # Of another release, perhaps: its worker says again what it is.
                log.warning("the stored handler %s is left out: %s", handler.name, error.message)
            else:
                self._add(org, handler, terms, handler.etag)

    # -------------------------------------------------------------- who serves

    def find(self, org: str, name: str) -> HandlerEntry | None:
        """A handler that is or was attached."""
        return self._entries.get(org, {}).get(name)

    def of_kind(self, org: str, kind: str) -> Iterator[HandlerEntry]:
        """All handlers of a kind that are or were attached."""
        return (one for one in self._entries.get(org, {}).values() if one.kind == kind)

    async def attach(self, org: str, handler: pb.Handler, worker_id: str) -> HandlerEntry:
        """Find the handler that a worker wants to serve; with a spec make or update it. What a
        provider or tool says of itself is durable on return.

        Raises:
            NotFound: HOOK_NOT_FOUND, without a spec.
            InvalidArgument: VALIDATION.
            AlreadyExists: HANDLER_CONFLICT, others serve it with another spec; HOOK_EXISTS,
                they serve another kind.
            Aborted: ETAG_MISMATCH.
            ResourceExhausted: QUOTA.
            Unavailable: the store does not take it.
        """
        async with self._writing:
            entry = self.find(org, handler.name)
            if not handler.HasField("spec"):
                if entry is None:
                    raise NotFound(
                        pb.ERROR_REASON_HOOK_NOT_FOUND,
                        f"no handler {handler.name!r}; attach it with a spec",
                    )
                return entry
            if entry is None:
                return await self._make(org, handler)
            await self._update(entry, handler, worker_id)
            return entry

    async def forget(self, org: str, name: str) -> None:
        """A hook takes the name of a handler that nobody serves."""
        async with self._writing:
            entry = self.find(org, name)
            if entry is not None and not entry.group.members:
                await self._store.commit(WriteSet(org, removed_handlers=[name]))
                del self._entries[org][name]

    def attached(self, entry: HandlerEntry) -> None:
        """A session serves it now."""
        routers = self._routers.setdefault(entry.group.org, [])
        # It may have ended while the store wrote.
        if entry.kind == INBOUND_ROUTER and entry.group.members and entry not in routers:
            routers.append(entry)
            routers.sort(key=lambda one: one.name)

    def group_emptied(self, group: Group) -> None:
        """The last session has left."""
        routers = self._routers.get(group.org, [])
        routers[:] = [one for one in routers if one.group is not group]
        if not routers:
            self._routers.pop(group.org, None)

    async def _make(self, org: str, handler: pb.Handler) -> HandlerEntry:
        specs.check_name(handler.name)
        terms = terms_of(handler.spec)
        mine = self._entries.get(org, {})
        oldest = self._oldest(mine) if len(mine) >= self._options.max_hooks else None
        etag = await self._write(org, handler, oldest)
        if oldest is not None:
            del mine[oldest.name]
            self._dispatcher.forget(oldest.group)
        return self._add(org, handler, terms, etag)

    def _add(self, org: str, handler: pb.Handler, terms: Terms, etag: str) -> HandlerEntry:
        name = handler.name
        entry = HandlerEntry(name, self._dispatcher.group(org, name), handler.spec, terms, etag)
        self._entries.setdefault(org, {})[name] = entry
        return entry

    async def _write(self, org: str, handler: pb.Handler, gone: HandlerEntry | None = None) -> str:
        """Store what is to be known after a restart; its etag. A router that is away is not
        asked, so nobody needs to know of it.
        """
        etag = self._ids.new()
        stored = pb.Handler(name=handler.name, spec=handler.spec, etag=etag)
        removed = [gone.name] if gone is not None else []
        if handler.spec.HasField(INBOUND_ROUTER):
            writes = WriteSet(org, removed_handlers=[*removed, handler.name])
        else:
            writes = WriteSet(org, handlers=[stored], removed_handlers=removed)
        await self._store.commit(writes)
        return etag

    async def _update(self, entry: HandlerEntry, handler: pb.Handler, worker_id: str) -> None:
        if handler.etag not in ("", ANY_ETAG, entry.etag):
            raise Aborted(
                pb.ERROR_REASON_ETAG_MISMATCH,
                f"handler {entry.name!r} was changed meanwhile; attach with its new etag",
            )
        if handler.spec == entry.spec:
            return
        kind = handler.spec.WhichOneof("kind")
        if entry.group.members and kind != entry.kind:
            raise AlreadyExists(
                pb.ERROR_REASON_HOOK_EXISTS,
                f"{entry.name!r} is attached as {entry.kind}; choose another name",
            )
        if not handler.etag and kind == entry.kind:
            before, wanted = getattr(entry.spec, kind), getattr(handler.spec, kind)
            check_rivals(entry.group, worker_id, specs.differing(wanted, before))
        terms = terms_of(handler.spec)
        etag = await self._write(entry.group.org, handler)
        entry.describe(handler.spec, terms, etag)

    def _oldest(self, mine: dict[str, HandlerEntry]) -> HandlerEntry:
        """The one to forget when there are too many: the oldest that nobody serves."""
        for entry in mine.values():
            if not entry.group.members:
                return entry
        raise ResourceExhausted(
            pb.ERROR_REASON_QUOTA, "too many handlers are attached; detach some"
        )

    # -------------------------------------------------------------- asking

    def invocation(
        self,
        entry: HandlerEntry,
        call: pb.HandlerCall,
        room_id: str,
        context: pb.RoomContext | None = None,
        chunks: ChunkBuffer | None = None,
    ) -> Invocation:
        """Build an invocation of a handler; not offered yet."""
        size = call.ByteSize() + (context.ByteSize() if context is not None else 0)
        seconds, repeats = entry.terms.timeout_seconds, entry.terms.repeats
        attempts = self._options.max_attempts if repeats else 1
        return Invocation(
            entry.group,
            self._dispatcher.new_id(),
            seconds,
            seconds * EXTENSION_FACTOR,
            room_id,
            call=call,
            context=context,
            size=size,
            chunks=chunks,
            max_attempts=2 if chunks is not None else attempts,
        )

    async def ask(
        self,
        entry: HandlerEntry,
        call: pb.HandlerCall,
        room_id: str = "",
        context: pb.RoomContext | None = None,
    ) -> Asked:
        """Ask a handler that answers once; cancelled with who asks."""
        invocation = self.invocation(entry, call, room_id, context)
        self._dispatcher.offer(invocation)
        try:
            return Asked(invocation, await invocation.future)
        finally:
            self._dispatcher.cancel(invocation, pb.Cancel.REASON_CALLER_GONE)

    def value(self, asked: Asked, kind: str) -> pb.HandlerResult:
        """The answer, when it is of the right kind and obeys the rules.

        Raises:
            Unanswered: there is none; a wrong one was refused.
        """
        result = asked.outcome.result
        if result is None:
            raise Unanswered(asked.outcome.fate, asked.outcome.detail)
        outcome = result.WhichOneof("outcome")
        problem = None
        if outcome == "failure":
            if not (violations := self._check(result.failure)):
                message = failure_message(result.failure)
                raise Unanswered(Fate.ANSWERED, message, result.failure)
            problem = invalid(*violations[0])
        elif outcome != "value" or result.value.WhichOneof("kind") != kind:
            problem = invalid("outcome", f"must be a {kind} or a failure")
        elif violations := self._check(result.value):
            problem = invalid(*violations[0])
        if problem is not None:
            self._dispatcher.refuse(asked.invocation, problem.to_status())
            raise Unanswered(Fate.BROKEN, f"invalid answer: {problem.message}")
        return result.value

    # -------------------------------------------------------------- ports.Extensions

    async def route(self, org: str, message: pb.InboundMessage, channel_type: int) -> str | None:
        """See ``ports.Extensions.route``; routers are asked by name until one answers."""
        routers = self._routers.get(org)
        if not routers:
            return None
        for entry in tuple(routers):
            types = entry.spec.inbound_router.channel_types
            if types and channel_type not in types:
                continue
            asked = await self.ask(entry, pb.HandlerCall(route=message))
            try:
                answer = self.value(asked, "route").route
            except Unanswered:
                continue
            if answer.room_id and not answer.decline:
                return answer.room_id
        return None

    async def convert(
        self, org: str, channel: pb.Channel, message: pb.InboundMessage
    ) -> pb.Converted | None:
        """See ``ports.Extensions.convert``."""
        entry = self.provider(org, channel)
        if entry is None or not entry.spec.channel_provider.converts_inbound:
            return None
        asked = await self.ask(entry, pb.HandlerCall(convert=message))
        try:
            return self.value(asked, "converted").converted
        except Unanswered as failed:
            if failed.final:
                raise InvalidArgument(
                    pb.ERROR_REASON_VALIDATION,
                    f"the channel's worker cannot convert the message: {failed.message}",
                ) from None
            raise Unavailable(
                pb.ERROR_REASON_NO_WORKER,
                f"the worker {entry.name!r} must convert the message: {failed.message}; try again",
                metadata={"handler": entry.name},
            ) from None

    async def transcode(
        self,
        org: str,
        channel: pb.Channel,
        content: pb.Content,
        source: pb.Binding | None,
        target: pb.Binding,
    ) -> pb.Transcoded | None:
        """See ``ports.Extensions.transcode``."""
        entry = self.provider(org, channel)
        if entry is None or not entry.spec.channel_provider.transcodes:
            return None
        target = described(target, effective(channel, target))
        request = pb.Transcode(content=content, source_binding=source, target_binding=target)
        asked = await self.ask(entry, pb.HandlerCall(transcode=request), target.room_id)
        try:
            return self.value(asked, "transcoded").transcoded
        except Unanswered:
            return None

    def provider(self, org: str, channel: pb.Channel) -> HandlerEntry | None:
        """The handler of a channel that a worker serves, when it was ever attached here."""
        name = channel.implementation.worker.handler
        entry = self.find(org, name) if name else None
        return entry if entry is not None and entry.kind == CHANNEL_PROVIDER else None


class Unanswered(Exception):
    """A handler gave no answer that counts."""

    def __init__(self, fate: Fate, detail: str, failure: pb.Failure | None = None) -> None:
        self.fate = fate
        self.failure = failure
        self.message = detail or fate.value
        super().__init__(self.message)

    @property
    def final(self) -> bool:
        """Whether the worker said that trying again does not help."""
        return self.failure is not None and not self.failure.retryable
