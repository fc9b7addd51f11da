/**
 * roomd for Node: rooms in which people, AI agents and programs talk through channels, and hooks
 * that look at every message before anybody sees it.
 *
 * @module
 */
import "./disposal.js";

import type { Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import type { ReconnectOptions } from "./backoff.js";
import { Caller } from "./caller.js";
import { WebClient } from "./client.js";
import { invocationHeaders } from "./invocation.js";
import type { LiveOptions } from "./live.js";
import { LiveConnection } from "./live.js";
import type { WorkerOptions } from "./worker.js";
import { Worker } from "./worker.js";

export * from "./common.js";
export type { Decision, DecisionExtras, EventModification, Findings } from "./decisions.js";
export { allow, block, modify } from "./decisions.js";
export type { Awaitable } from "./handler.js";
export { GiveUp, Retryable } from "./handler.js";
export type { HandlerCall } from "./invocation.js";
export type { LiveItem, LiveOptions } from "./live.js";
export { LiveConnection } from "./live.js";
export type { Logger } from "./logger.js";
export type { Registration } from "./registration.js";
export type {
  ChannelHandlers,
  Delivered,
  Responding,
  Router,
  RouterOptions,
} from "./serving-channels.js";
export { DeliveryFailure } from "./serving-channels.js";
export type {
  DecidingTrigger,
  DeliveryHandler,
  EventHandler,
  EventHookOptions,
  EventTrigger,
  HookAnswer,
  HookOptions,
  ObservationHandler,
  StoredHandler,
} from "./serving-hooks.js";
export type {
  ToolAnswer,
  ToolCall,
  ToolHandler,
  ToolOptions,
  ToolResult,
} from "./serving-tools.js";
export { toolResult } from "./serving-tools.js";
export type { WorkerOptions } from "./worker.js";
export { Worker } from "./worker.js";

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const KEEP_ALIVE_MS = 20_000;
const PING_TIMEOUT_MS = 10_000;
const WINDOW_BYTES = 1024 * 1024;

/** Certificates, PEM. */
export interface TlsOptions {
  /** The authority to trust in place of those that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** For servers that ask for one. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
}

/** Options of a connection to the service. */
export interface ConnectOptions {
  /** The key; none for a server on loopback that asks for none. */
  readonly apiKey?: string;
  /** Use TLS. */
  readonly tls?: boolean | TlsOptions;
  /** How lost streams are dialled again. */
  readonly reconnect?: ReconnectOptions;
  /**
   * How often a connection with open calls is asked whether it lives. Default 20 s; servers
   * refuse pings that come faster than every 10 s.
   */
  readonly keepAliveMs?: number;
  /** Around every call, for example to pass a trace on. */
  readonly interceptors?: Interceptor[];
}

/** A client of the service; its connection is dialled with the first call. */
export class Client extends WebClient implements AsyncDisposable {
  readonly #caller: Caller;
  readonly #sessions: Http2SessionManager;
  readonly #closable = new Set<AsyncDisposable>();

  /** @internal See `connect`. */
  constructor(caller: Caller, sessions: Http2SessionManager) {
    super(caller);
    this.#caller = caller;
    this.#sessions = sessions;
  }

  /** A worker that serves handlers; see `Worker`. It is closed with the client. */
  worker(options: WorkerOptions = {}): Worker {
    const worker = new Worker(this.#caller, options);
    this.#closable.add(worker);
    return worker;
  }

  /**
   * A live connection of a WebSocket-type channel; `open()` it. It is closed with the client.
   *
   * @throws RoomdError - VALIDATION: no room has such an id.
   */
  connection(options: LiveOptions): LiveConnection {
    const connection = new LiveConnection(this.#caller, options);
    this.#closable.add(connection);
    return connection;
  }

  /** Closes its workers and connections, then hangs up; calls that run fail. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#closable, (one) => one[Symbol.asyncDispose]()));
    this.#sessions.abort();
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * A client of the service at `address` (`host:port`). Nothing is dialled before it is needed, and
 * a server that goes away is dialled again.
 */
export function connect(address: string, options: ConnectOptions = {}): Client {
  const { tls = false } = options;
  const baseUrl = `${tls ? "https" : "http"}://${address}`;
  // An idle connection is asked when it is used again. Pings on it would go on when it is closed:
  // the manager's timer then throws where nobody can catch it.
  const pings = {
    pingIntervalMs: options.keepAliveMs ?? KEEP_ALIVE_MS,
    pingTimeoutMs: PING_TIMEOUT_MS,
    pingIdleConnection: false,
  };
  const sessions = new Http2SessionManager(baseUrl, pings, {
    settings: { initialWindowSize: WINDOW_BYTES },
    ...(typeof tls === "object" ? nodeTls(tls) : {}),
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: sessions,
    interceptors: options.interceptors ?? [],
    readMaxBytes: MAX_MESSAGE_BYTES,
  });
  const { apiKey, reconnect } = options;
  return new Client(
    new Caller(transport, { apiKey, reconnect, ambient: invocationHeaders }),
    sessions,
  );
}

function nodeTls({ ca, cert, key }: TlsOptions): Record<string, string | Buffer> {
  const given = Object.entries({ ca, cert, key });
  const pem = (value: string | Uint8Array) =>
    typeof value === "string" ? value : Buffer.from(value);
  return Object.fromEntries(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, pem(value)]])),
  );
}
