"""Who takes part in a room.

Comings and goings by call are entries of the timeline, seen by nobody but readers of it.
Those who join by their first message leave none: the message itself says it.
"""

from __future__ import annotations

from collections.abc import Mapping

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.lifecycle import check_mask
from roomd_server.core.notify import Arrival, Notifier
from roomd_server.core.ports import Caller, Clock, Ids
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.structs import merge
from roomd_server.core.timeline_events import EVENT_TYPES, system_event
from roomd_server.core.times import timestamp

MAX_CHANNELS = 256
"""Channels remembered of one participant; see the rules of ``Participant``."""

GONE = frozenset((pb.PARTICIPANT_STATUS_LEFT, pb.PARTICIPANT_STATUS_BANNED))
MUTABLE_PATHS = frozenset(("display_name", "role", "status", "metadata", "external_id"))
ENDED = frozenset((pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED))

TRIGGERS: Mapping[str, pb.HookTrigger] = {
    "participant_joined": pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED,
    "participant_left": pb.HOOK_TRIGGER_ON_PARTICIPANT_LEFT,
    "participant_updated": pb.HOOK_TRIGGER_ON_PARTICIPANT_UPDATED,
    "participant_identified": pb.HOOK_TRIGGER_ON_PARTICIPANT_IDENTIFIED,
}


class Roster:
    """Serves the participant RPCs of ``RoomService``."""

    def __init__(self, rooms: Rooms, notifier: Notifier, clock: Clock, ids: Ids) -> None:
        self._rooms = rooms
        self._notifier = notifier
        self._clock = clock
        self._ids = ids

    async def add_participant(
        self, caller: Caller, request: pb.AddParticipantRequest
    ) -> pb.AddParticipantResponse:
        """Add somebody; one who LEFT comes back with the new values.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            AlreadyExists: PARTICIPANT_EXISTS, unless ``ensure``.
            FailedPrecondition: ROOM_CLOSED.
            InvalidArgument: a status that nobody joins with.
        """
        if request.participant.status in GONE:
            raise errors.invalid("participant.status", "must be ACTIVE, INACTIVE or unset")
        async with self._rooms.hold(caller, request.room_id) as actor:
            known = actor.participants.get(request.participant.participant_id)
            if known is not None and known.status != pb.PARTICIPANT_STATUS_LEFT:
                if request.ensure:
                    return pb.AddParticipantResponse(participant=known)
                raise errors.AlreadyExists(
                    pb.ERROR_REASON_PARTICIPANT_EXISTS,
                    f"participant {known.participant_id!r} is in room {request.room_id!r}; "
                    "update them, or set ensure",
                    metadata={"participant_id": known.participant_id},
                )
            if actor.room.status in ENDED:
                raise errors.FailedPrecondition(
                    pb.ERROR_REASON_ROOM_CLOSED,
                    f"room {request.room_id!r} is closed; nobody can join",
                    metadata={"room_id": request.room_id},
                )
            draft = Draft(actor, self._clock)
            who = _joining(draft, request.participant, known)
            event = await self._commit(draft, who, "participant_joined")
        self._fire(actor, event, who)
        return pb.AddParticipantResponse(participant=who)

    async def get_participant(
        self, caller: Caller, request: pb.GetParticipantRequest
    ) -> pb.GetParticipantResponse:
        """Read one.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        return pb.GetParticipantResponse(participant=_known(actor, request.participant_id))

    async def list_participants(
        self, caller: Caller, request: pb.ListParticipantsRequest
    ) -> pb.ListParticipantsResponse:
        """Read a page, in the order they joined.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        last = paging.decode_text(mark, request.page_token)
        if last and last not in actor.participants:
            raise paging.bad_token()  # erased meanwhile: nobody knows where that was
        response = pb.ListParticipantsResponse()
        for who in actor.participants.values():
            if last:
                last = "" if who.participant_id == last else last
            elif who.status not in GONE or request.include_left:
                if len(response.participants) == size:
                    final = response.participants[-1].participant_id
                    response.next_page_token = paging.encode(mark, final)
                    break
                response.participants.append(who)
        return response

    async def update_participant(
        self, caller: Caller, request: pb.UpdateParticipantRequest
    ) -> pb.UpdateParticipantResponse:
        """Change a record; metadata is merged key by key. The same values change nothing.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
            InvalidArgument: MASK_NOT_MUTABLE.
        """
        paths = set(request.update_mask.paths)
        check_mask(paths, MUTABLE_PATHS)
        async with self._rooms.hold(caller, request.room_id) as actor:
            known = _known(actor, request.participant.participant_id)
            who = pb.Participant()
            who.CopyFrom(known)
            _take(who, request.participant, paths)
            if who == known:
                return pb.UpdateParticipantResponse(participant=known)
            draft = Draft(actor, self._clock)
            event = await self._commit(draft, who, "participant_updated")
        self._fire(actor, event, who)
        return pb.UpdateParticipantResponse(participant=who)

    async def remove_participant(
        self, caller: Caller, request: pb.RemoveParticipantRequest
    ) -> pb.RemoveParticipantResponse:
        """Set LEFT or BANNED; the record stays. One who is gone is not put out again, but
        one who LEFT can still be banned.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
        """
        status = pb.PARTICIPANT_STATUS_BANNED if request.ban else pb.PARTICIPANT_STATUS_LEFT
        async with self._rooms.hold(caller, request.room_id) as actor:
            known = _known(actor, request.participant_id)
            if known.status == status or (known.status in GONE and not request.ban):
                return pb.RemoveParticipantResponse(participant=known)
            who = pb.Participant()
            who.CopyFrom(known)
            who.status = status
            draft = Draft(actor, self._clock)
            code = "participant_updated" if known.status in GONE else "participant_left"
            event = await self._commit(draft, who, code)
        self._fire(actor, event, who)
        return pb.RemoveParticipantResponse(participant=who)

    async def resolve_participant(
        self, caller: Caller, request: pb.ResolveParticipantRequest
    ) -> pb.ResolveParticipantResponse:
        """Say who somebody is. Saying the same again changes nothing.

        Raises:
            NotFound: ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND.
        """
        resolver = request.resolved_by or "manual"
        async with self._rooms.hold(caller, request.room_id) as actor:
            known = _known(actor, request.participant_id)
            if (
                known.identification == pb.IDENTIFICATION_STATUS_IDENTIFIED
                and known.identity_id == request.identity_id
                and known.resolved_by == resolver
            ):
                return pb.ResolveParticipantResponse(participant=known)
            draft = Draft(actor, self._clock)
            who = pb.Participant()
            who.CopyFrom(known)
            _identify(who, request.identity_id, resolver, draft.now)
            event = await self._commit(draft, who, "participant_identified")
        self._fire(actor, event, who)
        return pb.ResolveParticipantResponse(participant=who)

    async def _commit(self, draft: Draft, who: pb.Participant, code: str) -> pb.RoomEvent:
        """Write the record together with its entry in the timeline."""
        draft.put_participant(who, code)
        data: dict[str, object] = {
            "participant_id": who.participant_id,
            "display_name": who.display_name,
            "role": pb.ParticipantRole.Name(who.role).removeprefix("PARTICIPANT_ROLE_").lower(),
            "status": _status_name(who),
        }
        if who.identity_id:
            data["identity_id"] = who.identity_id
        name = who.display_name or who.participant_id
        body = f"{name} {code.removeprefix('participant_')}"
        event = system_event(EVENT_TYPES[code], code, body, data, event_id=self._ids.new())
        draft.add_event(event, activity=False)
        self._notifier.keep.event(draft.actor, draft.writes, TRIGGERS[code], event)
        await draft.commit()
        return event

    def _fire(self, actor: RoomActor, event: pb.RoomEvent, who: pb.Participant) -> None:
        code = event.content.system.code
        data = {"participant_id": who.participant_id, "status": _status_name(who)}
        self._notifier.announce(actor, code, event_id=event.event_id, data=data)
        self._notifier.about_event(actor, TRIGGERS[code], event)


def ensure_sender(draft: Draft, channel_id: str, sender_id: str) -> Arrival | None:
    """Make the sender of an inbound message a participant, in the message's own draft.

    Returns:
        Who came, as a new MEMBER or by a new channel; None: nothing new. The pipeline
        tells the notifier after the commit.
    """
    known = draft.actor.participants.get(sender_id)
    if known is not None and channel_id in known.channel_ids:
        return None
    who = pb.Participant()
    if known is None:
        who.participant_id = sender_id
        who.room_id = draft.actor.room_id
        _fill_defaults(who, draft.now)
    else:
        if len(known.channel_ids) >= MAX_CHANNELS:
            return None
        who.CopyFrom(known)
    who.channel_ids.append(channel_id)
    draft.put_participant(who, "participant_joined" if known is None else "participant_updated")
    return Arrival(who, known is None)


def _joining(draft: Draft, wanted: pb.Participant, known: pb.Participant | None) -> pb.Participant:
    """The record of somebody who joins; one who comes back keeps what is not said anew."""
    who = pb.Participant()
    if known is None:
        who.CopyFrom(wanted)
        for path in ("join_time", "resolve_time", "resolved_by"):
            who.ClearField(path)
    else:
        who.CopyFrom(known)
        who.status = wanted.status or pb.PARTICIPANT_STATUS_ACTIVE
        who.role = wanted.role or known.role
        who.display_name = wanted.display_name or known.display_name
        who.external_id = wanted.external_id or known.external_id
        merge(who.metadata, wanted.metadata)
        new = [channel for channel in wanted.channel_ids if channel not in known.channel_ids]
        who.channel_ids.extend(new)
    who.room_id = draft.actor.room_id
    if wanted.identity_id and (known is None or known.identity_id != wanted.identity_id):
        _identify(who, wanted.identity_id, wanted.resolved_by or "manual", draft.now)
    _fill_defaults(who, draft.now)
    return who


def _fill_defaults(who: pb.Participant, now: float) -> None:
    who.role = who.role or pb.PARTICIPANT_ROLE_MEMBER
    who.status = who.status or pb.PARTICIPANT_STATUS_ACTIVE
    who.identification = who.identification or pb.IDENTIFICATION_STATUS_PENDING
    if not who.HasField("join_time"):
        who.join_time.CopyFrom(timestamp(now))


def _identify(who: pb.Participant, identity_id: str, resolver: str, now: float) -> None:
    who.identity_id = identity_id
    who.identification = pb.IDENTIFICATION_STATUS_IDENTIFIED
    who.resolved_by = resolver
    who.resolve_time.CopyFrom(timestamp(now))


def _take(who: pb.Participant, new: pb.Participant, paths: set[str]) -> None:
    if "display_name" in paths:
        who.display_name = new.display_name
    if "external_id" in paths:
        who.external_id = new.external_id
    if "role" in paths:
        who.role = new.role or pb.PARTICIPANT_ROLE_MEMBER
    if "status" in paths:
        who.status = new.status or pb.PARTICIPANT_STATUS_ACTIVE
    if "metadata" in paths:
        merge(who.metadata, new.metadata)


def _known(actor: RoomActor, participant_id: str) -> pb.Participant:
    known = actor.participants.get(participant_id)
    if known is None:
        raise errors.participant_not_found(actor.room_id, participant_id)
    return known


def _status_name(who: pb.Participant) -> str:
    return pb.ParticipantStatus.Name(who.status).removeprefix("PARTICIPANT_STATUS_").lower()
