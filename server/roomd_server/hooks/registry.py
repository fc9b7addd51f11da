"""Hooks as resources: in memory for the pipeline, written through to the store.

PERSISTENT hooks are stored; SESSION hooks live here only and go with their last session.
Calling them is not done here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.errors import Aborted, AlreadyExists, NotFound, ResourceExhausted, invalid
from roomd_server.core.once import Once
from roomd_server.core.ports import Caller, Clock, Grant, Ids, Store, WriteSet
from roomd_server.core.times import timestamp
from roomd_server.hooks import grants, specs
from roomd_server.hooks.circuit import Circuit
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.entries import Chain, HookEntry, HookIndex
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.seats import ANY_ETAG, Group, check_rivals
from roomd_server.hooks.tallies import HookTallies

OnHook = Callable[[str, str], None]
"""``(org, name)``."""


class HookRegistry:
    """All hooks of this node.

    Args:
        store: Where PERSISTENT hooks are kept.
        clock: For their times.
        ids: For their etags.
        dispatcher: Whose groups serve them.
        options: Limits.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        dispatcher: Dispatcher,
        options: HookOptions,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._dispatcher = dispatcher
        self._options = options
        self._once = Once(store, clock, retention_seconds=options.request_id_retention_seconds)
        self._hooks: dict[str, dict[str, HookEntry]] = {}
        """Organization, then name."""
        self._index = HookIndex()
        self.tallies = HookTallies()
        self._writing = asyncio.Lock()
        """Writes are rare: one at a time, so that a check still holds when it is committed."""
        self.wants = self._index.wants
        """``wants(org, trigger, room_id)``: see ``ports.Hooks.wants``."""
        self.keeps = self._index.keeps
        self.keeping = self._index.keeping
        self.deciding = self._index.deciding
        self.observing = self._index.observing

        self.on_removed: OnHook | None = None
        self.on_described: OnHook | None = None
        """Set once at start: told of hooks that are gone, and of changed ones."""

    async def load(self) -> None:
        """Read the stored hooks; once, before anything is served."""
        for hook in await self._store.list_hooks():
            self._add(hook)

    # -------------------------------------------------------------- for the pipeline

    def find(self, org: str, name: str) -> HookEntry | None:
        """A hook of an organization."""
        return self._hooks.get(org, {}).get(name)

    def of_organization(self, org: str) -> Collection[HookEntry]:
        """All hooks of an organization."""
        return self._hooks.get(org, {}).values()

    @property
    def waiting(self) -> int:
        """What durable observers have still to see."""
        return sum(one.backlog for mine in self._hooks.values() for one in mine.values())

    @property
    def parked(self) -> int:
        """What durable observers gave up."""
        return sum(one.parked for mine in self._hooks.values() for one in mine.values())

    @property
    def open_circuits(self) -> int:
        """Hooks that are not called because they failed too often."""
        return sum(
            entry.circuit.is_open for mine in self._hooks.values() for entry in mine.values()
        )

    def of_trigger(self, org: str, trigger: int) -> Chain:
        """DECIDE and VALIDATE hooks with a trigger, paused ones too, in chain order."""
        found = [
            entry
            for entry in self._hooks.get(org, {}).values()
            if trigger in entry.hook.spec.triggers and entry.mode != pb.HOOK_MODE_OBSERVE
        ]
        return tuple(sorted(found, key=lambda entry: entry.order))

    def group_emptied(self, group: Group) -> None:
        """The last session has left: a SESSION hook goes with it."""
        entry = self._known(group.org, group.name)
        if not entry.persistent and not entry.becomes_persistent:
            self._remove(entry)

    async def erase_room(self, writes: WriteSet) -> None:
        """See ``ports.Hooks.erase_room``."""
        room_id = writes.room_id
        async with self._writing:
            mine = self._hooks.get(writes.org, {}).values()
            concerned = [one for one in mine if room_id in one.hook.spec.filter.room_ids]
            gone = [one for one in concerned if set(one.hook.spec.filter.room_ids) == {room_id}]
            left = [(one, self._without_room(one, room_id)) for one in concerned if one not in gone]
            writes.removed_hooks = [one.name for one in gone if one.persistent]
            writes.hooks = [hook for one, hook in left if one.persistent]
            await self._store.commit(writes)
            for entry in gone:
                self._delete(entry, f"is gone with room {room_id!r}")
            for entry, hook in left:
                if not entry.removed:  # its last session may have left meanwhile
                    self._describe(entry, hook)

    # -------------------------------------------------------------- for workers

    async def attach(
        self, org: str, handler: pb.Handler, worker_id: str, grant: Grant | None = None
    ) -> HookEntry:
        """Find the hook that a worker wants to serve; with a spec make or update it.

        Raises:
            NotFound: HOOK_NOT_FOUND, without a spec.
            InvalidArgument: the spec breaks a rule.
            AlreadyExists: HANDLER_CONFLICT, others serve it with another spec.
            Aborted: ETAG_MISMATCH.
            PermissionDenied: GRANT_MISSING.
            ResourceExhausted: QUOTA.
            Unavailable: the store does not take it.
        """
        async with self._writing:
            entry = self.find(org, handler.name)
            if entry is not None:
                grants.check_hook(grant, entry.hook.spec)
            if not handler.HasField("spec"):
                if entry is None:
                    raise hook_not_found(handler.name)
            elif entry is None:
                specs.check_name(handler.name)
                spec = specs.complete(handler.spec.hook, pb.LIFETIME_SESSION)
                grants.check_hook(grant, spec)
                entry = await self._make(org, handler.name, spec)
            else:
                spec = specs.complete(handler.spec.hook, entry.hook.spec.lifetime)
                grants.check_hook(grant, spec)
                await self._update(entry, spec, handler.etag, worker_id)
        entry.circuit.probe_soon()
        return entry

    # -------------------------------------------------------------- RPCs

    async def create_hook(
        self, caller: Caller, request: pb.CreateHookRequest
    ) -> pb.CreateHookResponse:
        """Serve ``HookService.CreateHook``."""
        org = caller.org
        specs.check_name(request.name)
        spec = specs.complete(request.spec, pb.LIFETIME_PERSISTENT)
        if spec.lifetime != pb.LIFETIME_PERSISTENT:
            raise invalid("spec.lifetime", "CreateHook makes PERSISTENT hooks; Attach makes others")
        grants.check_hook(caller.grant, spec)
        async with self._writing:
            first = await self._once.first(org, "CreateHook", request.request_id, request)
            if first is not None:
                return pb.CreateHookResponse.FromString(first)
            if self.find(org, request.name) is not None:
                raise AlreadyExists(
                    pb.ERROR_REASON_HOOK_EXISTS,
                    f"hook {request.name!r} exists; update it instead",
                    metadata={"hook": request.name},
                )
            self._check_quota(org)
            hook = self._new(org, request.name, spec)
            response = pb.CreateHookResponse(hook=hook)
            keys = self._once.record("CreateHook", request.request_id, request, response)
            await self._store.commit(WriteSet(org, hooks=[hook], keys=keys))
            self._add(hook)
        return response

    async def get_hook(self, caller: Caller, request: pb.GetHookRequest) -> pb.GetHookResponse:
        """Serve ``HookService.GetHook``."""
        return pb.GetHookResponse(hook=view(self._known(caller.org, request.name)))

    async def list_hooks(
        self, caller: Caller, request: pb.ListHooksRequest
    ) -> pb.ListHooksResponse:
        """Serve ``HookService.ListHooks``."""
        kind = paging.mark(caller, request)
        after = paging.decode_text(kind, request.page_token)
        size = paging.page_size(request.page_size)
        entries = self._hooks.get(caller.org, {})
        names = sorted(
            name
            for name, entry in entries.items()
            if name > after and (not request.trigger or request.trigger in entry.hook.spec.triggers)
        )
        page = names[:size]
        token = paging.encode(kind, page[-1]) if len(names) > size else ""
        hooks = [view(entries[name]) for name in page]
        return pb.ListHooksResponse(hooks=hooks, next_page_token=token)

    async def update_hook(
        self, caller: Caller, request: pb.UpdateHookRequest
    ) -> pb.UpdateHookResponse:
        """Serve ``HookService.UpdateHook``."""
        async with self._writing:
            entry = self._granted(caller, request.name)
            merged = specs.merged(entry.hook.spec, request.spec, request.update_mask)
            spec = specs.complete(merged, entry.hook.spec.lifetime)
            grants.check_hook(caller.grant, spec)
            await self._update(entry, spec, request.etag)
        return pb.UpdateHookResponse(hook=view(entry))

    async def delete_hook(
        self, caller: Caller, request: pb.DeleteHookRequest
    ) -> pb.DeleteHookResponse:
        """Serve ``HookService.DeleteHook``."""
        async with self._writing:
            entry = self._granted(caller, request.name)
            _check_etag(entry, request.etag)
            gone = WriteSet(caller.org, removed_hooks=[entry.name])
            if entry.persistent:
                await self._store.commit(gone)
            self._delete(entry, "was deleted")
            if entry.durable:
                # Until now messages were committed with rows for it.
                await self._store.commit(gone)
        return pb.DeleteHookResponse()

    async def pause_hook(
        self, caller: Caller, request: pb.PauseHookRequest
    ) -> pb.PauseHookResponse:
        """Serve ``HookService.PauseHook``."""
        entry = await self._set_state(caller, request.name, pb.Hook.STATE_PAUSED)
        return pb.PauseHookResponse(hook=view(entry))

    async def resume_hook(
        self, caller: Caller, request: pb.ResumeHookRequest
    ) -> pb.ResumeHookResponse:
        """Serve ``HookService.ResumeHook``."""
        entry = await self._set_state(caller, request.name, pb.Hook.STATE_ACTIVE)
        entry.circuit.succeeded()
        return pb.ResumeHookResponse(hook=view(entry))

    # -------------------------------------------------------------- inside

    async def _set_state(self, caller: Caller, name: str, state: pb.Hook.State) -> HookEntry:
        async with self._writing:
            entry = self._granted(caller, name)
            if entry.hook.state != state:
                hook = self._changed(entry.hook)
                hook.state = state
                await self._replace(entry, hook)
        return entry

    async def _make(self, org: str, name: str, spec: pb.HookSpec) -> HookEntry:
        self._check_quota(org)
        hook = self._new(org, name, spec)
        if spec.lifetime == pb.LIFETIME_PERSISTENT:
            await self._store.commit(WriteSet(org, hooks=[hook]))
        return self._add(hook)

    async def _update(
        self, entry: HookEntry, spec: pb.HookSpec, etag: str, worker_id: str | None = None
    ) -> None:
        """Give a hook another complete spec; for a worker (not for a call) only what is its
        own.
        """
        _check_etag(entry, etag)
        if entry.persistent and spec.lifetime != pb.LIFETIME_PERSISTENT:
            raise invalid("spec.lifetime", "a stored hook stays PERSISTENT; delete it instead")
        if entry.durable and spec.delivery != pb.HOOK_DELIVERY_DURABLE:
            raise invalid("spec.delivery", "a durable hook stays DURABLE; delete it instead")
        if spec == entry.hook.spec:
            return
        if worker_id is not None and not etag:
            check_rivals(entry.group, worker_id, specs.differing(spec, entry.hook.spec))
        hook = self._changed(entry.hook)
        hook.spec.CopyFrom(spec)
        await self._replace(entry, hook)

    async def _replace(self, entry: HookEntry, hook: pb.Hook) -> None:
        if hook.spec.lifetime == pb.LIFETIME_PERSISTENT:
            # Its last session may leave while the store writes.
            entry.becomes_persistent = True
            try:
                await self._store.commit(WriteSet(entry.org, hooks=[hook]))
            except errors.RoomdError:
                if not entry.persistent and not entry.group.members:
                    self._remove(entry)
                raise
            finally:
                entry.becomes_persistent = False
        self._describe(entry, hook)

    def _describe(self, entry: HookEntry, hook: pb.Hook) -> None:
        self._index.remove(entry)
        entry.describe(hook)
        self._index.add(entry)
        if self.on_described is not None:
            self.on_described(entry.org, entry.name)

    def _without_room(self, entry: HookEntry, room_id: str) -> pb.Hook:
        hook = self._changed(entry.hook)
        left = [one for one in hook.spec.filter.room_ids if one != room_id]
        hook.spec.filter.room_ids[:] = left
        return hook

    def _new(self, org: str, name: str, spec: pb.HookSpec) -> pb.Hook:
        now = timestamp(self._clock.now())
        return pb.Hook(
            name=name,
            organization_id=org,
            spec=spec,
            state=pb.Hook.STATE_ACTIVE,
            create_time=now,
            update_time=now,
            etag=self._ids.new(),
        )

    def _changed(self, hook: pb.Hook) -> pb.Hook:
        new = pb.Hook()
        new.CopyFrom(hook)
        new.update_time.CopyFrom(timestamp(self._clock.now()))
        new.etag = self._ids.new()
        return new

    def _add(self, hook: pb.Hook) -> HookEntry:
        options = self._options
        circuit = Circuit(options.circuit_failures, options.circuit_probe_seconds)
        group = self._dispatcher.group(hook.organization_id, hook.name)
        entry = HookEntry(hook, group, circuit, self.tallies.open(hook.name))
        self._hooks.setdefault(hook.organization_id, {})[hook.name] = entry
        self._index.add(entry)
        return entry

    def _delete(self, entry: HookEntry, why: str) -> None:
        """Remove a hook, and tell those who serve it."""
        self._remove(entry)
        status = hook_not_found(entry.name, why).to_status()
        detached = pb.Detached(names=[entry.name], status=status)
        for seat in self._dispatcher.dissolve(entry.group):
            seat.outbox.push(pb.ConnectResponse(detached=detached))

    def _remove(self, entry: HookEntry) -> None:
        if entry.removed:
            return
        entry.removed = True
        self.tallies.close(entry.tally)
        self._index.remove(entry)
        mine = self._hooks[entry.org]
        del mine[entry.name]
        if not mine:
            del self._hooks[entry.org]
        self._dispatcher.forget(entry.group)
        if self.on_removed is not None:
            self.on_removed(entry.org, entry.name)

    def _known(self, org: str, name: str) -> HookEntry:
        entry = self.find(org, name)
        if entry is None:
            raise hook_not_found(name)
        return entry

    def _granted(self, caller: Caller, name: str) -> HookEntry:
        """A hook that the caller's grant covers."""
        entry = self._known(caller.org, name)
        grants.check_hook(caller.grant, entry.hook.spec)
        return entry

    def _check_quota(self, org: str) -> None:
        if len(self._hooks.get(org, {})) >= self._options.max_hooks:
            raise ResourceExhausted(
                pb.ERROR_REASON_QUOTA,
                f"an organization has at most {self._options.max_hooks} hooks; delete some",
            )


def view(entry: HookEntry) -> pb.Hook:
    """A hook as it is now, with what is counted."""
    hook = pb.Hook()
    hook.CopyFrom(entry.hook)
    hook.attached_workers = entry.group.serving
    hook.dropped = entry.dropped
    hook.backlog, hook.parked = entry.backlog, entry.parked
    if entry.circuit.is_open and not entry.paused:
        hook.state = pb.Hook.STATE_CIRCUIT_OPEN
    return hook


def hook_not_found(name: str, what: str = "does not exist; create it first") -> NotFound:
    """Build the error for a hook that is not there."""
    return NotFound(
        pb.ERROR_REASON_HOOK_NOT_FOUND, f"hook {name!r} {what}", metadata={"hook": name}
    )


def _check_etag(entry: HookEntry, etag: str) -> None:
    if etag not in ("", ANY_ETAG, entry.hook.etag):
        raise Aborted(
            pb.ERROR_REASON_ETAG_MISMATCH,
            f"hook {entry.name!r} was changed meanwhile; get it and try again",
            metadata={"hook": entry.name},
        )
