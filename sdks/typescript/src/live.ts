/**
 * A live connection of a WebSocket-type channel: messages out, deliveries in.
 *
 * @module
 */
import "./disposal.js";

import type { JsonObject } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";

import { Backoff, sleep } from "./backoff.js";
import type { Caller } from "./caller.js";
import { newKey } from "./caller.js";
import { Code, errorFrom, errorOfStatus, REFUSALS, RoomdError } from "./errors.js";
import type {
  Batch,
  ChannelServiceConnectResponse,
  ConnectionDelivery,
  Opened,
  OpenSchema,
  SendItemSchema,
  SendResult,
} from "./gen/roomd/v1/channel_service_pb.js";
import {
  ChannelService,
  ChannelServiceConnectRequestSchema,
} from "./gen/roomd/v1/channel_service_pb.js";
import type { EphemeralEvent, EphemeralType } from "./gen/roomd/v1/realtime_pb.js";
import type { Init, Without } from "./init.js";
import { milliseconds } from "./init.js";
import type { Logger } from "./logger.js";
import { quietConsole } from "./logger.js";
import { Outbox } from "./outbox.js";
import type { RoomsChange } from "./seen-rooms.js";
import { checkRoomId, SeenRooms } from "./seen-rooms.js";

const OPEN_MS = 15_000;
const OUTGOING_FRAMES = 1024;
/** Items that wait for the loop; a delivery beyond is not taken and is offered again. */
const INCOMING_ITEMS = 1024;
/** Deliveries that were handled: one whose acknowledgement came late is offered again. */
const REMEMBERED = 1024;
const PENDING_SENDS = 1000;
/** What a server takes that does not say. */
const DEFAULT_MESSAGE_BYTES = 4 * 1024 * 1024;
const TOO_LARGE = "MESSAGE_TOO_LARGE";

type Request = Init<typeof ChannelServiceConnectRequestSchema>;
type Message = NonNullable<Request["message"]>;

/** Who connects, and what they see. */
export type LiveOptions = Without<typeof OpenSchema, "acknowledges"> & {
  /** Default: warnings and errors to stderr. */
  readonly logger?: Logger;
};

/** What the connection shows: an event, or something fleeting. */
export type LiveItem =
  | { readonly case: "event"; readonly value: ConnectionDelivery }
  | { readonly case: "ephemeral"; readonly value: EphemeralEvent };

/** A message of the stream, and what it takes there. */
interface Frame {
  readonly request: Request;
  readonly bytes: number;
}

interface PendingSend {
  readonly frame: Frame;
  readonly settle: (result: SendResult) => void;
  readonly fail: (error: unknown) => void;
  /** Between repeats on a stream whose server could not decide yet. */
  readonly backoff: Backoff;
}

/**
 * One connection, kept for ever: lost, it is dialled again; what was sent and not answered is
 * sent again under its key, so that it takes effect once, and it sees the same rooms.
 *
 * The loop over it gets every event of its rooms. An event is acknowledged when the loop asks
 * for the next item: what a loop did not finish comes again.
 */
export class LiveConnection implements AsyncIterable<LiveItem>, AsyncDisposable {
  readonly #caller: Caller;
  readonly #open: Init<typeof OpenSchema>;
  readonly #logger: Logger;
  readonly #rooms: SeenRooms;
  readonly #incoming = new Outbox<LiveItem>(INCOMING_ITEMS);
  /** Delivery ids that are handled (true) or wait for the loop (false), oldest first. */
  readonly #known = new Map<string, boolean>();
  readonly #pending = new Map<bigint, PendingSend>();
  readonly #closing = new AbortController();
  #outbox = new Outbox<Request>(OUTGOING_FRAMES);
  #isOpen = false;
  /** What the server takes in one message, as it said last. */
  #limitBytes = Number.POSITIVE_INFINITY;
  #largestSignalBytes = 0;
  #sendIds = 0n;
  #kept: Promise<void> | undefined;
  #ended: RoomdError | undefined;
  #opened!: () => void;
  #refused!: (error: RoomdError) => void;

  constructor(caller: Caller, { logger, roomIds, noRooms, ...open }: LiveOptions) {
    this.#caller = caller;
    this.#logger = logger ?? quietConsole;
    this.#open = { ...open, acknowledges: true };
    this.#rooms = new SeenRooms(roomIds, noRooms);
  }

  /**
   * Connects.
   *
   * @throws RoomdError - The server refused it, or it is not there after 15 s; it is still
   * dialled then.
   */
  async open(): Promise<this> {
    if (this.#kept !== undefined) {
      throw new TypeError("this connection was opened before");
    }
    const opened = new Promise<void>((resolve, reject) => {
      this.#opened = resolve;
      this.#refused = reject;
    });
    this.#kept = this.#stayConnected();
    const patience = new AbortController();
    const late = sleep(OPEN_MS, patience.signal).then(() => {
      const message = `not open within ${OPEN_MS / 1000} s; it is still being dialled`;
      throw new RoomdError(message, Code.Unavailable);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([opened, late]);
    } finally {
      patience.abort();
    }
    return this;
  }

  /**
   * Sends a message; returns what became of it.
   *
   * A message that a hook blocked is a result with `outcome`, not an error.
   *
   * @throws RoomdError - Nothing was decided. MESSAGE_TOO_LARGE: nor will it be, the message has
   * more bytes than the server takes at once; the connection goes on.
   */
  async send(message: Without<typeof SendItemSchema, "sendId">): Promise<SendResult> {
    this.#throwIfEnded();
    if (this.#pending.size >= PENDING_SENDS) {
      const words = `${PENDING_SENDS} messages wait for their answers`;
      throw new RoomdError(words, Code.ResourceExhausted, { reason: "OVERLOADED" });
    }
    this.#sendIds += 1n;
    const sendId = this.#sendIds;
    const idempotencyKey = message.idempotencyKey || newKey();
    const items = [{ ...message, sendId, idempotencyKey }];
    const frame = this.#fitting({ case: "send", value: { items } });
    return await new Promise<SendResult>((settle, fail) => {
      const backoff = new Backoff(this.#caller.reconnect);
      this.#pending.set(sendId, { frame, settle, fail, backoff });
      this.#transmit(frame);
    });
  }

  /**
   * Typing, presence, receipts, reactions; lost when the connection is down.
   *
   * @throws RoomdError - MESSAGE_TOO_LARGE, as for `send`; VALIDATION, as for `subscribe`.
   */
  async signal(roomId: string, type: EphemeralType, data?: JsonObject): Promise<void> {
    this.#throwIfEnded();
    checkRoomId(roomId, "room_id");
    if (this.#isOpen) {
      const value = { roomId, type, ...(data && { data }) };
      const { request, bytes } = this.#fitting({ case: "signal", value });
      this.#largestSignalBytes = Math.max(this.#largestSignalBytes, bytes);
      await this.#outbox.put(request);
    }
  }

  /**
   * See more rooms.
   *
   * @throws RoomdError - VALIDATION: no room has such an id; the connection goes on.
   */
  async subscribe(...roomIds: string[]): Promise<void> {
    await this.#tell(this.#rooms.show(roomIds));
  }

  /**
   * See fewer rooms; of a connection that sees all, all but these.
   *
   * @throws RoomdError - VALIDATION, as for `subscribe`.
   */
  async unsubscribe(...roomIds: string[]): Promise<void> {
    await this.#tell(this.#rooms.hide(roomIds));
  }

  /** What the connection shows; ends when it is closed. One loop at a time. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveItem, void, undefined> {
    for (;;) {
      const next = await this.#incoming.next();
      if (next.done) {
        break;
      }
      const item = next.value;
      let handled = false;
      try {
        yield item;
        handled = true;
      } finally {
        if (item.case === "event") {
          this.#settle(item.value.deliveryId, handled);
        }
      }
    }
    if (this.#ended) {
      throw this.#ended;
    }
  }

  /** Hangs up. What was sent and not answered fails: whether it was decided is not known. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#incoming.close();
    await this.#kept;
    this.#failPending(new RoomdError("the connection was closed", Code.Canceled));
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #throwIfEnded(): void {
    if (this.#ended) {
      throw this.#ended;
    }
    if (this.#closing.signal.aborted) {
      throw new RoomdError("the connection was closed", Code.Canceled);
    }
  }

  /** Say what changed to an open stream; the next one begins with it. */
  async #tell(changes: readonly RoomsChange[]): Promise<void> {
    if (this.#isOpen) {
      await Promise.all(changes.map((change) => this.#put(change)));
    }
  }

  #put(message: Message): Promise<void> {
    return this.#outbox.put({ message });
  }

  /** A message that the server takes: a larger one would end the stream, and the next one. */
  #fitting(message: Message): Frame {
    const frame = frameOf(message);
    if (frame.bytes > this.#limitBytes) {
      throw this.#tooLarge(frame);
    }
    return frame;
  }

  #tooLarge({ bytes }: Frame): RoomdError {
    const words = `the message has ${bytes} bytes, the server takes at most ${this.#limitBytes}`;
    return new RoomdError(words, Code.ResourceExhausted, { reason: TOO_LARGE });
  }

  // ---------------------------------------------------------------- the stream

  async #stayConnected(): Promise<void> {
    const backoff = new Backoff(this.#caller.reconnect);
    while (!this.#closing.signal.aborted) {
      const began = performance.now();
      let waitMs: number | undefined;
      try {
        waitMs = await this.#serve();
      } catch (failure) {
        const error = errorFrom(failure);
        if (!this.#closing.signal.aborted && isFinal(error)) {
          this.#end(error);
          return;
        }
      }
      backoff.served(performance.now() - began);
      const backoffMs = backoff.nextMs();
      await sleep(waitMs ?? backoffMs, this.#closing.signal);
    }
  }

  /** One stream; how long to wait after it, when the server said. */
  async #serve(): Promise<number | undefined> {
    // An outbox per stream: what waits in the one of a lost stream is not for this one.
    const outbox = new Outbox<Request>(OUTGOING_FRAMES);
    const open = { ...this.#open, ...this.#rooms.atFirst() };
    outbox.offer({ message: { case: "open", value: open } });
    this.#outbox = outbox;
    this.#largestSignalBytes = 0;
    const hangUp = new AbortController();
    const cut = () => hangUp.abort();
    this.#closing.signal.addEventListener("abort", cut);
    let waitMs: number | undefined;
    try {
      const method = ChannelService.method.connect;
      for await (const response of await this.#caller.bidi(method, outbox, hangUp.signal)) {
        waitMs = this.#take(response) ?? waitMs;
      }
      return waitMs;
    } catch (failure) {
      const error = errorFrom(failure);
      if (this.#isOpen && error.reason === TOO_LARGE) {
        this.#failLargest(error);
      }
      throw error;
    } finally {
      this.#isOpen = false;
      this.#closing.signal.removeEventListener("abort", cut);
      outbox.close();
      hangUp.abort();
    }
  }

  /** Handle one message; how long to wait after the stream, when it says so. */
  #take({ message }: ChannelServiceConnectResponse): number | undefined {
    switch (message.case) {
      case "opened":
        this.#takeOpened(message.value);
        break;
      case "batch":
        this.#takeBatch(message.value);
        break;
      case "closing":
        return Math.random() * milliseconds(message.value.reconnectJitter);
      default: // a newer server; or a pong
    }
    return undefined;
  }

  #takeOpened({ maxMessageBytes }: Opened): void {
    this.#isOpen = true;
    this.#limitBytes = Number(maxMessageBytes) || DEFAULT_MESSAGE_BYTES;
    this.#opened();
    void this.#tell(this.#rooms.afterOpened());
    this.#sendAgain();
  }

  #takeBatch({ deliveries, ephemerals, results, droppedEphemerals }: Batch): void {
    for (const result of results) {
      this.#takeResult(result);
    }
    for (const value of ephemerals) {
      this.#incoming.offer({ case: "ephemeral", value });
    }
    for (const value of deliveries) {
      this.#takeDelivery(value);
    }
    if (droppedEphemerals > 0n) {
      this.#logger.warn(`the server dropped ${droppedEphemerals} fleeting events: read faster`);
    }
  }

  #takeDelivery(value: ConnectionDelivery): void {
    const handled = this.#known.get(value.deliveryId);
    if (handled === true) {
      this.#acknowledge(value.deliveryId);
    } else if (handled === undefined && this.#incoming.offer({ case: "event", value })) {
      this.#known.set(value.deliveryId, false);
    }
  }

  #takeResult(result: SendResult): void {
    const pending = this.#pending.get(result.sendId);
    if (pending === undefined) {
      return;
    }
    const error = result.status?.code ? errorOfStatus(result.status) : undefined;
    if (error?.code === Code.Unavailable) {
      // Nothing was decided: it is sent again, under its key.
      const again = () => this.#pending.has(result.sendId) && this.#transmit(pending.frame);
      void sleep(pending.backoff.nextMs(), this.#closing.signal).then(again);
      return;
    }
    this.#pending.delete(result.sendId);
    if (error) {
      pending.fail(error);
    } else {
      pending.settle(result);
    }
  }

  /** What no stream has answered yet; the server knows the keys of what it took before. */
  #sendAgain(): void {
    for (const [sendId, { frame, fail }] of this.#pending) {
      if (frame.bytes <= this.#limitBytes) {
        this.#transmit(frame);
      } else {
        this.#pending.delete(sendId);
        fail(this.#tooLarge(frame));
      }
    }
  }

  /** Send when there is a stream; the next one sends all that is pending. */
  #transmit({ request }: Frame): void {
    if (this.#isOpen) {
      void this.#outbox.put(request);
    }
  }

  /**
   * The stream ended because a message was too large, all the same: a proxy may take less. Which
   * one it was is not said, but what has no answer and is the largest is too large as well: it
   * is not sent again. A signal never is.
   */
  #failLargest(error: RoomdError): void {
    let largest: [bigint, PendingSend] | undefined;
    for (const one of this.#pending) {
      if (one[1].frame.bytes > (largest?.[1].frame.bytes ?? this.#largestSignalBytes)) {
        largest = one;
      }
    }
    if (largest) {
      this.#pending.delete(largest[0]);
      largest[1].fail(error);
    }
  }

  /** A delivery was handed to the loop: acknowledge it, or take it again when it is offered. */
  #settle(deliveryId: string, handled: boolean): void {
    this.#known.delete(deliveryId);
    if (!handled) {
      return;
    }
    this.#known.set(deliveryId, true);
    this.#acknowledge(deliveryId);
    for (const [oldest, isHandled] of this.#known) {
      if (this.#known.size <= REMEMBERED) {
        break;
      }
      if (isHandled) {
        this.#known.delete(oldest);
      }
    }
  }

  #acknowledge(deliveryId: string): void {
    void this.#put({ case: "acknowledge", value: { deliveryIds: [deliveryId] } });
  }

  /** The server will never take this connection as it is. */
  #end(error: RoomdError): void {
    this.#ended = error;
    this.#refused(error);
    this.#incoming.close();
    this.#failPending(error);
    this.#logger.warn(`the connection ends: ${error.message}`);
  }

  #failPending(error: RoomdError): void {
    for (const { fail } of this.#pending.values()) {
      fail(error);
    }
    this.#pending.clear();
  }
}

function isFinal({ code }: RoomdError): boolean {
  return REFUSALS.has(code) || code === Code.NotFound;
}

/**
 * A message that can be written: one that cannot would end the stream, and the next one, and is
 * the caller's fault.
 */
function frameOf(message: Message): Frame {
  const request = create(ChannelServiceConnectRequestSchema, { message });
  return { request, bytes: toBinary(ChannelServiceConnectRequestSchema, request).byteLength };
}
