/**
 * A server in this process that a test plays by hand: every stream is a queue of what the client
 * said and a way to answer.
 */
import type { AddressInfo } from "node:net";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import { createServer } from "node:http2";

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { ConnectError, Code } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Without } from "#src/init.js";
import { Outbox } from "#src/outbox.js";
import type { Client, ConnectOptions } from "roomd";
import { connect } from "roomd";
import * as v1 from "roomd/v1";

const PATIENCE_MS = 30_000;

type WorkerRequest = MessageShape<typeof v1.ConnectRequestSchema>;
type WorkerResponse = MessageInitShape<typeof v1.ConnectResponseSchema>;
type LiveRequest = MessageShape<typeof v1.ChannelServiceConnectRequestSchema>;
type LiveResponse = MessageInitShape<typeof v1.ChannelServiceConnectResponseSchema>;

/** A value that takes too long is a failed test, not a hang. */
export async function soon<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A queue of things that happen, for tests to wait for. */
export class Happenings<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  add(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting(item);
    } else {
      this.#items.push(item);
    }
  }

  /** The next one. */
  async next(what = "something to happen"): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) {
      return item;
    }
    return await soon(new Promise<T>((resolve) => this.#waiting.push(resolve)), what);
  }

  /** How many wait. */
  get count(): number {
    return this.#items.length;
  }
}

/** One stream both ways, seen from the server. */
export class FakeStream<I extends { message: { case?: string | undefined; value?: unknown } }, O> {
  readonly headers: Headers;
  readonly #requests = new Happenings<I>();
  readonly #responses = new Outbox<O>(10_000);
  #failure: ConnectError | undefined;
  /** When the client ended it. */
  readonly ended: Promise<void>;
  #end!: () => void;
  /** By `performance.now()`. */
  readonly openedAt = performance.now();

  constructor(requests: AsyncIterable<I>, context: HandlerContext) {
    this.headers = context.requestHeader;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    void this.#read(requests);
  }

  async #read(requests: AsyncIterable<I>): Promise<void> {
    try {
      for await (const request of requests) {
        this.#requests.add(request);
      }
    } catch {
      // the client is gone
    }
    this.#end();
  }

  send(message: O): void {
    this.#responses.offer(message);
  }

  close(failure?: ConnectError): void {
    this.#failure = failure;
    this.#responses.close();
  }

  get count(): number {
    return this.#requests.count;
  }

  /** The next message, which must be of this kind. */
  async expect<K extends NonNullable<I["message"]["case"]>>(
    kind: K,
  ): Promise<Extract<I["message"], { case: K; value: unknown }>["value"]> {
    const { message } = await this.#requests.next(kind);
    if (message.case !== kind) {
      throw new Error(`expected ${kind}, the client sent ${message.case}`);
    }
    return message.value as Extract<I["message"], { case: K; value: unknown }>["value"];
  }

  async *responses(): AsyncGenerator<O, void, undefined> {
    yield* this.#responses;
    if (this.#failure) {
      throw this.#failure;
    }
  }
}

export type WorkerPeer = FakeStream<WorkerRequest, WorkerResponse>;
export type LivePeer = FakeStream<LiveRequest, LiveResponse>;

/** The services that a test may override. */
export interface Overrides {
  readonly rooms?: Partial<ServiceImpl<typeof v1.RoomService>>;
  readonly events?: Partial<ServiceImpl<typeof v1.EventService>>;
  readonly hooks?: Partial<ServiceImpl<typeof v1.HookService>>;
  readonly agents?: Partial<ServiceImpl<typeof v1.AgentService>>;
}

/** A server on a port of its own. */
export class FakeServer implements AsyncDisposable {
  readonly workers = new Happenings<WorkerPeer>();
  readonly connections = new Happenings<LivePeer>();
  readonly #overrides: Overrides;
  readonly #clients: Client[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #peers: { close(): void }[] = [];
  #server: Http2Server | undefined;
  #port = 0;

  constructor(overrides: Overrides = {}) {
    this.#overrides = overrides;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    const server = createServer(connectNodeAdapter({ routes: (router) => this.#route(router) }));
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Cuts all connections, as a killed server does. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.cut();
    await closed;
  }

  /** Cuts all connections; new ones are taken. */
  cut(): void {
    this.#sessions.forEach((session) => session.destroy());
  }

  /** A client whose waits are short and exact. */
  client(options: ConnectOptions = {}): Client {
    const reconnect = { firstMs: 20, maxMs: 200, jitter: () => 1 };
    const client = connect(this.address, { apiKey: "rd_test", reconnect, ...options });
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(this.#clients.map((client) => client.close()));
    this.#peers.forEach((peer) => peer.close());
    await closed;
    await this.stop();
  }

  #route(
    router: Parameters<NonNullable<Parameters<typeof connectNodeAdapter>[0]["routes"]>>[0],
  ): void {
    const met = <P extends { close(): void }>(peer: P, into: Happenings<P>): P => {
      this.#peers.push(peer);
      into.add(peer);
      return peer;
    };
    router.service(v1.HookService, {
      ...this.#overrides.hooks,
      connect: (requests, context) =>
        met<WorkerPeer>(new FakeStream(requests, context), this.workers).responses(),
    });
    router.service(v1.ChannelService, {
      connect: (requests, context) =>
        met<LivePeer>(new FakeStream(requests, context), this.connections).responses(),
    });
    router.service(v1.RoomService, this.#overrides.rooms ?? {});
    router.service(v1.EventService, this.#overrides.events ?? {});
    router.service(v1.AgentService, this.#overrides.agents ?? {});
  }
}

/** The next worker stream after Hello and Welcome. */
export async function welcome(
  server: FakeServer,
  settings: MessageInitShape<typeof v1.WelcomeSchema> = {},
): Promise<WorkerPeer> {
  const peer = await server.workers.next("a worker");
  await peer.expect("hello");
  peer.send({ message: { case: "welcome", value: { protocolRevision: 1, ...settings } } });
  return peer;
}

/** The next worker stream, with everything attached that it asks for. */
export async function serving(
  server: FakeServer,
  settings: MessageInitShape<typeof v1.WelcomeSchema> = {},
): Promise<WorkerPeer> {
  const peer = await welcome(server, settings);
  await takeAttach(peer);
  return peer;
}

/** Take the next Attach. */
export async function takeAttach(peer: WorkerPeer): Promise<v1.Attach> {
  const attach = await peer.expect("attach");
  const handlers = attach.handlers.map(({ name }) => ({ name, status: { code: 0 } }));
  peer.send({ message: { case: "attached", value: { attachId: attach.attachId, handlers } } });
  return attach;
}

/** Work for a hook on a message that says `body`. */
export function invoke(
  peer: WorkerPeer,
  handler: string,
  ...works: Without<typeof v1.InvocationSchema, never>[]
): void {
  const invocations = works.map((work, number) => ({
    invocationId: `inv-${number}`,
    lease: 7n,
    attempt: 1,
    handler,
    replyExpected: true,
    trigger: v1.HookTrigger.BEFORE_BROADCAST,
    roomId: "room",
    timeout: { seconds: 5n },
    ...work,
  }));
  peer.send({ message: { case: "invocations", value: { invocations } } });
}

/** The payload of a message. */
export function saying(
  body: string,
): NonNullable<MessageInitShape<typeof v1.InvocationSchema>["input"]> {
  const content = { kind: { case: "text", value: { body } } } as const;
  return { case: "hook", value: { kind: { case: "event", value: { content } } } };
}

/** The one result that comes next. */
export async function result(peer: WorkerPeer): Promise<v1.Result> {
  const { results } = await peer.expect("results");
  if (results.length !== 1) {
    throw new Error(`expected one result, there are ${results.length}`);
  }
  return results[0]!;
}

export { Code, ConnectError };
