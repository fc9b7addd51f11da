"""What is to be done and what was noticed: tasks, observations, feedback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.lifecycle import check_mask
from roomd_server.core.notify import Notifier
from roomd_server.core.once import Once
from roomd_server.core.ports import (
    Caller,
    Clock,
    Ids,
    ObserverResult,
    Store,
    StoreConflict,
    Subject,
    Telling,
    WriteSet,
)
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import Rooms
from roomd_server.core.structs import merge
from roomd_server.core.times import timestamp
from roomd_server.core.waiting import outlast

log = logging.getLogger(__name__)

TASK_PATHS = frozenset(("title", "description", "assigned_to", "status", "metadata"))


class Notes:
    """Serves the task, observation and feedback RPCs of ``RoomService``, and keeps what
    hooks, observers and channels found.
    """

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        once: Once,
        notifier: Notifier,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._once = once
        self._notifier = notifier
        self._clock = clock
        self._ids = ids
        notifier.on_found = self.found

    # -------------------------------------------------------------- tasks

    async def create_task(
        self, caller: Caller, request: pb.CreateTaskRequest
    ) -> pb.CreateTaskResponse:
        """Store a task and fire ON_TASK_CREATED.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            AlreadyExists: TASK_EXISTS, KEY_REUSED.
            InvalidArgument: no title.
        """
        if not request.task.title:
            raise errors.invalid("task.title", "must say what is to be done")
        first = await self._first(caller, "CreateTask", request)
        if first is not None:
            return pb.CreateTaskResponse.FromString(first)
        task = stamp_task(request.task, request.room_id, self._ids, self._clock.now())
        response = pb.CreateTaskResponse(task=task)
        keys = self._once.record("CreateTask", request.request_id, request, response)
        async with self._rooms.hold(caller, request.room_id) as actor:
            if request.task.task_id:
                await self._check_new(actor, task.task_id)
            writes = WriteSet(actor.org, actor.room_id, tasks=[task], keys=keys)
            self._notifier.keep.tasks(actor, writes)
            try:
                await outlast(actor.commit(writes))
            except StoreConflict:
                first = await self._once.winner(
                    caller.org, "CreateTask", request.request_id, request
                )
                return pb.CreateTaskResponse.FromString(first)
        self.created(actor, [task])
        return response

    async def _check_new(self, actor: RoomActor, task_id: str) -> None:
        known = await self._store.get_task(actor.org, actor.room_id, task_id)
        if known is not None:
            raise errors.AlreadyExists(
                pb.ERROR_REASON_TASK_EXISTS,
                f"task {task_id!r} exists; update it, or choose another id",
                metadata={"task_id": task_id},
            )

    async def get_task(self, caller: Caller, request: pb.GetTaskRequest) -> pb.GetTaskResponse:
        """Read one task.

        Raises:
            NotFound: ROOM_NOT_FOUND, TASK_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        return pb.GetTaskResponse(task=await self._task(actor, request.task_id))

    async def update_task(
        self, caller: Caller, request: pb.UpdateTaskRequest
    ) -> pb.UpdateTaskResponse:
        """Change a task; metadata is merged key by key.

        Raises:
            NotFound: ROOM_NOT_FOUND, TASK_NOT_FOUND.
            InvalidArgument: MASK_NOT_MUTABLE.
        """
        new, paths = request.task, set(request.update_mask.paths)
        if not new.task_id:
            raise errors.invalid("task.task_id", "must be set")
        check_mask(paths, TASK_PATHS)
        async with self._rooms.hold(caller, request.room_id) as actor:
            task = pb.Task()
            task.CopyFrom(await self._task(actor, new.task_id))
            _take(task, new, paths)
            task.update_time.CopyFrom(timestamp(self._clock.now()))
            await outlast(actor.commit(WriteSet(actor.org, actor.room_id, tasks=[task])))
        return pb.UpdateTaskResponse(task=task)

    async def list_tasks(
        self, caller: Caller, request: pb.ListTasksRequest
    ) -> pb.ListTasksResponse:
        """Read a page of tasks, in the order they were made.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        after = paging.decode_text(mark, request.page_token)
        found = await self._store.list_tasks(
            actor.org, actor.room_id, request.statuses, after, size + 1
        )
        response = pb.ListTasksResponse(tasks=found[:size])
        if len(found) > size:
            response.next_page_token = paging.encode(mark, found[size - 1].task_id)
        return response

    async def _task(self, actor: RoomActor, task_id: str) -> pb.Task:
        task = await self._store.get_task(actor.org, actor.room_id, task_id)
        if task is None:
            raise errors.NotFound(
                pb.ERROR_REASON_TASK_NOT_FOUND,
                f"no task {task_id!r} in room {actor.room_id!r}",
                metadata={"room_id": actor.room_id, "task_id": task_id},
            )
        return task

    # -------------------------------------------------------------- observations

    async def create_observation(
        self, caller: Caller, request: pb.CreateObservationRequest
    ) -> pb.CreateObservationResponse:
        """Store an observation.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            AlreadyExists: KEY_REUSED.
        """
        first = await self._first(caller, "CreateObservation", request)
        if first is not None:
            return pb.CreateObservationResponse.FromString(first)
        now = self._clock.now()
        noted = stamp_observation(request.observation, request.room_id, self._ids, now)
        response = pb.CreateObservationResponse(observation=noted)
        keys = self._once.record("CreateObservation", request.request_id, request, response)
        async with self._rooms.hold(caller, request.room_id) as actor:
            writes = WriteSet(actor.org, actor.room_id, observations=[noted], keys=keys)
            try:
                await outlast(actor.commit(writes))
            except StoreConflict:
                first = await self._once.winner(
                    caller.org, "CreateObservation", request.request_id, request
                )
                return pb.CreateObservationResponse.FromString(first)
        return response

    async def list_observations(
        self, caller: Caller, request: pb.ListObservationsRequest
    ) -> pb.ListObservationsResponse:
        """Read a page of observations, in the order they were made.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            InvalidArgument: BAD_CURSOR.
        """
        actor = await self._rooms.read(caller, request.room_id)
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        after = paging.decode_text(mark, request.page_token)
        found = await self._store.list_observations(
            actor.org, actor.room_id, request.category, after, size + 1
        )
        response = pb.ListObservationsResponse(observations=found[:size])
        if len(found) > size:
            response.next_page_token = paging.encode(mark, found[size - 1].observation_id)
        return response

    async def submit_feedback(
        self, caller: Caller, request: pb.SubmitFeedbackRequest
    ) -> pb.SubmitFeedbackResponse:
        """Store an observation ``feedback:<dimension>`` and fire ON_FEEDBACK.

        The rating is in its metadata, the comment is its content.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        dimension = request.dimension or "overall"
        noted = pb.Observation(
            channel_id=request.channel_id,
            category=f"feedback:{dimension}",
            content=request.comment,
            event_id=request.event_id,
            metadata=request.metadata,
        )
        noted.metadata.update({"rating": request.rating, "dimension": dimension})
        noted = stamp_observation(noted, request.room_id, self._ids, self._clock.now())
        async with self._rooms.hold(caller, request.room_id) as actor:
            writes = WriteSet(actor.org, actor.room_id, observations=[noted])
            binding = actor.bindings.get(request.channel_id)
            kind = binding.channel_type if binding is not None else 0
            subject = Subject(actor.room_id, request.channel_id, kind)
            telling = Telling(pb.HOOK_TRIGGER_ON_FEEDBACK, pb.HookPayload(observation=noted))
            self._notifier.keep.telling(actor, writes, telling, subject)
            await outlast(actor.commit(writes))
        self._notifier.announce(
            actor,
            "feedback",
            channel_id=request.channel_id,
            event_id=request.event_id,
            data={"rating": request.rating, "dimension": dimension},
        )
        self._notifier.tell(actor, telling.trigger, telling.payload, subject)
        return pb.SubmitFeedbackResponse(observation=noted)

    async def _first(
        self,
        caller: Caller,
        rpc: str,
        request: pb.CreateTaskRequest | pb.CreateObservationRequest,
    ) -> bytes | None:
        return await self._once.first(caller.org, rpc, request.request_id, request)

    # -------------------------------------------------------------- of hooks and channels

    def keep(
        self,
        draft: Draft,
        tasks: Sequence[pb.Task],
        observations: Sequence[pb.Observation],
        event: pb.RoomEvent | None = None,
        *,
        channel_id: str = "",
    ) -> None:
        """Put tasks and observations into a draft; ``created`` fires after its commit.

        Args:
            draft: What they are committed with.
            tasks: As found.
            observations: As found.
            event: What they are about, unless they say so themselves.
            channel_id: Who noticed, unless they say so themselves.
        """
        self._fill(draft.writes, tasks, observations, event, channel_id)

    def created(self, actor: RoomActor, tasks: Sequence[pb.Task]) -> None:
        """Fire ON_TASK_CREATED for tasks that were committed."""
        for task in tasks:
            self._notifier.lifecycle(
                actor,
                pb.HOOK_TRIGGER_ON_TASK_CREATED,
                "task_created",
                data=MessageToDict(task, preserving_proto_field_name=True),
            )

    def found(
        self, actor: RoomActor, result: ObserverResult, fires: bool
    ) -> asyncio.Future[None] | None:
        """Store what observers found, without holding the room up (a ``notify.OnFound``)."""
        if actor.deleted:
            return None
        writes = WriteSet(actor.org, actor.room_id)
        self._fill(writes, result.tasks, result.observations, None, "")
        if fires:
            self._notifier.keep.tasks(actor, writes)
        done = actor.commit(writes)
        done.add_done_callback(lambda future: self._kept(actor, writes, future, fires))
        return done

    async def keep_observed(
        self,
        actor: RoomActor,
        result: ObserverResult,
        acknowledged: Sequence[str],
        fires: bool,
    ) -> None:
        """Store what a durable observer found, and remove the rows that it answered for: once,
        however often it is told.

        Raises:
            NotFound: the room was deleted.
            Unavailable: nothing was written.
        """
        if actor.deleted:
            raise errors.room_not_found(actor.room_id)
        writes = WriteSet(actor.org, actor.room_id, removed_observer_rows=acknowledged)
        self._fill(writes, result.tasks, result.observations, None, "")
        if fires:
            self._notifier.keep.tasks(actor, writes)
        await outlast(actor.commit(writes))
        if fires:
            self.created(actor, writes.tasks)

    def _kept(
        self, actor: RoomActor, writes: WriteSet, future: asyncio.Future[None], fires: bool
    ) -> None:
        if future.cancelled() or (error := future.exception()) is not None:
            log.warning(
                "what observers found in room %s was not stored: %s",
                actor.room_id,
                "cancelled" if future.cancelled() else error,
            )
        elif fires:
            self.created(actor, writes.tasks)

    def _fill(
        self,
        writes: WriteSet,
        tasks: Sequence[pb.Task],
        observations: Sequence[pb.Observation],
        event: pb.RoomEvent | None,
        channel_id: str,
    ) -> None:
        now, room_id = self._clock.now(), writes.room_id
        stamped = [stamp_task(task, room_id, self._ids, now) for task in tasks]
        writes.tasks = (*writes.tasks, *stamped)
        for observation in observations:
            noted = stamp_observation(observation, room_id, self._ids, now)
            noted.channel_id = noted.channel_id or channel_id
            if event is not None:
                noted.event_id = noted.event_id or event.event_id
            writes.observations = (*writes.observations, noted)


def stamp_task(task: pb.Task, room_id: str, ids: Ids, now: float) -> pb.Task:
    """The task as it is stored: with an id, its room, a status and times."""
    stamped = pb.Task()
    stamped.CopyFrom(task)
    stamped.task_id = task.task_id or ids.new()
    stamped.room_id = room_id
    stamped.status = task.status or pb.TASK_STATUS_PENDING
    stamped.create_time.CopyFrom(timestamp(now))
    stamped.update_time.CopyFrom(timestamp(now))
    return stamped


def stamp_observation(
    observation: pb.Observation, room_id: str, ids: Ids, now: float
) -> pb.Observation:
    """The observation as it is stored: with an id, its room, a confidence and a time."""
    stamped = pb.Observation()
    stamped.CopyFrom(observation)
    stamped.observation_id = observation.observation_id or ids.new()
    stamped.room_id = room_id
    if not stamped.HasField("confidence"):
        stamped.confidence = 1.0
    stamped.create_time.CopyFrom(timestamp(now))
    return stamped


def _take(task: pb.Task, new: pb.Task, paths: set[str]) -> None:
    for path in ("title", "description", "assigned_to"):
        if path in paths:
            setattr(task, path, getattr(new, path))
    if "status" in paths:
        task.status = new.status or pb.TASK_STATUS_PENDING
    if "metadata" in paths:
        merge(task.metadata, new.metadata)
