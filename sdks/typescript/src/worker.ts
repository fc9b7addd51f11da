/**
 * The worker: handlers attach by name, work comes in, answers go out.
 *
 * Its stream is kept for ever: lost, or left because the server stops, it is dialled again with
 * full jitter; grown old, it is left once a new one is attached.
 *
 * @module
 */
import "./disposal.js";

import { hostname } from "node:os";

import type { JsonObject } from "@bufbuild/protobuf";

import { Backoff, sleep } from "./backoff.js";
import type { Caller } from "./caller.js";
import { newKey } from "./caller.js";
import { Code, errorFrom, errorOfStatus, REFUSALS, RoomdError } from "./errors.js";
import type {
  Attached,
  Detached,
  Drain,
  HelloSchema,
  SetWindowSchema,
} from "./gen/roomd/v1/hook_service_pb.js";
import { Drain_Reason } from "./gen/roomd/v1/hook_service_pb.js";
import type { Handler } from "./handler.js";
import type { Init } from "./init.js";
import { milliseconds } from "./init.js";
import type { Logger } from "./logger.js";
import { quietConsole } from "./logger.js";
import { Registration } from "./registration.js";
import type { ChannelHandlers, Router, RouterOptions } from "./serving-channels.js";
import { channelHandler, routerHandler } from "./serving-channels.js";
import type {
  DeliveryHandler,
  EventHandler,
  EventHookOptions,
  EventTrigger,
  HookOptions,
  ObservationHandler,
  StoredHandler,
} from "./serving-hooks.js";
import { deliveryHook, eventHook, observationHook, storedHook } from "./serving-hooks.js";
import type { ToolHandler, ToolOptions } from "./serving-tools.js";
import { toolHandler } from "./serving-tools.js";
import { SDK_NAME, SDK_VERSION } from "./version.js";
import { WorkerStream } from "./worker-stream.js";

const PROTOCOL_REVISION = 1;
const ATTACH_MS = 15_000;
const CLOSE_MS = 5_000;

/** Options of a worker. */
export interface WorkerOptions {
  /** Its name for operators, the same over all its streams. Default: made from the host. */
  readonly workerId?: string;
  /** Give handlers that others serve with other settings the settings of this worker. */
  readonly takeover?: boolean;
  /** How much may be outstanding; what is left out is the server's default. */
  readonly window?: Init<typeof SetWindowSchema>;
  /** Shown to operators. */
  readonly labels?: Record<string, string>;
  /** Default: warnings and errors to stderr. */
  readonly logger?: Logger;
}

/** Serves handlers over one stream at a time (two while it moves). */
export class Worker implements AsyncDisposable {
  readonly #caller: Caller;
  readonly #takeover: boolean;
  readonly #logger: Logger;
  readonly #hello: Init<typeof HelloSchema>;
  readonly #registrations = new Map<string, Registration>();
  readonly #streams = new Set<WorkerStream>();
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  #stream: WorkerStream | undefined;
  #connections = new Set<Promise<void>>();
  #attachIds = 0n;
  #waiting: Registration[] = [];
  /** Why nothing is served any more. */
  #ended: RoomdError | undefined;
  #resolveClosed!: () => void;
  #rejectClosed!: (error: RoomdError) => void;
  /**
   * Resolved when the worker was closed; rejected with a `RoomdError` when the server will never
   * take it as it is (a revoked key, an old protocol): it is not dialled again then.
   */
  readonly closed: Promise<void>;

  constructor(caller: Caller, options: WorkerOptions = {}) {
    this.#caller = caller;
    this.#takeover = options.takeover ?? false;
    this.#logger = options.logger ?? quietConsole;
    this.#backoff = new Backoff(caller.reconnect);
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    this.closed.catch(() => undefined); // whoever wants to know awaits it
    this.#hello = {
      protocolRevision: PROTOCOL_REVISION,
      workerId: options.workerId || `${hostname()}-${process.pid}-${newKey().slice(0, 6)}`,
      sdkName: SDK_NAME,
      sdkVersion: SDK_VERSION,
      labels: options.labels ?? {},
      ...(options.window && { window: options.window }),
    };
  }

  // ---------------------------------------------------------------- handlers

  /**
   * A hook on events. On BEFORE_BROADCAST and BEFORE_DELIVER it decides, by returning `allow()`,
   * `block(reason)` or `modify(changes)`; on all others it watches what has happened.
   *
   * A deciding hook holds its room up: a call into that room fails with WOULD_DEADLOCK. One that
   * throws or is late has not decided, and its failure policy applies.
   *
   * @param name - Unique in the organization: workers that use the same name share its work.
   */
  onEvent<T extends EventTrigger>(
    name: string,
    options: EventHookOptions<T>,
    handler: EventHandler<T>,
  ): Registration {
    return this.#register(eventHook(name, options, handler));
  }

  /** A hook on deliveries that changed their state. */
  onDelivery(name: string, options: HookOptions, handler: DeliveryHandler): Registration {
    return this.#register(deliveryHook(name, options, handler));
  }

  /** A hook on feedback. */
  onObservation(name: string, options: HookOptions, handler: ObservationHandler): Registration {
    return this.#register(observationHook(name, options, handler));
  }

  /** Serves a hook that is stored under the name (`hooks.create`), with its settings. */
  onStored(
    name: string,
    handler: StoredHandler,
    { maxInFlight = 0 }: { readonly maxInFlight?: number } = {},
  ): Registration {
    return this.#register(storedHook(name, maxInFlight, handler));
  }

  /** Serves the channels that are registered with `implementation.worker.handler` = the name. */
  serveChannel(name: string, channel: ChannelHandlers): Registration {
    return this.#register(channelHandler(name, channel));
  }

  /** Chooses rooms of inbound messages before the built-in rules do. */
  route(name: string, options: RouterOptions, router: Router): Registration {
    return this.#register(routerHandler(name, options, router));
  }

  /**
   * Serves a tool that AIs call, as `name`. Throwing fails the call; what a model should know and
   * act upon is `toolResult(words, { isError: true })`.
   */
  tool<A extends object = JsonObject>(
    name: string,
    options: ToolOptions,
    handler: ToolHandler<A>,
  ): Registration {
    return this.#register(toolHandler(name, options, handler));
  }

  #register(handler: Handler): Registration {
    if (this.#registrations.has(handler.name)) {
      throw new TypeError(`${handler.name} is served by this worker already`);
    }
    const registration = new Registration(handler, () => this.#unregister(handler.name));
    this.#registrations.set(handler.name, registration);
    this.#waiting.push(registration);
    return registration;
  }

  #unregister(name: string): void {
    if (this.#registrations.delete(name) && this.#stream?.open) {
      this.#stream.detach([name]);
    }
    this.#waiting = this.#waiting.filter((one) => one.handler.name !== name);
  }

  // ---------------------------------------------------------------- life

  /**
   * Brings what was registered to the server, together; returns when it is served. May be called
   * again after more was registered.
   *
   * @throws RoomdError - The server refused one (the others are served), or it is not there after
   * 15 s; it is still dialled then.
   */
  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    const began = this.#begin();
    const patience = AbortSignal.timeout(ATTACH_MS);
    const given = signal ? AbortSignal.any([signal, patience]) : patience;
    const late = new Promise<never>((_, reject) => {
      given.addEventListener("abort", () => reject(signal?.aborted ? signal.reason : notYet()));
    });
    await Promise.race([began, late]);
  }

  /**
   * Serves until SIGTERM, SIGINT or `signal`, then closes: outstanding answers are finished. A
   * server that is not there yet is waited for.
   *
   * @throws RoomdError - The server refused a handler, or will never take this worker as it is.
   */
  async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const stop = new AbortController();
    const end = () => stop.abort();
    const stopped = new Promise<void>((resolve) => {
      stop.signal.addEventListener("abort", () => resolve());
    });
    process.once("SIGTERM", end).once("SIGINT", end);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) {
      end();
    }
    try {
      const ended = Promise.race([stopped, this.closed]);
      await Promise.race([this.#begin(), ended]);
      await ended;
    } finally {
      process.off("SIGTERM", end).off("SIGINT", end);
      signal?.removeEventListener("abort", end);
      await this.close();
    }
  }

  /** Brings what waits to the server; ends when all of it is served. */
  async #begin(): Promise<void> {
    if (this.#ended) {
      throw this.#ended;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#stream === undefined) {
      this.#stream = this.#newStream();
      this.#connect(this.#stream);
    } else if (this.#stream.open && waiting.length > 0) {
      this.#attach(this.#stream, waiting);
    }
    for (const outcome of await Promise.allSettled(waiting.map((one) => one.attached))) {
      if (outcome.status === "rejected") {
        throw outcome.reason;
      }
    }
  }

  /** Says goodbye, lets what runs finish for at most `graceMs` (5 s), and hangs up. */
  async close({ graceMs = CLOSE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    const closed = new RoomdError("the worker was closed", Code.Canceled);
    this.#ended ??= closed;
    this.#closing.abort();
    const connections = Promise.allSettled(this.#connections);
    if (graceMs > 0) {
      for (const stream of this.#streams) {
        stream.sayGoodbye("closing");
      }
      const over = new AbortController();
      const open = [...this.#streams].some((stream) => stream.open);
      await Promise.race([connections, sleep(open ? graceMs : 0, over.signal)]);
      over.abort();
    }
    for (const stream of this.#streams) {
      stream.abandon();
    }
    await connections;
    for (const registration of this.#registrations.values()) {
      registration.refuse(closed);
    }
    this.#resolveClosed();
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---------------------------------------------------------------- streams

  #newStream(replaces?: WorkerStream): WorkerStream {
    const owner = {
      logger: this.#logger,
      handler: (name: string) => this.#registrations.get(name)?.handler,
      welcomed: (stream: WorkerStream) => this.#attach(stream, this.#registrations.values()),
      attached: (stream: WorkerStream, attached: Attached) => this.#noteAttached(stream, attached),
      detached: (detached: Detached) => this.#noteDetached(detached),
      drained: (stream: WorkerStream, drain: Drain) => this.#leave(stream, drain),
    };
    return new WorkerStream(this.#caller, owner, this.#hello, replaces);
  }

  #connect(stream: WorkerStream, waitMs = 0): void {
    const connection = this.#stayConnected(stream, waitMs).finally(() => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
  }

  async #stayConnected(first: WorkerStream, waitMs: number): Promise<void> {
    let stream = first;
    if (waitMs > 0) {
      await sleep(waitMs, this.#closing.signal);
    }
    while (!this.#closing.signal.aborted) {
      this.#stream = stream;
      this.#streams.add(stream);
      try {
        await stream.serve();
      } catch (error) {
        const lost = errorFrom(error);
        if (REFUSALS.has(lost.code)) {
          this.#giveUp(lost);
          return;
        }
        if (!this.#closing.signal.aborted) {
          this.#logger.warn(`the worker stream was lost: ${lost.message}; dialling again`);
        }
      } finally {
        this.#streams.delete(stream);
      }
      if (this.#stream !== stream) {
        return; // another one took its place
      }
      this.#backoff.served(stream.servedMs);
      const backoffMs = this.#backoff.nextMs();
      await sleep(stream.waitMs ?? backoffMs, this.#closing.signal);
      stream = this.#newStream(stream.replaces);
    }
  }

  /** The server will never take this worker as it is. */
  #giveUp(error: RoomdError): void {
    this.#logger.error(`the worker stream ends and is not dialled again: ${error.message}`);
    this.#ended = error;
    for (const registration of this.#registrations.values()) {
      registration.refuse(error);
    }
    this.#rejectClosed(error);
  }

  /** Leave a stream that the server wants to end. */
  #leave(stream: WorkerStream, drain: Drain): void {
    if (drain.reason === Drain_Reason.MAX_AGE && this.#stream !== stream) {
      return; // being replaced already; left before that, its session hooks would go
    }
    if (drain.reason !== Drain_Reason.MAX_AGE) {
      this.#logger.info("the server drains; dialling again");
      stream.waitMs = Math.random() * milliseconds(drain.reconnectJitter);
      stream.sayGoodbye("drain");
    } else if (!this.#closing.signal.aborted) {
      // The next one is attached first: session hooks go with their last stream.
      this.#logger.info("the worker stream is old; moving to a new one");
      this.#backoff.served(stream.servedMs);
      this.#stream = this.#newStream(stream);
      this.#connect(this.#stream, this.#backoff.nextMs());
    }
  }

  #attach(stream: WorkerStream, registrations: Iterable<Registration>): void {
    const handlers = Array.from(registrations, ({ handler, isWaiting }) => ({
      name: handler.name,
      ...(handler.spec && { spec: handler.spec }),
      // Once: on a later stream whoever took over meanwhile keeps it. "*": whatever is there.
      etag: this.#takeover && isWaiting ? "*" : "",
      maxInFlight: handler.maxInFlight,
    }));
    if (handlers.length === 0) {
      this.#moved(stream);
      return;
    }
    this.#attachIds += 1n;
    stream.attach(this.#attachIds, handlers);
  }

  #noteAttached(stream: WorkerStream, attached: Attached): void {
    for (const { name, status, warnings } of attached.handlers) {
      const registration = this.#registrations.get(name);
      warnings.forEach((warning) => this.#logger.warn(`${name}: ${warning}`));
      if (!status?.code) {
        registration?.take();
      } else if (!registration?.refuse(errorOfStatus(status))) {
        this.#logger.error(`${name} is served here no more: ${status.message}`);
      }
    }
    this.#moved(stream);
  }

  /** A stream serves: the one before it may end. */
  #moved(stream: WorkerStream): void {
    const before = stream.replaces;
    stream.replaces = undefined;
    before?.sayGoodbye("moved");
  }

  #noteDetached({ names, status }: Detached): void {
    if (status?.code) {
      this.#logger.warn(`served here no more: ${names.join(", ")}: ${status.message}`);
    }
  }
}

function notYet(): RoomdError {
  const message = `not attached within ${ATTACH_MS / 1000} s; the server is still being dialled`;
  return new RoomdError(message, Code.Unavailable);
}
