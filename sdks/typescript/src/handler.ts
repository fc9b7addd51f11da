/**
 * A handler as the worker serves it.
 *
 * @module
 */
import type { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { HandlerSpecSchema } from "./gen/roomd/v1/handler_pb.js";
import type { Invocation, ResultSchema } from "./gen/roomd/v1/hook_service_pb.js";
import type { Init } from "./init.js";
import type { HandlerCall } from "./invocation.js";
import { Code } from "./errors.js";

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

/** It did not work. */
export function failure(code: Code, reason: ErrorReason, message: string): Answer {
  return { case: "failure", value: { status: { code, reason, message } } };
}

/** The server asks for something that only a newer SDK knows. */
export function unknownCall(reason: ErrorReason): Answer {
  return failure(Code.Unimplemented, reason, "this SDK does not know the call");
}
