/**
 * Answers that wait for the next write: what is ready together leaves together.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";

import { Code } from "./errors.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { Result } from "./gen/roomd/v1/hook_service_pb.js";
import { ResultSchema } from "./gen/roomd/v1/hook_service_pb.js";
import type { Answer } from "./handler.js";
import { failure } from "./handler.js";

/** Room in a message for what is around the answers. */
const FRAME_BYTES = 64 * 1024;
const DEFAULT_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Bytes around a result in its batch. */
const ENVELOPE_BYTES = 8;
const MAX_PROBLEM_CHARACTERS = 500;

interface Sized {
  readonly result: Result;
  readonly bytes: number;
}

/** Collects answers and hands them out in batches that fit into a message. */
export class Results {
  readonly #send: (batch: Result[]) => Promise<void>;
  #limitBytes = DEFAULT_MESSAGE_BYTES - FRAME_BYTES;
  #ready: Sized[] = [];
  #flushing = false;

  /** @param send - Puts one batch on the stream; waits while the stream is full. */
  constructor(send: (batch: Result[]) => Promise<void>) {
    this.#send = send;
  }

  /** What the server takes in one message; 0: the default. */
  set maxMessageBytes(bytes: number) {
    this.#limitBytes = (bytes || DEFAULT_MESSAGE_BYTES) - FRAME_BYTES;
  }

  /**
   * Send an answer with all others of this turn; one that cannot be sent as a failure, which
   * ends neither the stream nor the process.
   *
   * @returns Why a failure goes in its place; '' when none does.
   */
  add(invocationId: string, lease: bigint, outcome: Answer): string {
    const size = (outcome: Answer) => sized(create(ResultSchema, { invocationId, lease, outcome }));
    let problem = "";
    let ready: Sized;
    try {
      ready = size(outcome);
      if (ready.bytes > this.#limitBytes) {
        problem = `the handler's answer has ${ready.bytes} bytes, at most ${this.#limitBytes}`;
        ready = size(failure(Code.ResourceExhausted, ErrorReason.MESSAGE_TOO_LARGE, problem));
      }
    } catch (error) {
      // What the types refuse, and programs without types return.
      problem = `the handler's answer cannot be sent: ${error}`.slice(0, MAX_PROBLEM_CHARACTERS);
      ready = size(failure(Code.InvalidArgument, ErrorReason.VALIDATION, problem));
    }
    this.#ready.push(ready);
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => void this.#flush());
    }
    return problem;
  }

  async #flush(): Promise<void> {
    while (this.#ready.length > 0) {
      await this.#send(this.#nextBatch());
    }
    this.#flushing = false;
  }

  #nextBatch(): Result[] {
    let count = 0;
    let bytes = 0;
    for (const one of this.#ready) {
      bytes += one.bytes;
      if (count > 0 && bytes > this.#limitBytes) {
        break;
      }
      count += 1;
    }
    return this.#ready.splice(0, count).map(({ result }) => result);
  }
}

function sized(result: Result): Sized {
  return { result, bytes: toBinary(ResultSchema, result).byteLength + ENVELOPE_BYTES };
}
