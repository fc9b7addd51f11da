/**
 * What was found in a room: tasks, observations, feedback.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { pages } from "./caller.js";
import type { Observation, ObservationSchema, Task, TaskSchema } from "./gen/roomd/v1/room_pb.js";
import type {
  ListObservationsRequestSchema,
  ListTasksRequestSchema,
  SubmitFeedbackRequestSchema,
} from "./gen/roomd/v1/room_service_pb.js";
import { RoomService } from "./gen/roomd/v1/room_service_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import { given } from "./rooms.js";

const { method } = RoomService;

/** New values of a task. */
export type TaskChange = Pick<
  Init<typeof TaskSchema>,
  "title" | "description" | "assignedTo" | "status" | "metadata"
>;

/** Calls about tasks. All fail with `RoomdError`. */
export class Tasks {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Stores a task. TASK_EXISTS. */
  async create(
    roomId: string,
    task: Init<typeof TaskSchema>,
    options?: CallOptions,
  ): Promise<Task> {
    return given((await this.#caller.unary(method.createTask, { roomId, task }, options)).task);
  }

  /** TASK_NOT_FOUND. */
  async get(roomId: string, taskId: string, options?: CallOptions): Promise<Task> {
    return given((await this.#caller.unary(method.getTask, { roomId, taskId }, options)).task);
  }

  /** In the order they were made, fetched as they are asked for. */
  list(
    roomId: string,
    filter: Without<typeof ListTasksRequestSchema, "pageToken" | "roomId"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Task, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, roomId, pageToken };
      const page = await this.#caller.unary(method.listTasks, request, options);
      return { items: page.tasks, nextPageToken: page.nextPageToken };
    });
  }

  /** Changes what is named. */
  async update(
    roomId: string,
    taskId: string,
    change: TaskChange,
    options?: CallOptions,
  ): Promise<Task> {
    const request = { roomId, task: { ...change, taskId }, updateMask: maskOf(change, []) };
    return given((await this.#caller.unary(method.updateTask, request, options)).task);
  }
}

/** Calls about observations. All fail with `RoomdError`. */
export class Observations {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Stores an observation. */
  async create(
    roomId: string,
    observation: Init<typeof ObservationSchema>,
    options?: CallOptions,
  ): Promise<Observation> {
    const request = { roomId, observation };
    return given(
      (await this.#caller.unary(method.createObservation, request, options)).observation,
    );
  }

  /** In the order they were made, fetched as they are asked for. */
  list(
    roomId: string,
    filter: Without<typeof ListObservationsRequestSchema, "pageToken" | "roomId"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Observation, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, roomId, pageToken };
      const page = await this.#caller.unary(method.listObservations, request, options);
      return { items: page.observations, nextPageToken: page.nextPageToken };
    });
  }

  /** Stores what somebody thinks of an answer: an observation `feedback:<dimension>`. */
  async submitFeedback(
    roomId: string,
    feedback: Without<typeof SubmitFeedbackRequestSchema, "roomId">,
    options?: CallOptions,
  ): Promise<Observation> {
    const request = { ...feedback, roomId };
    return given((await this.#caller.unary(method.submitFeedback, request, options)).observation);
  }
}
