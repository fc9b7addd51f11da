/**
 * Rooms: their life, and watching them.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { pages } from "./caller.js";
import type { Room, RoomSchema } from "./gen/roomd/v1/room_pb.js";
import type {
  CreateRoomRequestSchema,
  ListRoomsRequestSchema,
} from "./gen/roomd/v1/room_service_pb.js";
import { RoomService } from "./gen/roomd/v1/room_service_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import type { RoomStartOptions, SubscribeOptions } from "./subscription.js";
import { Subscription } from "./subscription.js";

const { method } = RoomService;

/** New values of a room; with `etag` it fails instead of overwriting what others changed. */
export type RoomChange = Pick<Init<typeof RoomSchema>, "metadata" | "labels" | "timers" | "etag">;

/** Calls about rooms. All fail with `RoomdError`. */
export class Rooms {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Makes a room; without `roomId` the service names it. ROOM_EXISTS. */
  async create(
    room: Without<typeof CreateRoomRequestSchema, never> = {},
    options?: CallOptions,
  ): Promise<Room> {
    const response = await this.#caller.unary(method.createRoom, room, options);
    return given(response.room);
  }

  /** ROOM_NOT_FOUND. */
  async get(roomId: string, options?: CallOptions): Promise<Room> {
    const response = await this.#caller.unary(method.getRoom, { roomId }, options);
    return given(response.room);
  }

  /** Rooms by id, fetched as they are asked for. */
  list(
    filter: Without<typeof ListRoomsRequestSchema, "pageToken"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Room, void, undefined> {
    return pages(async (pageToken) => {
      const page = await this.#caller.unary(method.listRooms, { ...filter, pageToken }, options);
      return { items: page.rooms, nextPageToken: page.nextPageToken };
    });
  }

  /** Changes what is named; metadata is merged key by key. ETAG_MISMATCH. */
  async update(roomId: string, change: RoomChange, options?: CallOptions): Promise<Room> {
    const updateMask = maskOf(change, ["etag"]);
    const request = { room: { ...change, roomId }, updateMask };
    const response = await this.#caller.unary(method.updateRoom, request, options);
    return given(response.room);
  }

  /** Quiet until somebody speaks. */
  async pause(roomId: string, options?: CallOptions): Promise<Room> {
    return given((await this.#caller.unary(method.pauseRoom, { roomId }, options)).room);
  }

  /** Active again. */
  async resume(roomId: string, options?: CallOptions): Promise<Room> {
    return given((await this.#caller.unary(method.resumeRoom, { roomId }, options)).room);
  }

  /** Ends the conversation; messages are refused from now on. */
  async close(roomId: string, reason = "", options?: CallOptions): Promise<Room> {
    return given((await this.#caller.unary(method.closeRoom, { roomId, reason }, options)).room);
  }

  /** Ends a closed room for good. */
  async archive(roomId: string, options?: CallOptions): Promise<Room> {
    return given((await this.#caller.unary(method.archiveRoom, { roomId }, options)).room);
  }

  /** Removes a room and everything in it. */
  async delete(roomId: string, etag = "", options?: CallOptions): Promise<void> {
    await this.#caller.unary(method.deleteRoom, { roomId, etag }, options);
  }

  /** Watches one room, gapless; see `Subscription`. */
  subscribe(roomId: string, options: RoomStartOptions & SubscribeOptions = {}): Subscription {
    return new Subscription(this.#caller, [{ ...options, roomId }], options);
  }

  /** Watches up to 1000 rooms on one stream, each gapless. */
  subscribeAll(
    rooms: readonly (RoomStartOptions & { readonly roomId: string })[],
    options: SubscribeOptions = {},
  ): Subscription {
    return new Subscription(this.#caller, rooms, options);
  }
}

/** A field that the service always sets. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new TypeError("the service left out a field that it always sets");
  }
  return value;
}
