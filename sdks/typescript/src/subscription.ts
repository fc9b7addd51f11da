/**
 * Watching rooms: a stream without holes that survives the server.
 *
 * @module
 */
import { Backoff, sleep } from "./backoff.js";
import type { Caller } from "./caller.js";
import { Code, errorFrom, RoomdError } from "./errors.js";
import type { EventType } from "./gen/roomd/v1/event_pb.js";
import type { RoomStartSchema, StreamItem } from "./gen/roomd/v1/room_service_pb.js";
import { RoomService } from "./gen/roomd/v1/room_service_pb.js";
import type { Init } from "./init.js";
import { duration, milliseconds } from "./init.js";

const HEARTBEAT_MS = 15_000;
/** A stream that is silent for so many heartbeats is dialled again. */
const SILENT_HEARTBEATS = 3;

/** Where to start; with neither, from now on. */
export interface RoomStartOptions {
  /** The cursor of the last item handled: exact, also for changes. */
  readonly cursor?: string;
  /** Events with a greater index; -1: from the beginning. */
  readonly afterIndex?: bigint | number;
}

/** What to watch. */
export interface SubscribeOptions {
  /** Ends the loop; it throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Also typing, presence, receipts and parts of answers; what is missed of them is gone. */
  readonly ephemeral?: boolean;
  /** Only events of these types. */
  readonly eventTypes?: readonly EventType[];
  /** How often the service says that it lives. Default 15 s. */
  readonly heartbeatMs?: number;
}

type Start = Init<typeof RoomStartSchema>["start"];

/**
 * What happens in rooms, for `for await`.
 *
 * A stream that is lost, or left because the server stops, is dialled again for ever and goes on
 * behind the last item: nothing is missed and nothing comes twice. Each item that is stored has
 * a `cursor`; kept somewhere, it continues there after a restart of this program. Slow loops are
 * fine: the service waits, then cuts the stream, and it goes on from the cursor.
 *
 * @throws RoomdError - ROOM_NOT_FOUND; HISTORY_TRUNCATED when the start is not kept any more.
 */
export class Subscription implements AsyncIterable<StreamItem> {
  readonly #caller: Caller;
  readonly #options: SubscribeOptions;
  readonly #starts = new Map<string, Start>();

  constructor(
    caller: Caller,
    rooms: readonly (RoomStartOptions & { readonly roomId: string })[],
    options: SubscribeOptions,
  ) {
    this.#caller = caller;
    this.#options = options;
    for (const { roomId, cursor, afterIndex } of rooms) {
      this.#starts.set(roomId, startOf(cursor, afterIndex));
    }
  }

  /** The items; one loop at a time: a later one goes on where the one before ended. */
  async *[Symbol.asyncIterator](): AsyncGenerator<StreamItem, void, undefined> {
    const backoff = new Backoff(this.#caller.reconnect);
    while (this.#starts.size > 0) {
      this.#options.signal?.throwIfAborted();
      const began = performance.now();
      let waitMs: number | undefined;
      try {
        for await (const item of this.#dial()) {
          if (item.item.case === "ending" && item.item.value.reason !== "ROOM_DELETED") {
            waitMs = Math.random() * milliseconds(item.item.value.reconnectJitter);
            break;
          }
          this.#note(item);
          yield item;
        }
      } catch (failure) {
        this.#options.signal?.throwIfAborted();
        const error = errorFrom(failure);
        if (!passes(error)) {
          throw error;
        }
        waitMs = error.retryAfterMs;
      }
      if (this.#starts.size > 0) {
        backoff.served(performance.now() - began);
        await sleep(waitMs ?? backoff.nextMs(), this.#options.signal);
      }
    }
  }

  /** One stream's items, but for heartbeats; ends when the server is silent for too long. */
  async *#dial(): AsyncGenerator<StreamItem, void, undefined> {
    const hangUp = new AbortController();
    const { signal: given, heartbeatMs, ephemeral, eventTypes } = this.#options;
    const signal = given ? AbortSignal.any([given, hangUp.signal]) : hangUp.signal;
    const request = {
      rooms: Array.from(this.#starts, ([roomId, start]) => ({ roomId, start })),
      ephemeral: ephemeral ?? false,
      eventTypes: [...(eventTypes ?? [])],
      heartbeat: duration(heartbeatMs),
    };
    const silenceMs = SILENT_HEARTBEATS * (heartbeatMs ?? HEARTBEAT_MS);
    const silent = new RoomdError("the server is silent", Code.Unavailable);
    const watchdog = () => setTimeout(() => hangUp.abort(silent), silenceMs);
    let timer = watchdog();
    try {
      const method = RoomService.method.subscribeRooms;
      for await (const { items } of this.#caller.serverStream(method, request, signal)) {
        clearTimeout(timer); // a slow loop is not the server's silence
        yield* items.filter((one) => one.item.case !== "heartbeat");
        timer = watchdog();
      }
    } finally {
      clearTimeout(timer);
      hangUp.abort();
    }
  }

  /** Remember where to go on after this item. */
  #note({ roomId, cursor, item }: StreamItem): void {
    if (item.case === "ending") {
      this.#starts.delete(roomId);
    } else if (cursor) {
      this.#starts.set(roomId, { case: "cursor", value: cursor });
    } else if (item.case === "subscribed" && this.#starts.get(roomId)?.case === undefined) {
      // "From now on" is a place: behind what is there already.
      this.#starts.set(roomId, { case: "afterIndex", value: item.value.headIndex ?? -1n });
    }
  }
}

function startOf(cursor: string | undefined, afterIndex: bigint | number | undefined): Start {
  if (cursor) {
    return { case: "cursor", value: cursor };
  }
  if (afterIndex !== undefined) {
    return { case: "afterIndex", value: BigInt(afterIndex) };
  }
  return { case: undefined };
}

/** Whether a stream that ended so can go on. */
function passes(error: RoomdError): boolean {
  switch (error.code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Aborted:
      return true;
    case Code.ResourceExhausted:
      return error.reason !== "MESSAGE_TOO_LARGE";
    default:
      return false;
  }
}
