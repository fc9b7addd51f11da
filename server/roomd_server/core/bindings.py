"""Channels in rooms: attached, detached, muted, and what each may do there.

Every change is one transaction: the binding, an entry in the timeline, and what
subscribers are told. Hooks and framework events follow it, outside the room's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.binding_settings import (
    changed_fields,
    new_binding,
    one_visibility,
    settings_of,
    take_fields,
)
from roomd_server.core.capabilities import recipient_key_of
from roomd_server.core.channels import ChannelDirectory, check_served
from roomd_server.core.lifecycle import check_mask, next_etag
from roomd_server.core.notify import Notifier
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import Caller, Clock, Ids, Store, Subject, Telling
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.timeline_events import EVENT_TYPES, details_of, system_event
from roomd_server.core.times import timestamp

ENDED = frozenset((pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED))

MUTABLE_PATHS = frozenset(
    (
        "metadata",
        "rate_limit",
        "retry_policy",
        "capabilities",
        "direction",
        "participant_id",
        "category",
        "analyse_while_muted",
    )
)

TRIGGERS: Mapping[str, pb.HookTrigger] = {
    "channel_attached": pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED,
    "channel_detached": pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED,
    "channel_muted": pb.HOOK_TRIGGER_ON_CHANNEL_MUTED,
    "channel_unmuted": pb.HOOK_TRIGGER_ON_CHANNEL_UNMUTED,
}
"""Who is told of each code; ``channel_updated`` has no hooks."""

ROOMS_PER_PAGE = 100


class Bindings:
    """Serves the binding RPCs of ``ChannelService``, and ``UnregisterChannel``."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        channels: ChannelDirectory,
        notifier: Notifier,
        clock: Clock,
        ids: Ids,
        options: EngineOptions,
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._channels = channels
        self._notifier = notifier
        self._clock = clock
        self._ids = ids
        self._options = options

    # -------------------------------------------------------------- attaching

    async def attach_channel(
        self, caller: Caller, request: pb.AttachChannelRequest
    ) -> pb.AttachChannelResponse:
        """Attach a channel; the same settings again change nothing.

        Raises:
            NotFound: ROOM_NOT_FOUND, CHANNEL_NOT_FOUND.
            AlreadyExists: BINDING_EXISTS, with other settings.
            FailedPrecondition: ROOM_CLOSED.
            ResourceExhausted: QUOTA, when the room has as many as it may.
            InvalidArgument: settings that cannot be.
        """
        org, channel_id = caller.org, request.channel_id
        async with self._rooms.hold(caller, request.room_id) as actor:
            channel = self._channels.attachable(org, channel_id)
            wanted = new_binding(actor.room_id, channel, request.binding)
            known = actor.bindings.get(channel_id)
            if known is not None:
                if settings_of(known) == settings_of(wanted):
                    return pb.AttachChannelResponse(binding=known)
                raise errors.AlreadyExists(
                    pb.ERROR_REASON_BINDING_EXISTS,
                    f"channel {channel_id!r} is attached to room {actor.room_id!r} with other "
                    "settings; update the binding, or detach it first",
                    metadata={"room_id": actor.room_id, "channel_id": channel_id},
                )
            if actor.room.status in ENDED:
                raise errors.FailedPrecondition(
                    pb.ERROR_REASON_ROOM_CLOSED,
                    f"room {actor.room_id!r} is closed; no channel can be attached",
                    metadata={"room_id": actor.room_id},
                )
            draft = Draft(actor, self._clock)
            event = self._put_new(draft, wanted)
            self._keep(draft, event, wanted)
            await draft.commit()
        self._fire(actor, event, wanted)
        return pb.AttachChannelResponse(binding=wanted)

    def auto_attach(
        self, draft: Draft, channel: pb.Channel, sender_id: str = ""
    ) -> pb.Binding | None:
        """Attach a channel in the draft of its first message; call ``attached`` after the
        commit.

        Args:
            draft: Of the message's room, which is open and has no such binding.
            channel: The channel it came by.
            sender_id: The sender's address: becomes the recipient where the type needs one.

        Returns:
            The binding; None when the channel was detached by hand.

        Raises:
            ResourceExhausted: QUOTA.
        """
        if channel.channel_id in draft.actor.room.detached_channel_ids:
            return None
        binding = new_binding(draft.actor.room_id, channel, pb.Binding())
        if sender_id and (key := recipient_key_of(channel.type)):
            binding.metadata.update({key: sender_id})
        self._put_new(draft, binding)
        return binding

    def attached(self, actor: RoomActor, bindings: Iterable[pb.Binding]) -> None:
        """Tell everybody of bindings that were committed with a message."""
        for binding in bindings:
            self._notifier.lifecycle(
                actor,
                pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED,
                "channel_attached",
                channel_id=binding.channel_id,
                data=details_of(binding),
            )

    def _put_new(self, draft: Draft, binding: pb.Binding) -> pb.RoomEvent:
        actor = draft.actor
        if len(actor.bindings) >= self._options.max_room_bindings:
            raise errors.ResourceExhausted(
                pb.ERROR_REASON_QUOTA,
                f"room {actor.room_id!r} has {self._options.max_room_bindings} channels; "
                "detach one first",
                metadata={"room_id": actor.room_id},
            )
        binding.attach_time.CopyFrom(timestamp(draft.now))
        binding.etag = f"{self._ids.new()}.1"
        if binding.channel_id in actor.room.detached_channel_ids:
            draft.room().detached_channel_ids.remove(binding.channel_id)
        draft.put_binding(binding, "channel_attached")
        return self._note(draft, binding, "channel_attached", {})

    # -------------------------------------------------------------- detaching

    async def detach_channel(
        self, caller: Caller, request: pb.DetachChannelRequest
    ) -> pb.DetachChannelResponse:
        """Detach a channel and leave a mark, so that the next message does not attach it.

        What was planned for it fails ``not_attached``. From a closed room too.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        detached = await self._detach(caller, request.room_id, request.channel_id, mark=True)
        return pb.DetachChannelResponse(detached=detached)

    async def _detach(self, caller: Caller, room_id: str, channel_id: str, *, mark: bool) -> bool:
        async with self._rooms.hold(caller, room_id) as actor:
            known = actor.bindings.get(channel_id)
            if known is None:
                return False
            draft = Draft(actor, self._clock)
            if mark:
                marks = draft.room().detached_channel_ids
                marks.append(channel_id)
                # The oldest marks go: a room record may not grow without end.
                del marks[: -self._options.max_room_bindings]
            draft.remove_binding(known, "channel_detached")
            event = self._note(draft, known, "channel_detached", {})
            self._keep(draft, event, known)
            await draft.commit()
            actor.buckets.pop(channel_id, None)
        self._fire(actor, event, known)
        return True

    async def unregister_channel(
        self, caller: Caller, request: pb.UnregisterChannelRequest
    ) -> pb.UnregisterChannelResponse:
        """Remove a channel; with ``force`` detach it from all its rooms first, without
        marks there.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
            FailedPrecondition: CHANNEL_IN_USE, unless ``force``.
        """
        org, channel_id = caller.org, request.channel_id
        self._channels.retire(org, channel_id)
        try:
            if not request.force:
                await self._refuse_in_use(org, channel_id)
            await self._detach_everywhere(caller, channel_id)
            await self._channels.remove(org, channel_id)
        finally:
            self._channels.reinstate(org, channel_id)
        # Rooms that were attaching it while it began to leave.
        await self._detach_everywhere(caller, channel_id)
        return pb.UnregisterChannelResponse()

    async def _refuse_in_use(self, org: str, channel_id: str) -> None:
        rooms = await self._store.rooms_of_channel(org, channel_id, "", 1)
        if rooms:
            raise errors.FailedPrecondition(
                pb.ERROR_REASON_CHANNEL_IN_USE,
                f"channel {channel_id!r} is attached to room {rooms[0]!r}; detach it, or set force",
                metadata={"channel_id": channel_id, "room_id": rooms[0]},
            )

    async def _detach_everywhere(self, caller: Caller, channel_id: str) -> None:
        after = ""
        while True:
            page = await self._store.rooms_of_channel(caller.org, channel_id, after, ROOMS_PER_PAGE)
            for room_id in page:
                try:
                    await self._detach(caller, room_id, channel_id, mark=False)
                except errors.NotFound:
                    continue  # deleted meanwhile: it is attached no more
            if len(page) < ROOMS_PER_PAGE:
                return
            after = page[-1]

    # -------------------------------------------------------------- changing

    async def mute_channel(
        self, caller: Caller, request: pb.MuteChannelRequest
    ) -> pb.MuteChannelResponse:
        """Let it hear, but not speak. Muting a muted one changes and fires nothing.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """

        def mute(binding: pb.Binding) -> None:
            binding.muted = True

        binding = await self._change(caller, request, mute, "channel_muted")
        return pb.MuteChannelResponse(binding=binding)

    async def unmute_channel(
        self, caller: Caller, request: pb.UnmuteChannelRequest
    ) -> pb.UnmuteChannelResponse:
        """Let it speak again.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """

        def unmute(binding: pb.Binding) -> None:
            binding.muted = False

        binding = await self._change(caller, request, unmute, "channel_unmuted")
        return pb.UnmuteChannelResponse(binding=binding)

    async def mute_output(
        self, caller: Caller, request: pb.MuteOutputRequest
    ) -> pb.MuteOutputResponse:
        """Silence speech and sound to it.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """

        def mute(binding: pb.Binding) -> None:
            binding.output_muted = True

        return pb.MuteOutputResponse(binding=await self._change(caller, request, mute))

    async def unmute_output(
        self, caller: Caller, request: pb.UnmuteOutputRequest
    ) -> pb.UnmuteOutputResponse:
        """Let speech and sound to it be heard again.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """

        def unmute(binding: pb.Binding) -> None:
            binding.output_muted = False

        return pb.UnmuteOutputResponse(binding=await self._change(caller, request, unmute))

    async def set_access(
        self, caller: Caller, request: pb.SetAccessRequest
    ) -> pb.SetAccessResponse:
        """Say what it may do.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """

        def allow(binding: pb.Binding) -> None:
            binding.access = request.access

        return pb.SetAccessResponse(binding=await self._change(caller, request, allow))

    async def set_visibility(
        self, caller: Caller, request: pb.SetVisibilityRequest
    ) -> pb.SetVisibilityResponse:
        """Say who sees what it writes.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            InvalidArgument: CHANNELS without channels, or channels without CHANNELS.
        """
        visibility = one_visibility(request.visibility, "visibility")

        def show(binding: pb.Binding) -> None:
            binding.visibility.CopyFrom(visibility)

        return pb.SetVisibilityResponse(binding=await self._change(caller, request, show))

    async def update_binding(
        self, caller: Caller, request: pb.UpdateBindingRequest
    ) -> pb.UpdateBindingResponse:
        """Change settings; metadata is merged key by key, the rest replaced.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
            Aborted: ETAG_MISMATCH.
            InvalidArgument: MASK_NOT_MUTABLE; a category that the channel cannot be.
        """
        new, paths = request.binding, set(request.update_mask.paths)
        for name in ("room_id", "channel_id"):
            if not getattr(new, name):
                raise errors.invalid(f"binding.{name}", "must be set")
        check_mask(paths, MUTABLE_PATHS)
        channel = self._channels.find(caller.org, new.channel_id)

        def take(binding: pb.Binding) -> None:
            if new.etag and new.etag != binding.etag:
                raise errors.Aborted(
                    pb.ERROR_REASON_ETAG_MISMATCH,
                    f"the binding of {new.channel_id!r} in room {new.room_id!r} was changed "
                    "meanwhile; get it and try again",
                    metadata={"room_id": new.room_id, "channel_id": new.channel_id},
                )
            take_fields(binding, new, paths)
            if channel is not None and "category" in paths:
                check_served(channel, binding.category, "binding.category")

        return pb.UpdateBindingResponse(binding=await self._change(caller, new, take))

    async def _change(
        self,
        caller: Caller,
        place: _Place,
        change: Callable[[pb.Binding], None],
        code: str = "channel_updated",
    ) -> pb.Binding:
        """Apply a change to a binding; one that changes nothing leaves no trace."""
        channel_id = place.channel_id
        async with self._rooms.hold(caller, place.room_id) as actor:
            known = _known(actor, channel_id)
            binding = pb.Binding()
            binding.CopyFrom(known)
            change(binding)
            if binding == known:
                return known
            binding.etag = next_etag(known.etag)
            draft = Draft(actor, self._clock)
            draft.put_binding(binding, code)
            more = {} if code in TRIGGERS else {"changed": changed_fields(known, binding)}
            event = self._note(draft, binding, code, more)
            self._keep(draft, event, binding)
            await draft.commit()
        self._fire(actor, event, binding)
        return binding

    # -------------------------------------------------------------- reading

    async def get_binding(
        self, caller: Caller, request: pb.GetBindingRequest
    ) -> pb.GetBindingResponse:
        """Read a binding.

        Raises:
            NotFound: ROOM_NOT_FOUND, BINDING_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        return pb.GetBindingResponse(binding=_known(actor, request.channel_id))

    async def list_bindings(
        self, caller: Caller, request: pb.ListBindingsRequest
    ) -> pb.ListBindingsResponse:
        """Read all bindings of a room, in the order they were attached.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        return pb.ListBindingsResponse(bindings=actor.bindings.values())

    # -------------------------------------------------------------- telling

    def _note(
        self, draft: Draft, binding: pb.Binding, code: str, more: Mapping[str, object]
    ) -> pb.RoomEvent:
        """Add the entry of the timeline."""
        body = f"{binding.channel_id} {code.removeprefix('channel_')}"
        data = {**details_of(binding), **more}
        event = system_event(
            EVENT_TYPES[code],
            code,
            body,
            data,
            channel_id=binding.channel_id,
            event_id=self._ids.new(),
        )
        return draft.add_event(event, activity=False)

    def _fire(self, actor: RoomActor, event: pb.RoomEvent, binding: pb.Binding) -> None:
        code, channel_id = event.content.system.code, binding.channel_id
        self._notifier.announce(actor, code, channel_id=channel_id, event_id=event.event_id)
        if code in TRIGGERS:
            payload, subject = pb.HookPayload(event=event), _subject(event, binding)
            self._notifier.tell(actor, TRIGGERS[code], payload, subject)

    def _keep(self, draft: Draft, event: pb.RoomEvent, binding: pb.Binding) -> None:
        """The same for durable observers, in the commit."""
        code = event.content.system.code
        if code in TRIGGERS:
            telling = Telling(TRIGGERS[code], pb.HookPayload(event=event), is_stored=True)
            subject = _subject(event, binding)
            self._notifier.keep.telling(draft.actor, draft.writes, telling, subject)


_Place = (
    pb.MuteChannelRequest
    | pb.UnmuteChannelRequest
    | pb.MuteOutputRequest
    | pb.UnmuteOutputRequest
    | pb.SetAccessRequest
    | pb.SetVisibilityRequest
    | pb.Binding
)
"""Messages that name a room and a channel."""


def _subject(event: pb.RoomEvent, binding: pb.Binding) -> Subject:
    # Its type is not looked up: one that was detached is in the room no more.
    return Subject(
        event.room_id,
        binding.channel_id,
        binding.channel_type,
        event.source.direction,
        event.type,
    )


def _known(actor: RoomActor, channel_id: str) -> pb.Binding:
    known = actor.bindings.get(channel_id)
    if known is None:
        raise errors.binding_not_found(actor.room_id, channel_id)
    return known
