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

/** Collects answers and hands them out in batches that fit into a message. */
export class Results {
  readonly #send: (batch: Result[]) => Promise<void>;
  #limitBytes = DEFAULT_MESSAGE_BYTES - FRAME_BYTES;
  #ready: { result: Result; bytes: number }[] = [];
  #flushing = false;

  /** @param send - Puts one batch on the stream; waits while the stream is full. */
  constructor(send: (batch: Result[]) => Promise<void>) {
    this.#send = send;
  }

  /** What the server takes in one message; 0: the default. */
  set maxMessageBytes(bytes: number) {
    this.#limitBytes = (bytes || DEFAULT_MESSAGE_BYTES) - FRAME_BYTES;
  }

  /** Send an answer with all others of this turn; one that is too large as a failure. */
  add(invocationId: string, lease: bigint, outcome: Answer): void {
    let result = create(ResultSchema, { invocationId, lease, outcome });
    let bytes = sizeOf(result);
    if (bytes > this.#limitBytes) {
      const words = `the handler's answer has ${bytes} bytes, at most ${this.#limitBytes}`;
      const outcome = failure(Code.ResourceExhausted, ErrorReason.MESSAGE_TOO_LARGE, words);
      result = create(ResultSchema, { invocationId, lease, outcome });
      bytes = sizeOf(result);
    }
    this.#ready.push({ result, bytes });
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => void this.#flush());
    }
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

function sizeOf(result: Result): number {
  return toBinary(ResultSchema, result).byteLength + ENVELOPE_BYTES;
}
