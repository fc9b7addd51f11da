/**
 * One stream of a worker: from Hello to its end.
 *
 * @module
 */
import type { Caller } from "./caller.js";
import { Code, errorFrom, RoomdError } from "./errors.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type {
  Attached,
  ConnectRequestSchema,
  ConnectResponse,
  Detached,
  Drain,
  HandlerSchema,
  HelloSchema,
  Invocation,
} from "./gen/roomd/v1/hook_service_pb.js";
import { HookService } from "./gen/roomd/v1/hook_service_pb.js";
import type { Answer, Handler } from "./handler.js";
import { failure, faultOf } from "./handler.js";
import type { Init } from "./init.js";
import { duration, milliseconds } from "./init.js";
import { RunningInvocation } from "./invocation.js";
import type { Logger } from "./logger.js";
import { Outbox } from "./outbox.js";
import { Results } from "./results.js";

const OUTGOING_FRAMES = 4096;
const PING_MS = 20_000;
/** A server that says nothing for so many ping intervals is gone. */
const SILENT_PINGS = 3;
/** Characters of a streamed answer in one message; at most three bytes each. */
const CHUNK_CHARACTERS = 256 * 1024;

type Request = Init<typeof ConnectRequestSchema>;
type Message = NonNullable<Request["message"]>;

/** What a stream asks and tells its worker. */
export interface StreamOwner {
  readonly logger: Logger;
  handler(name: string): Handler | undefined;
  welcomed(stream: WorkerStream): void;
  attached(stream: WorkerStream, attached: Attached): void;
  detached(detached: Detached): void;
  drained(stream: WorkerStream, drain: Drain): void;
}

/** One stream. */
export class WorkerStream {
  readonly #caller: Caller;
  readonly #owner: StreamOwner;
  readonly #hello: Init<typeof HelloSchema>;
  readonly #outbox = new Outbox<Request>(OUTGOING_FRAMES);
  readonly #running = new Map<string, RunningInvocation>();
  readonly #results: Results;
  readonly #hangUp = new AbortController();
  #silenceMs = SILENT_PINGS * PING_MS;
  #watchdog: NodeJS.Timeout | undefined;
  #welcomedAt: number | undefined;
  #ended = false;
  /** The stream that ends once this one is attached. */
  replaces: WorkerStream | undefined;
  /** How long to wait before the next stream is dialled, when the server said. */
  waitMs: number | undefined;

  constructor(
    caller: Caller,
    owner: StreamOwner,
    hello: Init<typeof HelloSchema>,
    replaces?: WorkerStream,
  ) {
    this.#caller = caller;
    this.#owner = owner;
    this.#hello = hello;
    this.replaces = replaces;
    this.#results = new Results((results) => this.#put({ case: "results", value: { results } }));
  }

  /** Whether handlers can be attached. */
  get open(): boolean {
    return this.#welcomedAt !== undefined && !this.#ended;
  }

  /** How long the server has served it. Dialling is no serving. */
  get servedMs(): number {
    return this.#welcomedAt === undefined ? 0 : performance.now() - this.#welcomedAt;
  }

  /**
   * Dial and serve until the stream ends.
   *
   * @throws RoomdError - why it ended, unless the server just closed it.
   */
  async serve(): Promise<void> {
    this.#outbox.offer({ message: { case: "hello", value: this.#hello } });
    this.#watch();
    try {
      const method = HookService.method.connect;
      const responses = await this.#caller.bidi(method, this.#outbox, this.#hangUp.signal);
      for await (const response of responses) {
        this.#watchdog?.refresh();
        this.#take(response);
      }
    } catch (failure) {
      throw errorFrom(this.#hangUp.signal.aborted ? this.#hangUp.signal.reason : failure);
    } finally {
      clearTimeout(this.#watchdog);
      this.#ended = true;
      this.#outbox.close();
      this.#hangUp.abort();
      for (const running of this.#running.values()) {
        running.cancel("the stream was lost", Code.Unavailable);
      }
      this.#running.clear();
    }
  }

  /** Serve these handlers. */
  attach(attachId: bigint, handlers: Init<typeof HandlerSchema>[]): void {
    void this.#put({ case: "attach", value: { attachId, handlers } });
  }

  /** Serve these no more. */
  detach(names: string[]): void {
    void this.#put({ case: "detach", value: { names } });
  }

  /** No new work after this; what runs is finished, then the server ends the stream. */
  sayGoodbye(reason: string): void {
    if (this.open) {
      void this.#put({ case: "goodbye", value: { reason } });
    }
  }

  /** End it at once. */
  abandon(): void {
    this.#hangUp.abort(new RoomdError("the worker was closed", Code.Canceled));
  }

  #put(message: Message): Promise<void> {
    return this.#outbox.put({ message });
  }

  /** The server lives: wait for its next message. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      const message = `the server said nothing for ${this.#silenceMs / 1000} s`;
      this.#hangUp.abort(new RoomdError(message, Code.Unavailable));
    }, this.#silenceMs);
  }

  #take({ message }: ConnectResponse): void {
    const { logger } = this.#owner;
    switch (message.case) {
      case "invocations":
        for (const invocation of message.value.invocations) {
          void this.#run(invocation);
        }
        break;
      case "welcome":
        this.#welcomedAt = performance.now();
        this.#results.maxMessageBytes = Number(message.value.maxMessageBytes);
        this.#silenceMs = SILENT_PINGS * (milliseconds(message.value.pingInterval) || PING_MS);
        this.#watch();
        this.#owner.welcomed(this);
        break;
      case "attached":
        this.#owner.attached(this, message.value);
        break;
      case "detached":
        this.#owner.detached(message.value);
        break;
      case "cancel":
        this.#running.get(message.value.invocationId)?.cancel("the server cancelled it");
        break;
      case "drain":
        this.#owner.drained(this, message.value);
        break;
      case "settled":
        logger.warn(`an answer was not applied: ${message.value.status?.message}`);
        break;
      case "notice":
        logger.warn(`${message.value.code} ${message.value.handler}: ${message.value.message}`);
        break;
      case "ping":
        void this.#put({ case: "pong", value: { nonce: message.value.nonce } });
        break;
      default: // a newer server; or a Pong
    }
  }

  // ---------------------------------------------------------------- invocations

  async #run(invocation: Invocation): Promise<void> {
    const { invocationId, lease } = invocation;
    const running = new RunningInvocation(invocation, (timeoutMs) => {
      const timeout = duration(timeoutMs);
      void this.#put({ case: "extend", value: { invocationId, lease, timeout } });
    });
    this.#running.set(invocationId, running);
    let answer: Answer;
    try {
      answer = await running.within(() => this.#answer(running));
    } catch (error) {
      // A handler's fault is its answer, not our end.
      if (!running.cancelled) {
        this.#owner.logger.error(`handler ${invocation.handler} failed`, error);
      }
      answer = faultOf(error, !invocation.replyExpected);
    }
    running.settle();
    if (this.#running.get(invocationId) === running) {
      this.#running.delete(invocationId);
    }
    if (!running.cancelled) {
      const problem = this.#results.add(invocationId, lease, answer);
      if (problem) {
        this.#owner.logger.error(`handler ${invocation.handler}: ${problem}`);
      }
    }
  }

  async #answer(running: RunningInvocation): Promise<Answer> {
    const handler = this.#owner.handler(running.handler);
    if (handler === undefined) {
      const words = "no such handler here";
      return failure(Code.FailedPrecondition, ErrorReason.NOT_ATTACHED, words);
    }
    if (running.invocation.input.case === "oversize") {
      running.invocation = await this.#fetch(running);
    }
    return await handler.serve(running.invocation, running, this.#emitter(running));
  }

  /** Sends parts of an answer, in pieces that fit into a message. */
  #emitter(running: RunningInvocation): (delta: string) => Promise<void> {
    const { invocationId, lease } = running.invocation;
    let sequence = 0n;
    return async (delta) => {
      for (const value of piecesOf(delta)) {
        running.signal.throwIfAborted();
        const chunk = { kind: { case: "textDelta", value } } as const;
        const part = { invocationId, lease, sequence, chunk };
        sequence += 1n;
        running.renew();
        await this.#put({ case: "resultChunk", value: part });
      }
    };
  }

  /** The invocation with the payload that did not fit into it. */
  async #fetch(running: RunningInvocation): Promise<Invocation> {
    const { invocation, signal } = running;
    const { invocationId, lease } = invocation;
    const method = HookService.method.getInvocationPayload;
    const timeoutMs = Math.max(100, milliseconds(invocation.timeout));
    const request = { invocationId, lease };
    const full = await this.#caller.unary(method, request, { signal, timeoutMs });
    return { ...invocation, input: full.input, ...(full.context && { context: full.context }) };
  }
}

/** A text in pieces that fit into a message; no character is cut in two. */
function* piecesOf(text: string): Generator<string, void, undefined> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + CHUNK_CHARACTERS, text.length);
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) {
      end -= 1;
    }
    yield text.slice(start, end);
    start = end;
  }
}
