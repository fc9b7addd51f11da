/**
 * One piece of work at a handler: what it is told, and how it learns that it must stop.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";

import { Code, RoomdError } from "./errors.js";
import type { HookTrigger } from "./gen/roomd/v1/hook_pb.js";
import type { Invocation } from "./gen/roomd/v1/hook_service_pb.js";
import type { RoomContext } from "./gen/roomd/v1/room_pb.js";
import { milliseconds } from "./init.js";

/** Deadlines share timers of this grain. */
const GRAIN_MS = 10;

/** What a handler is told besides its payload. */
export interface HandlerCall {
  /** The same over all attempts: use it as an idempotency key. */
  readonly invocationId: string;
  /** The handler's name. */
  readonly handler: string;
  /** From 1. */
  readonly attempt: number;
  /** The room; empty for routing. */
  readonly roomId: string;
  /** Hooks: why it runs. */
  readonly trigger: HookTrigger;
  /** What of the room the handler asked to be told. */
  readonly context: RoomContext;
  /** W3C trace context: `traceparent`, `tracestate`. Calls of the handler carry it on. */
  readonly traceContext: Readonly<Record<string, string>>;
  /**
   * Aborted when nobody waits for the answer any more: cancelled, its time over, the stream lost.
   * The reason is a `RoomdError`. Whatever the handler returns then is not sent.
   */
  readonly signal: AbortSignal;
  /** Still working: asks for more time from now. Hooks never get beyond their cap. */
  extend(timeoutMs: number): void;
}

const current = new AsyncLocalStorage<Invocation>();

/**
 * Headers for calls that a handler makes: they carry its invocation, so that a call which would
 * wait for itself is refused with WOULD_DEADLOCK instead of hanging, and its trace.
 */
export function invocationHeaders(): Record<string, string> {
  const invocation = current.getStore();
  if (invocation === undefined) {
    return {};
  }
  const headers: Record<string, string> = { "roomd-invocation": invocation.invocationId };
  for (const name of ["traceparent", "tracestate"]) {
    const value = invocation.traceContext[name];
    if (value) {
      headers[name] = value;
    }
  }
  return headers;
}

/** An invocation that runs here. */
export class RunningInvocation implements HandlerCall {
  /** Says on the stream that the work goes on. */
  readonly #announce: (timeoutMs: number) => void;
  /** Made when somebody asks for the signal: most handlers do not. */
  #controller: AbortController | undefined;
  #fault: RoomdError | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** As it came, or with the payload fetched. */
  invocation: Invocation;

  constructor(invocation: Invocation, announce: (timeoutMs: number) => void) {
    this.invocation = invocation;
    this.#announce = announce;
    this.renew();
  }

  get invocationId(): string {
    return this.invocation.invocationId;
  }

  get handler(): string {
    return this.invocation.handler;
  }

  get attempt(): number {
    return this.invocation.attempt;
  }

  get roomId(): string {
    return this.invocation.roomId;
  }

  get trigger(): HookTrigger {
    return this.invocation.trigger;
  }

  get context(): RoomContext {
    return (this.invocation.context ??= {
      $typeName: "roomd.v1.RoomContext",
      bindings: [],
      participants: [],
      recentEvents: [],
    });
  }

  get traceContext(): Readonly<Record<string, string>> {
    return this.invocation.traceContext;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fault) {
        this.#controller.abort(this.#fault);
      }
    }
    return this.#controller.signal;
  }

  /** Whether an answer would not be taken any more. */
  get cancelled(): boolean {
    return this.#fault !== undefined;
  }

  extend(timeoutMs: number): void {
    if (!this.cancelled) {
      this.#announce(timeoutMs);
      this.#arm(timeoutMs);
    }
  }

  /** Its whole time again, from now: a streamed answer has it for each part. */
  renew(): void {
    if (this.invocation.timeout && !this.cancelled) {
      this.#arm(milliseconds(this.invocation.timeout));
    }
  }

  /** Run something whose calls belong to this invocation. */
  within<T>(work: () => T): T {
    return current.run(this.invocation, work);
  }

  /** Nobody waits for it any more. */
  cancel(message: string, code: Code = Code.Canceled): void {
    clearTimeout(this.#timer);
    this.#fault ??= new RoomdError(message, code);
    this.#controller?.abort(this.#fault);
  }

  /** It has ended. */
  settle(): void {
    clearTimeout(this.#timer);
  }

  #arm(timeoutMs: number): void {
    clearTimeout(this.#timer);
    const ms = Math.ceil(timeoutMs / GRAIN_MS) * GRAIN_MS;
    this.#timer = setTimeout(() => this.cancel("its time is over", Code.DeadlineExceeded), ms);
  }
}
