/**
 * The one error of the SDK, and how a failed call becomes one.
 *
 * @module
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";

import type { Status } from "./gen/roomd/v1/error_pb.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";

export { Code } from "@connectrpc/connect";

/**
 * Why the service refused: a name of `ErrorReason` such as `ROOM_NOT_FOUND`. Another string
 * comes from a newer server, or names the gRPC code where nobody gave a reason (`UNAVAILABLE`).
 */
export type Reason = keyof typeof ErrorReason | (string & {});

/** What an error knows besides its words. */
export interface ErrorFacts {
  readonly reason?: Reason;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * Something that the service refused or could not do. Nothing was decided then: a call may be
 * repeated with the same key.
 */
export class RoomdError extends Error {
  override readonly name = "RoomdError";
  /** The gRPC code. */
  readonly code: Code;
  /** Why. */
  readonly reason: Reason;
  /** Facts that belong to the reason, for example `room_id`, `request_id`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** With reason VALIDATION: field → the rule that it breaks. */
  readonly violations: Readonly<Record<string, string>>;
  /** How long to wait before another try, when the service says so. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, code: Code, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.reason = facts.reason || codeName(code);
    this.metadata = facts.metadata ?? {};
    this.violations = facts.violations ?? {};
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** Whether a value is this error, and for this reason when one is given. */
  static is(value: unknown, reason?: Reason): value is RoomdError {
    return value instanceof RoomdError && (reason === undefined || value.reason === reason);
  }
}

/** A code as gRPC spells it: `FAILED_PRECONDITION`. */
export function codeName(code: Code): string {
  const name = Code[code] ?? `CODE_${code}`;
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

/** The typed error of a failed call. */
export function errorFrom(failure: unknown): RoomdError {
  // A call that this SDK gave up fails with its reason, wrapped.
  const own = chainOf(failure).find((one) => one instanceof RoomdError);
  if (own) {
    return own;
  }
  const error = ConnectError.from(failure);
  const facts = readDetails(error);
  if (facts.reason) {
    return new RoomdError(error.rawMessage, error.code, { ...facts, cause: error });
  }
  if (isTransportFault(error)) {
    return new RoomdError(error.rawMessage, Code.Unavailable, { cause: error });
  }
  // Only gRPC itself, on either side, refuses without a reason, and only for the size.
  const reason = error.code === Code.ResourceExhausted ? "MESSAGE_TOO_LARGE" : codeName(error.code);
  return new RoomdError(error.rawMessage, error.code, { reason, cause: error });
}

/**
 * Whether a call that failed so did nothing for sure: the service said why it refused, or was not
 * reached.
 */
export function didNothing(error: RoomdError): boolean {
  return error.reason !== codeName(error.code) || chainOf(error).some(isUnreached);
}

/** The typed error of a status inside a stream. */
export function errorOfStatus(status: Status | undefined): RoomdError {
  const code = (status?.code ?? Code.Unknown) as Code;
  const reason = status?.reason ? ErrorReason[status.reason] : undefined;
  return new RoomdError(status?.message || codeName(code), code, { reason: reason ?? "" });
}

/**
 * Codes with which a stream would end again: it is not dialled again.
 */
export const REFUSALS: ReadonlySet<Code> = new Set([
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.InvalidArgument,
  Code.FailedPrecondition,
  Code.Unimplemented,
]);

/**
 * Whether the connection broke rather than the server answered: Node and fetch report that under
 * several codes, and servers of roomd never send these codes without a reason.
 */
function isTransportFault(error: ConnectError): boolean {
  if (/^(http\/2|protocol error)/.test(error.rawMessage)) {
    return true;
  }
  const broken = [Code.Aborted, Code.Internal, Code.Unknown, Code.Canceled, Code.DataLoss];
  return broken.includes(error.code) && chainOf(error).some(isConnectionError);
}

function isConnectionError(error: Error): boolean {
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^(E[A-Z]|UND_ERR)/.test(code)) {
    return true;
  }
  return error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
}

/** Whether there never was a connection; to a name with several addresses, to none of them. */
function isUnreached(error: unknown): boolean {
  if (error instanceof AggregateError) {
    return error.errors.length > 0 && error.errors.every(isUnreached);
  }
  const syscall: unknown = error instanceof Error && "syscall" in error && error.syscall;
  return syscall === "connect" || syscall === "getaddrinfo";
}

function chainOf(failure: unknown): Error[] {
  const chain: Error[] = [];
  let next = failure;
  while (next instanceof Error && !chain.includes(next)) {
    chain.push(next);
    next = next.cause;
  }
  return chain;
}

// ------------------------------------------------------------------ google.rpc details

/** The service's own reason and facts; without a reason when it gave none. */
function readDetails(error: ConnectError): ErrorFacts {
  let reason = "";
  let metadata: Record<string, string> = {};
  let violations: Record<string, string> = {};
  let retryAfterMs: number | undefined;
  for (const detail of error.details) {
    if (!("type" in detail)) {
      continue; // one that this side made
    }
    switch (detail.type) {
      case "google.rpc.ErrorInfo":
        ({ reason, metadata } = readErrorInfo(detail.value));
        break;
      case "google.rpc.BadRequest":
        violations = readBadRequest(detail.value);
        break;
      case "google.rpc.RetryInfo":
        retryAfterMs = readRetryInfo(detail.value);
        break;
    }
  }
  return { reason, metadata, violations, retryAfterMs };
}

/** `google.rpc.ErrorInfo`: 1 reason, 2 domain, 3 metadata. */
function readErrorInfo(bytes: Uint8Array): { reason: string; metadata: Record<string, string> } {
  let reason = "";
  const metadata: Record<string, string> = {};
  eachField(bytes, (field, reader) => {
    if (field === 1) {
      reason = reader.string();
    } else if (field === 3) {
      const [key, value] = readPair(reader.bytes());
      metadata[key] = value;
    } else {
      return false;
    }
    return true;
  });
  return { reason, metadata };
}

/** `google.rpc.BadRequest`: 1 violations of 1 field, 2 description. */
function readBadRequest(bytes: Uint8Array): Record<string, string> {
  const violations: Record<string, string> = {};
  eachField(bytes, (field, reader) => {
    if (field !== 1) {
      return false;
    }
    const [name, description] = readPair(reader.bytes());
    violations[name] = description;
    return true;
  });
  return violations;
}

/** `google.rpc.RetryInfo`: 1 a Duration of 1 seconds, 2 nanos. */
function readRetryInfo(bytes: Uint8Array): number {
  let delayMs = 0;
  eachField(bytes, (field, reader) => {
    if (field !== 1) {
      return false;
    }
    eachField(reader.bytes(), (part, inner) => {
      delayMs += part === 1 ? Number(inner.int64()) * 1000 : inner.int32() / 1e6;
      return true;
    });
    return true;
  });
  return delayMs;
}

/** Two strings, fields 1 and 2: a map entry, or a violation. */
function readPair(bytes: Uint8Array): [string, string] {
  const pair: [string, string] = ["", ""];
  eachField(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited || (field !== 1 && field !== 2)) {
      return false;
    }
    pair[field - 1] = reader.string();
    return true;
  });
  return pair;
}

/** Calls `read` for each field; it returns false for one that it leaves unread. */
function eachField(
  bytes: Uint8Array,
  read: (field: number, reader: BinaryReader, wire: WireType) => boolean,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!read(field, reader, wire)) {
      reader.skip(wire, field);
    }
  }
}
