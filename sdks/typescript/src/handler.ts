/**
 * A handler as the worker serves it.
 *
 * @module
 */
import { Code } from "./errors.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { HandlerResultSchema, HandlerSpecSchema } from "./gen/roomd/v1/handler_pb.js";
import type { Invocation, ResultSchema } from "./gen/roomd/v1/hook_service_pb.js";
import type { Init } from "./init.js";
import { duration } from "./init.js";
import type { HandlerCall } from "./invocation.js";

const MAX_FAULT_CHARACTERS = 500;

/** A value, now or later. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What goes back. */
export type Answer = NonNullable<Init<typeof ResultSchema>["outcome"]>;

/** Sends a part of a streamed answer. */
export type Emit = (textDelta: string) => Promise<void>;

/** Something that serves invocations by a name. */
export interface Handler {
  readonly name: string;
  /** Undefined: attach to what is stored under the name. */
  readonly spec: Init<typeof HandlerSpecSchema> | undefined;
  /** Its share of the window; 0: no limit of its own. */
  readonly maxInFlight: number;
  serve(invocation: Invocation, call: HandlerCall, emit: Emit): Promise<Answer>;
}

/** Thrown by a handler that answers: it did not work now, and another attempt may. */
export class Retryable extends Error {
  override readonly name = "Retryable";
  /** Not before. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/**
 * Thrown by an observer: no other attempt will help. What a durable observer was told is parked at
 * once; after any other error it is told again, ten times by default.
 */
export class GiveUp extends Error {
  override readonly name = "GiveUp";
}

/** What a handler that is no hook answers. */
export function value(kind: NonNullable<Init<typeof HandlerResultSchema>["kind"]>): Answer {
  return { case: "value", value: { kind } };
}

/** It did not work. */
export function failure(code: Code, reason: ErrorReason, message: string): Answer {
  return { case: "failure", value: { status: { code, reason, message } } };
}

/** What a handler threw. Nobody waits for an observer: unless it gave up, it may be asked again. */
export function faultOf(error: unknown, observes = false): Answer {
  const message = String(error).slice(0, MAX_FAULT_CHARACTERS);
  const status = { code: Code.Internal, reason: ErrorReason.SERVER_FAULT, message };
  const again = error instanceof Retryable ? error : undefined;
  return {
    case: "failure",
    value: {
      status,
      retryable: again !== undefined || (observes && !(error instanceof GiveUp)),
      retryAfter: duration(again?.retryAfterMs),
    },
  };
}

/** The server asks for something that only a newer SDK knows. */
export function unknownCall(): Answer {
  const message = "this SDK does not know the call";
  return failure(Code.Unimplemented, ErrorReason.METHOD_UNKNOWN, message);
}
