/**
 * What a hook answers.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";

import type { VisibilitySchema } from "./gen/roomd/v1/channel_pb.js";
import type { ContentSchema } from "./gen/roomd/v1/content_pb.js";
import type { AddressingSchema } from "./gen/roomd/v1/event_pb.js";
import type { HookDecision, InjectedEventSchema } from "./gen/roomd/v1/hook_pb.js";
import { HookDecisionSchema, HookTrigger } from "./gen/roomd/v1/hook_pb.js";
import type { ObservationSchema, TaskSchema } from "./gen/roomd/v1/room_pb.js";
import type { Init } from "./init.js";
import { maskOf } from "./init.js";

/** What an observer, or a decision, adds to the room. */
export interface Findings {
  readonly tasks?: Init<typeof TaskSchema>[];
  readonly observations?: Init<typeof ObservationSchema>[];
}

/** What a decision may carry besides. */
export interface DecisionExtras extends Findings {
  /** Events to store and deliver besides. */
  readonly injectedEvents?: Init<typeof InjectedEventSchema>[];
  /** Kept in the event's metadata under the hook's name. */
  readonly metadata?: JsonObject;
}

/** What a deciding hook may change of an event. BEFORE_DELIVER: content and metadata. */
export interface EventModification {
  readonly content?: Init<typeof ContentSchema>;
  /** All of it, as it is to be: `{ ...event.metadata, more }`. */
  readonly metadata?: JsonObject;
  readonly visibility?: Init<typeof VisibilitySchema>;
  readonly responseVisibility?: Init<typeof VisibilitySchema>;
  readonly addressedTo?: Init<typeof AddressingSchema>;
}

/** A deciding hook's answer: from `allow`, `block` or `modify`. */
export type Decision = HookDecision;

/** Go on. */
export function allow(extras: DecisionExtras = {}): Decision {
  return create(HookDecisionSchema, { ...extras, action: { case: "allow", value: {} } });
}

/**
 * Stop: the event is stored BLOCKED.
 *
 * @param reason - Shown to the caller.
 * @param extras - `code` is machine-readable, the hook author's own.
 */
export function block(
  reason: string,
  { code = "", ...extras }: DecisionExtras & { readonly code?: string } = {},
): Decision {
  return create(HookDecisionSchema, {
    ...extras,
    action: { case: "block", value: { reason: reason || "blocked", code } },
  });
}

/**
 * Go on with changes: what is named changes, the rest stays as it is, also content of a kind
 * that this SDK does not know.
 */
export function modify(changes: EventModification, extras: DecisionExtras = {}): Decision {
  const updateMask = maskOf(changes, []);
  updateMask.paths = updateMask.paths.map((path) => `event.${path}`);
  const payload = { kind: { case: "event", value: { ...changes } } } as const;
  return create(HookDecisionSchema, {
    ...extras,
    action: { case: "modify", value: { payload, updateMask } },
  });
}

const DELIVERED = ["event.content", "event.metadata"];
const BROADCAST = [
  ...DELIVERED,
  "event.visibility",
  "event.response_visibility",
  "event.addressed_to",
];
const MUTABLE: ReadonlyMap<HookTrigger, readonly string[]> = new Map([
  [HookTrigger.BEFORE_BROADCAST, BROADCAST],
  [HookTrigger.BEFORE_DELIVER, DELIVERED],
]);

/**
 * What is wrong with a decision's changes; '' when nothing is. The server takes no change beside
 * these, and what a hook changed is never dropped in silence. Triggers that this SDK does not
 * know are the server's to judge.
 */
export function changedBeside(decision: HookDecision, trigger: HookTrigger): string {
  const mutable = MUTABLE.get(trigger);
  if (decision.action.case !== "modify" || mutable === undefined) {
    return "";
  }
  const paths = decision.action.value.updateMask?.paths ?? [];
  const wrong = paths.filter((path) => !mutable.some((one) => isWithin(path, one)));
  return wrong.length > 0
    ? `the hook changed ${wrong.join(", ")}; it may change ${mutable.join(", ")}`
    : "";
}

function isWithin(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}.`);
}
