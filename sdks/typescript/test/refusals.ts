/** `google.rpc` details as they travel, made by hand: field numbers and lengths. */
import { Code, ConnectError } from "./fake-server.js";

const ascii = (value: string) => new TextEncoder().encode(value);
/** A field of bytes. */
export const field = (number: number, bytes: Uint8Array) =>
  new Uint8Array([(number << 3) | 2, bytes.length, ...bytes]);
/** An entry of two texts. */
export const pair = (key: string, value: string) =>
  new Uint8Array([...field(1, ascii(key)), ...field(2, ascii(value))]);

/** A call that fails with these details. */
export function failing(code: Code, details: { type: string; value: Uint8Array }[]): ConnectError {
  const error = new ConnectError("in words", code);
  error.details = details.map((detail) => ({ ...detail }));
  return error;
}

/** Why. */
export function errorInfo(reason: string, metadata: Record<string, string> = {}) {
  const entries = Object.entries(metadata).map(([key, value]) => [...field(3, pair(key, value))]);
  const value = [...field(1, ascii(reason)), ...field(2, ascii("roomd")), ...entries.flat()];
  return { type: "google.rpc.ErrorInfo", value: new Uint8Array(value) };
}
