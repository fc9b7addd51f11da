"""Edits and withdrawals of events: who may, and what becomes of the event.

An edited event keeps what it said before, a withdrawn one its content: for the audit, in
the store only. ``log.shown`` strips both from everything that leaves. An edit that came as a
message says what its target says: it loses its words once the target has others, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import ListValue, Struct

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.keeping import change_of
from roomd_server.core.lifecycle import check_mask
from roomd_server.core.log import PREVIOUS, lost_its_words, shown
from roomd_server.core.notify import Notifier
from roomd_server.core.permissions import may_edit, participant_refusal
from roomd_server.core.ports import Caller, Clock, EventQuery, Store
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.structs import get_str, merge
from roomd_server.core.times import timestamp

PREVIOUS_VERSIONS = 10
"""Former contents kept of one event; the oldest go first."""
PREVIOUS_BYTES = 256 * 1024
"""Space for them; the newest is always kept."""
REPLIES_PAGE = 500
"""Replies withdrawn in one transaction."""

EDITED_BY = "_edited_by"
"""Metadata key of the message that gave an event its present content, if one did."""

MUTABLE_PATHS = frozenset(("content", "metadata"))
ENDED = frozenset((pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED))


class Target(NamedTuple):
    """An event that is to be edited or withdrawn."""

    event: pb.RoomEvent
    former_edit: pb.RoomEvent | None = None
    """The message that edited it last: what it says is not to be read any more."""


class Editing:
    """Serves UpdateEvent and DeleteEvent, and edits that come as messages."""

    def __init__(self, store: Store, rooms: Rooms, notifier: Notifier, clock: Clock) -> None:
        self._store = store
        self._rooms = rooms
        self._notifier = notifier
        self._clock = clock

    # -------------------------------------------------------------- messages

    async def authorise(self, actor: RoomActor, event: pb.RoomEvent) -> tuple[Target | None, str]:
        """Find what an edit or delete message is about, and whether its author may.

        Returns:
            The target and an empty reason; or None and why not: target_event_not_found,
            identity_required_for_edit, not_original_author, not_authorized.
        """
        content = event.content
        kind = content.WhichOneof("kind")
        target_id = (
            content.edit.target_event_id if kind == "edit" else content.delete.target_event_id
        )
        target = await self._store.get_event(actor.org, actor.room_id, target_id)
        if target is None or not _is_changeable(target):
            return None, "target_event_not_found"
        refusal = may_edit(event, target, actor.participants)
        return (None, refusal) if refusal else (await self._with_former(actor, target), "")

    def apply(self, draft: Draft, event: pb.RoomEvent, target: Target) -> None:
        """Carry out an authorised edit or delete message in its own draft."""
        if event.content.WhichOneof("kind") == "edit":
            apply_edit(draft, target, event.content.edit.new_content, edited_by=event.event_id)
        else:
            apply_delete(draft, target, event.content.delete.reason)

    async def _with_former(self, actor: RoomActor, event: pb.RoomEvent) -> Target:
        """The target with the message that edited it last."""
        edit_id = get_str(event.metadata, EDITED_BY)
        if not edit_id:
            return Target(event)
        return Target(event, await self._store.get_event(actor.org, actor.room_id, edit_id))

    def changed(
        self, actor: RoomActor, cause: pb.RoomEvent | None, events: Sequence[pb.RoomEvent]
    ) -> None:
        """Fire ON_EVENT_UPDATED or ON_EVENT_DELETED for events that were committed.

        Args:
            actor: Their room.
            cause: The message that changed them; None: a call.
            events: As they are now.
        """
        data = {"cause_event_id": cause.event_id} if cause is not None else None
        for event in events:
            self._notifier.revised(actor, shown(event))
            if lost_its_words(event):
                continue  # the change is the target's, which is told
            trigger, code = change_of(event)
            self._notifier.announce(
                actor,
                code,
                channel_id=event.source.channel_id,
                event_id=event.event_id,
                data=data,
            )
            self._notifier.about_event(actor, trigger, shown(event))

    # -------------------------------------------------------------- calls

    async def update_event(
        self, caller: Caller, request: pb.UpdateEventRequest
    ) -> pb.UpdateEventResponse:
        """Change an event's content or metadata (merged key by key).

        Raises:
            NotFound: ROOM_NOT_FOUND, EVENT_NOT_FOUND.
            FailedPrecondition: WRONG_STATE, for a withdrawn one.
            InvalidArgument: MASK_NOT_MUTABLE; content in the mask but not in the request.
        """
        paths = set(request.update_mask.paths)
        check_mask(paths, MUTABLE_PATHS)
        if "content" in paths:
            _check_new_content(request)
        async with self._rooms.hold(caller, request.room_id) as actor:
            target = await self._target(actor, request.event_id)
            if target.HasField("delete_time"):
                raise errors.FailedPrecondition(
                    pb.ERROR_REASON_WRONG_STATE,
                    f"event {request.event_id!r} was withdrawn; it cannot change any more",
                    metadata={"event_id": request.event_id},
                )
            asked = _asked(pb.Content(edit=pb.EditContent()), request.participant_id)
            refusal = _call_refusal(actor, asked, target)
            if refusal:
                return pb.UpdateEventResponse(outcome=pb.OUTCOME_REFUSED, reason=refusal)
            draft = Draft(actor, self._clock)
            event = apply_edit(
                draft,
                await self._with_former(actor, target),
                request.content if "content" in paths else None,
                request.metadata if "metadata" in paths else None,
            )
            self._notifier.keep.changed_events(actor, draft.writes)
            await draft.commit()
        self.changed(actor, None, [event])
        return pb.UpdateEventResponse(outcome=pb.OUTCOME_ACCEPTED, event=shown(event))

    async def delete_event(
        self, caller: Caller, request: pb.DeleteEventRequest
    ) -> pb.DeleteEventResponse:
        """Withdraw an event, and its replies when asked. Repeating it changes nothing.

        Raises:
            NotFound: ROOM_NOT_FOUND, EVENT_NOT_FOUND.
        """
        async with self._rooms.hold(caller, request.room_id) as actor:
            event = await self._target(actor, request.event_id)
            asked = _asked(pb.Content(delete=pb.DeleteContent()), request.participant_id)
            refusal = _call_refusal(actor, asked, event)
            if refusal:
                return pb.DeleteEventResponse(outcome=pb.OUTCOME_REFUSED, reason=refusal)
            changed: list[pb.RoomEvent] = []
            if not event.HasField("delete_time"):
                draft = Draft(actor, self._clock)
                event = apply_delete(draft, await self._with_former(actor, event), request.reason)
                self._notifier.keep.changed_events(actor, draft.writes)
                await draft.commit()
                changed.append(event)
            if request.cascade_replies:
                changed += await self._delete_replies(actor, request)
        self.changed(actor, None, changed)
        return pb.DeleteEventResponse(outcome=pb.OUTCOME_ACCEPTED, event=shown(event))

    async def _delete_replies(
        self, actor: RoomActor, request: pb.DeleteEventRequest
    ) -> list[pb.RoomEvent]:
        """Withdraw a thread's replies; each page is a transaction of its own."""
        query = EventQuery(
            actor.room_id,
            limit=REPLIES_PAGE,
            filter=pb.EventFilter(parent_event_id=request.event_id),
        )
        changed: list[pb.RoomEvent] = []
        while replies := await self._store.list_events(actor.org, query):
            draft = Draft(actor, self._clock)
            for reply in replies:
                if not reply.HasField("delete_time"):
                    target = await self._with_former(actor, reply)
                    changed.append(apply_delete(draft, target, request.reason))
            self._notifier.keep.changed_events(actor, draft.writes)
            await draft.commit()
            query.after_index = replies[-1].index
        return changed

    async def _target(self, actor: RoomActor, event_id: str) -> pb.RoomEvent:
        target = await self._store.get_event(actor.org, actor.room_id, event_id)
        if target is None:
            raise errors.event_not_found(actor.room_id, event_id)
        return target


def apply_edit(
    draft: Draft,
    target: Target,
    new_content: pb.Content | None,
    metadata: Struct | None = None,
    edited_by: str = "",
) -> pb.RoomEvent:
    """Give a stored event new content or metadata in a draft; what it said is kept.

    Args:
        draft: It.
        target: The event.
        new_content: What it says from now on; None: the same.
        metadata: To be merged.
        edited_by: Id of the message that asks for it; empty: a call.

    Returns:
        The event as it will be.
    """
    event = pb.RoomEvent()
    event.CopyFrom(target.event)
    paths = ["metadata"]
    if metadata is not None:
        merge(event.metadata, metadata)
    if new_content is not None:
        _keep_previous(event)
        event.content.CopyFrom(new_content)
        event.metadata.update({"edited": True})
        event.edit_time.CopyFrom(timestamp(draft.now))
        event.metadata.fields.pop(EDITED_BY, None)
        if edited_by:
            event.metadata.update({EDITED_BY: edited_by})
        paths = ["content", "edit_time", "metadata"]
        _take_words(draft, target.former_edit)
    draft.change_event(event, paths)
    return event


def apply_delete(draft: Draft, target: Target, reason: str) -> pb.RoomEvent:
    """Withdraw a stored event in a draft; its content stays in the store.

    Returns:
        The event as it will be.
    """
    event = pb.RoomEvent()
    event.CopyFrom(target.event)
    event.metadata.update({"deleted": True})
    if reason:
        event.metadata.update({"delete_reason": reason})
    event.delete_time.CopyFrom(timestamp(draft.now))
    draft.change_event(event, ["content", "delete_time", "metadata"])
    _take_words(draft, target.former_edit)
    return event


def _take_words(draft: Draft, edit: pb.RoomEvent | None) -> None:
    """Let an edit message say no more what its target says no more; kept for the audit."""
    if edit is None or edit.HasField("delete_time") or edit.content.WhichOneof("kind") != "edit":
        return
    said = edit.content.edit
    empty = pb.EditContent(target_event_id=said.target_event_id, edit_source=said.edit_source)
    apply_edit(draft, Target(edit), pb.Content(edit=empty))


def _keep_previous(event: pb.RoomEvent) -> None:
    """Remember the present content before it is replaced."""
    versions = ListValue()
    if PREVIOUS in event.metadata:
        versions.CopyFrom(event.metadata.fields[PREVIOUS].list_value)
    content: Any = MessageToDict(event.content, preserving_proto_field_name=True)
    versions.extend([content])
    while len(versions) > 1 and (
        len(versions) > PREVIOUS_VERSIONS or versions.ByteSize() > PREVIOUS_BYTES
    ):
        del versions.values[0]
    event.metadata.fields[PREVIOUS].list_value.CopyFrom(versions)


def _asked(content: pb.Content, participant_id: str) -> pb.RoomEvent:
    """A call as the message that would ask for the same."""
    return pb.RoomEvent(content=content, source=pb.EventSource(participant_id=participant_id))


def _call_refusal(actor: RoomActor, asked: pb.RoomEvent, target: pb.RoomEvent) -> str:
    """Why a call may not change an event; empty: it may.

    Without a participant it is the application itself that asks: it may always, also in an
    ended room.
    """
    participant_id = asked.source.participant_id
    if not participant_id:
        return ""
    if actor.room.status in ENDED:
        return "room_closed"
    refusal = participant_refusal(actor.participants.get(participant_id))
    return refusal or may_edit(asked, target, actor.participants)


def _is_changeable(target: pb.RoomEvent) -> bool:
    """Whether an event can be edited or withdrawn: not twice, and no edit or withdrawal."""
    return not target.HasField("delete_time") and target.content.WhichOneof("kind") not in (
        "edit",
        "delete",
    )


def _check_new_content(request: pb.UpdateEventRequest) -> None:
    kind = request.content.WhichOneof("kind") if request.HasField("content") else None
    if kind is None:
        raise errors.invalid("content", "must be set: the mask names it")
    if kind in ("edit", "delete"):
        raise errors.invalid("content", "must not be an edit or delete itself")
