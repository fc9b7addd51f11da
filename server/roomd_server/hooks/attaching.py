"""Attach and Detach: which handler a session may serve, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable

from roomd import v1 as pb
from roomd_server.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    ResourceExhausted,
    RoomdError,
    invalid,
)
from roomd_server.hooks import grants, specs
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.handlers import CHANNEL_PROVIDER, HandlerEntry, Handlers
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.registry import HookRegistry
from roomd_server.hooks.rulings import Check
from roomd_server.hooks.seats import Group, Seat

OnProvider = Callable[[str, str], None]
"""``(org, handler)``: a worker serves this channel provider now."""


class Attaching:
    """Lets sessions serve handlers."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        registry: HookRegistry,
        handlers: Handlers,
        options: HookOptions,
        check: Check,
    ) -> None:
        self._dispatcher = dispatcher
        self._registry = registry
        self._handlers = handlers
        self._options = options
        self._check = check
        self.on_provider: OnProvider | None = None
        """Set once at start."""
        dispatcher.on_empty = self._group_emptied

    async def attach(self, seat: Seat, request: pb.Attach) -> pb.Attached:
        """Answer each handler by itself; those that are OK get work from now on."""
        statuses = [await self._attach_one(seat, handler) for handler in request.handlers]
        return pb.Attached(attach_id=request.attach_id, handlers=statuses)

    async def _attach_one(self, seat: Seat, handler: pb.Handler) -> pb.Attached.HandlerStatus:
        status = pb.Attached.HandlerStatus(name=handler.name)
        try:
            self._check_handler(seat, handler)
            if self._is_hook(seat.org, handler):
                await self._attach_hook(seat, handler, status)
            else:
                await self._attach_handler(seat, handler, status)
        except RoomdError as error:
            status.status.CopyFrom(error.to_status())
        else:
            status.status.SetInParent()
        return status

    def _check_handler(self, seat: Seat, handler: pb.Handler) -> None:
        if violations := self._check(handler):
            raise invalid(*violations[0])
        if handler.HasField("spec") and handler.spec.WhichOneof("kind") is None:
            raise invalid("spec.kind", "is required")
        known = handler.name in seat.attachments
        if not known and len(seat.attachments) >= self._options.max_handlers:
            raise ResourceExhausted(
                pb.ERROR_REASON_QUOTA,
                f"a session serves at most {self._options.max_handlers} handlers; open another",
            )

    def _is_hook(self, org: str, handler: pb.Handler) -> bool:
        """Which of the two a name means; a name has one meaning in an organization.

        Raises:
            AlreadyExists: HOOK_EXISTS, when it means the other one already.
        """
        hook = self._registry.find(org, handler.name) is not None
        other = self._handlers.find(org, handler.name)
        if not handler.HasField("spec"):
            return hook or other is None
        wants_hook = handler.spec.HasField("hook")
        if (hook and not wants_hook) or (wants_hook and other is not None and other.group.members):
            raise AlreadyExists(
                pb.ERROR_REASON_HOOK_EXISTS,
                f"{handler.name!r} is taken by a handler of another kind; choose another name",
            )
        return wants_hook

    async def _attach_hook(
        self, seat: Seat, handler: pb.Handler, status: pb.Attached.HandlerStatus
    ) -> None:
        await self._handlers.forget(seat.org, handler.name)
        entry = await self._registry.attach(seat.org, handler, seat.worker_id, seat.grant)
        self._join(seat, entry.group, handler.max_in_flight)
        status.etag = entry.hook.etag
        status.warnings.extend(specs.warnings(entry.hook.spec))
        if entry.paused:
            status.warnings.append("the hook is paused; resume it to get work")

    async def _attach_handler(
        self, seat: Seat, handler: pb.Handler, status: pb.Attached.HandlerStatus
    ) -> None:
        known = self._handlers.find(seat.org, handler.name)
        kind = handler.spec.WhichOneof("kind") or (known.kind if known is not None else None)
        if kind is not None:
            grants.check_handler(seat.grant, kind)
        entry: HandlerEntry = await self._handlers.attach(seat.org, handler, seat.worker_id)
        self._join(seat, entry.group, handler.max_in_flight)
        self._handlers.attached(entry)
        status.etag = entry.etag
        if entry.kind == CHANNEL_PROVIDER and self.on_provider is not None:
            self.on_provider(seat.org, entry.name)

    def _join(self, seat: Seat, group: Group, max_in_flight: int) -> None:
        if seat.outbox.closed:
            # It ended while the store wrote its hook.
            self._group_emptied_if_empty(group)
            return
        self._dispatcher.attach(seat, group, max_in_flight)

    def detach(self, seat: Seat, names: list[str]) -> pb.Detached:
        """Offer the session no more work of these; what it holds it may still answer."""
        gone = [name for name in names if self._dispatcher.detach(seat, name)]
        missing = sorted(set(names) - set(gone))
        detached = pb.Detached(names=gone, status=pb.Status())
        if missing:
            wrong = FailedPrecondition(
                pb.ERROR_REASON_NOT_ATTACHED, f"not attached here: {', '.join(missing[:10])}"
            )
            detached.status.CopyFrom(wrong.to_status())
        return detached

    def _group_emptied_if_empty(self, group: Group) -> None:
        if not group.members:
            self._group_emptied(group)

    def _group_emptied(self, group: Group) -> None:
        if self._registry.find(group.org, group.name) is not None:
            self._registry.group_emptied(group)
        else:
            self._handlers.group_emptied(group)
