/**
 * Functions of the application as hooks on the worker stream.
 *
 * @module
 */
import { isMessage } from "@bufbuild/protobuf";

import type { Decision, Findings } from "./decisions.js";
import { changedBeside } from "./decisions.js";
import { Code } from "./errors.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { Delivery, RoomEvent } from "./gen/roomd/v1/event_pb.js";
import type {
  ContextSelectionSchema,
  FailurePolicy,
  HookFilterSchema,
  HookPayload,
} from "./gen/roomd/v1/hook_pb.js";
import {
  HookDecisionSchema,
  HookDelivery,
  HookMode,
  HookTrigger,
  Lifetime,
} from "./gen/roomd/v1/hook_pb.js";
import type { Invocation } from "./gen/roomd/v1/hook_service_pb.js";
import type { Observation } from "./gen/roomd/v1/room_pb.js";
import type { Answer, Awaitable, Handler } from "./handler.js";
import { failure, unknownCall } from "./handler.js";
import type { Init } from "./init.js";
import { duration } from "./init.js";
import type { HandlerCall } from "./invocation.js";

/** Triggers whose hooks decide; all others watch what has happened. */
export type DecidingTrigger = HookTrigger.BEFORE_BROADCAST | HookTrigger.BEFORE_DELIVER;

/** Triggers whose payload is an event. */
export type EventTrigger = Exclude<
  HookTrigger,
  HookTrigger.UNSPECIFIED | HookTrigger.ON_DELIVERY_STATUS | HookTrigger.ON_FEEDBACK
>;

/** What a hook on these triggers answers. */
export type HookAnswer<T> = [T] extends [DecidingTrigger] ? Decision : Findings | undefined | void;

/** How and when a hook runs; what is left out is the server's default. */
export interface HookOptions {
  /** What it looks at. */
  readonly filter?: Init<typeof HookFilterSchema>;
  /** Lower runs first; equal ones by name. */
  readonly priority?: number;
  /** Deciding: default 2 s, at most 10 s. Watching: default 30 s, at most 300 s. */
  readonly timeoutMs?: number;
  /** What happens when it does not answer. BLOCK only with lifetime PERSISTENT. */
  readonly failurePolicy?: FailurePolicy;
  /** Default SESSION: it goes with the last worker that serves it. */
  readonly lifetime?: Lifetime;
  /**
   * Watching: it misses nothing. What happens while nobody serves it waits, it is told of each room
   * in order, and again when it throws (but for a `GiveUp`); the hook stays when the worker is
   * gone.
   */
  readonly durable?: boolean;
  /** What of the room it is told, in `call.context`. Default: nothing. */
  readonly context?: Init<typeof ContextSelectionSchema>;
  /** Deciding: its decision is recorded in the trace, not applied. */
  readonly shadow?: boolean;
  /** Deciding: it only allows or blocks, beside others of its priority. */
  readonly validates?: boolean;
  /** How many invocations it takes at a time, within the worker's window. */
  readonly maxInFlight?: number;
}

/** The same with the triggers of events. */
export interface EventHookOptions<T extends EventTrigger> extends HookOptions {
  readonly trigger: T | readonly T[];
}

/** A hook on an event. */
export type EventHandler<T extends EventTrigger> = (
  event: RoomEvent,
  call: HandlerCall,
) => Awaitable<HookAnswer<T>>;

/** A hook on a delivery that changed its state. */
export type DeliveryHandler = (
  delivery: Delivery,
  call: HandlerCall,
) => Awaitable<Findings | undefined | void>;

/** A hook on feedback. */
export type ObservationHandler = (
  observation: Observation,
  call: HandlerCall,
) => Awaitable<Findings | undefined | void>;

/** A hook that is stored: whether it decides, its resource says. */
export type StoredHandler = (
  payload: HookPayload,
  call: HandlerCall,
) => Awaitable<Decision | Findings | undefined | void>;

const DECIDING: ReadonlySet<HookTrigger> = new Set([
  HookTrigger.BEFORE_BROADCAST,
  HookTrigger.BEFORE_DELIVER,
]);

type Read = (payload: HookPayload) => unknown;
type Act = (payload: never, call: HandlerCall) => Awaitable<Decision | Findings | undefined | void>;

/** A function on events as a handler. */
export function eventHook<T extends EventTrigger>(
  name: string,
  options: EventHookOptions<T>,
  act: EventHandler<T>,
): Handler {
  const triggers = typeof options.trigger === "number" ? [options.trigger] : [...options.trigger];
  const read: Read = ({ kind }) => (kind.case === "event" ? kind.value : undefined);
  return hook(name, triggers, options, read, act);
}

/** A function on delivery states as a handler. */
export function deliveryHook(name: string, options: HookOptions, act: DeliveryHandler): Handler {
  const read: Read = ({ kind }) => (kind.case === "delivery" ? kind.value : undefined);
  return hook(name, [HookTrigger.ON_DELIVERY_STATUS], options, read, act);
}

/** A function on feedback as a handler. */
export function observationHook(
  name: string,
  options: HookOptions,
  act: ObservationHandler,
): Handler {
  const read: Read = ({ kind }) => (kind.case === "observation" ? kind.value : undefined);
  return hook(name, [HookTrigger.ON_FEEDBACK], options, read, act);
}

/** A function that serves whatever is stored under the name. */
export function storedHook(name: string, maxInFlight: number, act: StoredHandler): Handler {
  const serve: Handler["serve"] = (invocation, call) =>
    serveHook(invocation, call, (payload) => payload, act);
  return { name, spec: undefined, maxInFlight, serve };
}

function hook(
  name: string,
  triggers: HookTrigger[],
  options: HookOptions,
  read: Read,
  act: Act,
): Handler {
  const { filter, priority, failurePolicy, lifetime, context, shadow } = options;
  const spec = {
    triggers,
    mode: modeOf(triggers, options.validates ?? false),
    timeout: duration(options.timeoutMs),
    lifetime: lifetime ?? (options.durable ? Lifetime.PERSISTENT : Lifetime.SESSION),
    ...(options.durable && { delivery: HookDelivery.DURABLE }),
    ...(filter && { filter }),
    ...(context && { context }),
    ...(priority !== undefined && { priority }),
    ...(failurePolicy !== undefined && { failurePolicy }),
    ...(shadow !== undefined && { shadow }),
  };
  return {
    name,
    spec: { kind: { case: "hook", value: spec } },
    maxInFlight: options.maxInFlight ?? 0,
    serve: (invocation, call) => serveHook(invocation, call, read, act),
  };
}

function modeOf(triggers: readonly HookTrigger[], validates: boolean): HookMode {
  if (!triggers.some((one) => DECIDING.has(one))) {
    return HookMode.OBSERVE;
  }
  return validates ? HookMode.VALIDATE : HookMode.DECIDE;
}

async function serveHook(
  invocation: Invocation,
  call: HandlerCall,
  read: Read,
  act: Act,
): Promise<Answer> {
  const payload = invocation.input.case === "hook" ? read(invocation.input.value) : undefined;
  if (payload === undefined) {
    return unknownCall();
  }
  const answer = await act(payload as never, call);
  const found: Findings = answer ?? {};
  if (!decides(invocation)) {
    return {
      case: "done",
      value: { tasks: found.tasks ?? [], observations: found.observations ?? [] },
    };
  }
  if (!isMessage(answer, HookDecisionSchema)) {
    const message = "a hook that decides must return allow(), block() or modify()";
    return failure(Code.InvalidArgument, ErrorReason.VALIDATION, message);
  }
  const wrong = changedBeside(answer, invocation.trigger);
  if (wrong) {
    return failure(Code.InvalidArgument, ErrorReason.MASK_NOT_MUTABLE, wrong);
  }
  return { case: "decision", value: answer };
}

/** Whether a decision is asked for; shadow hooks are not waited for and decide all the same. */
function decides({ replyExpected, trigger }: Invocation): boolean {
  return replyExpected || DECIDING.has(trigger);
}
