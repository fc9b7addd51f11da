/**
 * Calls to the service: credential, deadline, repeats, typed errors.
 *
 * @module
 */
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { clone, create, isMessage } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";

import type { ReconnectOptions } from "./backoff.js";
import { Backoff, sleep } from "./backoff.js";
import type { RoomdError } from "./errors.js";
import { errorFrom } from "./errors.js";

/** For calls that wait for the cascade, which the server bounds at 60 s. */
export const DELIVERED_MS = 75_000;

/** For calls of tools, which the server ends: after at most 300 s, extended ten times that. */
export const TOOL_MS = 3_030_000;

const CALL_MS = 30_000;
/** Somebody waits for a call: it is repeated more often than a stream is dialled. */
const CALL_BACKOFF_MS = 2_000;
/** How long a call is repeated while the service is not there. */
const RETRY_MS = 60_000;

/** Options of every call. */
export interface CallOptions {
  /** Gives the call up; it fails with the signal's reason then. */
  readonly signal?: AbortSignal | undefined;
  /** For one try. Default 30 s; 75 s for calls that wait for DELIVERED; a tool ends by its own. */
  readonly timeoutMs?: number | undefined;
}

/** The same, and what only the SDK knows of a call. */
export interface UnaryOptions extends CallOptions {
  /** Whether it may be made again after this error of a service that is not there. */
  readonly mayRepeat?: (error: RoomdError) => boolean;
}

/** What a caller sends along with each call. */
export interface CallerOptions {
  readonly apiKey?: string | undefined;
  readonly reconnect?: ReconnectOptions | undefined;
  /** Headers of what this code runs in: inside a handler, its invocation and trace. */
  readonly ambient?: () => Readonly<Record<string, string>>;
}

/** Makes calls over one transport. */
export class Caller {
  readonly reconnect: ReconnectOptions;
  readonly #transport: Transport;
  readonly #options: CallerOptions;

  constructor(transport: Transport, options: CallerOptions) {
    this.#transport = transport;
    this.#options = options;
    this.reconnect = options.reconnect ?? {};
  }

  /**
   * Makes a unary call; repeats it for a minute while the service is not there.
   *
   * An error means that nothing was decided, so repeating is safe, where `mayRepeat` does not say
   * otherwise; a request with an idempotency key or request id gets one when it has none.
   *
   * @throws RoomdError
   */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    options: UnaryOptions = {},
  ): Promise<MessageShape<O>> {
    const { mayRepeat = () => true } = options;
    const message = withKey(method.input, init) as MessageInitShape<I>;
    const giveUp = performance.now() + RETRY_MS;
    const backoff = new Backoff(this.reconnect);
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        const timeoutMs = options.timeoutMs ?? CALL_MS;
        const headers = this.#headers();
        const { signal } = options;
        const response = await this.#transport.unary(method, signal, timeoutMs, headers, message);
        return response.message;
      } catch (failure) {
        options.signal?.throwIfAborted();
        const error = errorFrom(failure);
        const over = performance.now() > giveUp;
        if (error.code !== Code.Unavailable || over || !mayRepeat(error)) {
          throw error;
        }
        const waitMs = Math.min(backoff.nextMs(), CALL_BACKOFF_MS);
        await sleep(Math.max(waitMs, error.retryAfterMs ?? 0), options.signal);
      }
    }
  }

  /** Opens a stream of the server; no repeats. Failures are as the transport gives them. */
  async *serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    init: MessageInitShape<I>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const response = await this.#open(method, one(init), signal);
    yield* response;
  }

  /** Opens a stream both ways; no repeats. Failures are as the transport gives them. */
  async bidi<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
    signal: AbortSignal,
  ): Promise<AsyncIterable<MessageShape<O>>> {
    return await this.#open(method, requests, signal);
  }

  async #open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O> | DescMethodServerStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterable<MessageShape<O>>> {
    // 0: no deadline, also where the transport has a default one.
    const response = await this.#transport.stream(method, signal, 0, this.#headers(), requests);
    return response.message;
  }

  #headers(): Headers {
    const headers = new Headers(this.#options.ambient?.());
    if (this.#options.apiKey) {
      headers.set("authorization", `Bearer ${this.#options.apiKey}`);
    }
    return headers;
  }
}

/** A new key: 32 hexadecimal digits. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A request; one that creates something is safe to repeat. The caller's own is not changed. */
function withKey<I extends DescMessage>(schema: I, init: MessageInitShape<I>): MessageShape<I> {
  const message = create(schema, init);
  for (const name of ["idempotencyKey", "requestId"]) {
    if (name in schema.field && !(message as Record<string, unknown>)[name]) {
      const keyed = isMessage(init) ? clone(schema, message) : message;
      return Object.assign(keyed, { [name]: newKey() });
    }
  }
  return message;
}

async function* one<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}

/**
 * All items of a paged list, page by page as they are asked for.
 *
 * @param next - Fetches the page behind a token; '' is the first one.
 */
export async function* pages<T>(
  next: (pageToken: string) => Promise<{ items: readonly T[]; nextPageToken: string }>,
): AsyncGenerator<T, void, undefined> {
  let pageToken = "";
  do {
    const page = await next(pageToken);
    yield* page.items;
    pageToken = page.nextPageToken;
  } while (pageToken);
}
