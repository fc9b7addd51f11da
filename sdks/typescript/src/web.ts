/**
 * roomd for browsers: calls and subscriptions over gRPC-Web.
 *
 * What needs a stream both ways (workers, live connections) is not here: browsers cannot do it.
 * In front of the server stands something that speaks gRPC-Web, for example Envoy.
 *
 * @module
 */
import type { Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import type { ReconnectOptions } from "./backoff.js";
import { Caller } from "./caller.js";
import { WebClient } from "./client.js";

export * from "./common.js";

/** Options of a connection to the service. */
export interface ConnectOptions {
  /** The key. Never put one into a page that others can open: let the proxy add it. */
  readonly apiKey?: string;
  /** How lost streams are dialled again. */
  readonly reconnect?: ReconnectOptions;
  /** Around every call. */
  readonly interceptors?: Interceptor[];
  /** In place of the global one. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A client of the service behind a URL (`https://chat.example.org/api`). */
export function connect(baseUrl: string, options: ConnectOptions = {}): WebClient {
  const { apiKey, reconnect, interceptors = [], fetch } = options;
  const transport = createGrpcWebTransport({ baseUrl, interceptors, ...(fetch && { fetch }) });
  return new WebClient(new Caller(transport, { apiKey, reconnect }));
}
