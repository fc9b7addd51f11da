/**
 * What callers pass: plain objects in the shape of a message.
 *
 * @module
 */
import type { DescMessage, JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { Duration, FieldMask } from "@bufbuild/protobuf/wkt";
import { durationFromMs, durationMs, FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { create } from "@bufbuild/protobuf";

/** A message, or a plain object with its fields. */
export type Init<S extends DescMessage> = MessageInitShape<S>;

/** The same without fields that the SDK fills in. */
export type Without<S extends DescMessage, K extends string> = Omit<Init<S>, K | "$typeName">;

/** Milliseconds as the protocol says them; undefined stays undefined. */
export function duration(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : durationFromMs(Math.round(ms));
}

/** Milliseconds of a duration; 0 for one that is not set. */
export function milliseconds(value: Duration | undefined): number {
  return value === undefined ? 0 : durationMs(value);
}

/**
 * The mask of the fields that are set in a change: what is named changes, nothing else does.
 *
 * @param change - The new values.
 * @param beside - Fields that are no change: ids, etags.
 */
export function maskOf(change: object, beside: readonly string[]): FieldMask {
  const paths = Object.entries(change)
    .filter(([name, value]) => value !== undefined && !beside.includes(name))
    .filter(([name]) => !name.startsWith("$"))
    .map(([name]) => snakeCase(name));
  if (paths.length === 0) {
    throw new TypeError("nothing to change"); // an empty mask would mean everything
  }
  return create(FieldMaskSchema, { paths });
}

/** `responseVisibility` → `response_visibility`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * An object of the application as JSON says it: without what is undefined, dates as text.
 *
 * @throws TypeError - It cannot be said in JSON, or is no object then.
 */
export function jsonObject(value: object): JsonObject {
  const said: unknown = JSON.parse(JSON.stringify(value) ?? "null");
  if (!isJsonObject(said)) {
    throw new TypeError(`an object is needed, not ${JSON.stringify(said)}`);
  }
  return said;
}

/** Whether a value that was JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
