/**
 * Ways to break the conformance worker, below the SDK: its worker streams are wrapped.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { ConnectRequest, ConnectResponse } from "roomd/v1";
import { ConnectRequestSchema, HookService } from "roomd/v1";

/** What is sent in place of a message, on the stream of this number. */
type Outgoing = (message: ConnectRequest, stream: number) => ConnectRequest[];
/** What the SDK gets in place of a message; undefined: nothing. */
type Incoming = (message: ConnectResponse) => ConnectResponse | undefined;

const dropsSent =
  (kind: ConnectRequest["message"]["case"]): Outgoing =>
  (message) =>
    message.message.case === kind ? [] : [message];

const dropsReceived =
  (kind: ConnectResponse["message"]["case"]): Incoming =>
  (message) =>
    message.message.case === kind ? undefined : message;

const OUTGOING: Readonly<Record<string, Outgoing>> = {
  "never-pongs": dropsSent("pong"),
  "no-goodbye": dropsSent("goodbye"),
  "forgets-lease": (request) => {
    const { message } = request;
    if (message.case === "results") {
      message.value.results.forEach((result) => (result.lease = 0n));
    } else if (message.case === "resultChunk") {
      message.value.lease = 0n;
    }
    return [request];
  },
  "answers-twice": (request) =>
    request.message.case === "results" ? [request, request] : [request],
  "drops-batching": (request) => {
    const { message } = request;
    return message.case !== "results"
      ? [request]
      : message.value.results.map((result) =>
          create(ConnectRequestSchema, {
            message: { case: "results", value: { results: [result] } },
          }),
        );
  },
  "attaches-once": (request, stream) =>
    request.message.case === "attach" && stream > 1 ? [] : [request],
  "hides-failures": (request) => {
    if (request.message.case === "results") {
      for (const result of request.message.value.results) {
        if (result.outcome.case === "failure") {
          const decision = { action: { case: "allow", value: {} } } as const;
          Object.assign(result, { outcome: { case: "decision", value: decision } });
        }
      }
      return [create(ConnectRequestSchema, { message: request.message })];
    }
    return [request];
  },
  "repeats-sequence": (request) => {
    if (request.message.case === "resultChunk") {
      request.message.value.sequence = 0n;
    }
    return [request];
  },
};

const INCOMING: Readonly<Record<string, Incoming>> = {
  "ignores-cancel": dropsReceived("cancel"),
  "ignores-drain": dropsReceived("drain"),
  "loses-trace": (response) => {
    if (response.message.case === "invocations") {
      response.message.value.invocations.forEach((one) => (one.traceContext = {}));
    }
    return response;
  },
};

/** Settings of `reconnect` that a name forces. */
export const BROKEN_RECONNECT: Readonly<Record<string, object>> = {
  "resets-backoff": { steady_ms: 0 },
};

/** Whether there is such a way to break it. */
export function isBroken(name: string): boolean {
  return name in OUTGOING || name in INCOMING || name in BROKEN_RECONNECT;
}

/** Breaks worker streams in one way; '' leaves them as they are. */
export function breaking(name: string): Interceptor {
  const outgoing = OUTGOING[name] ?? ((message: ConnectRequest) => [message]);
  const incoming = INCOMING[name] ?? ((message: ConnectResponse) => message);
  let streams = 0;
  return (next) => async (request) => {
    if (!request.stream || request.method !== HookService.method.connect) {
      return await next(request);
    }
    streams += 1;
    const requests = request.message as AsyncIterable<ConnectRequest>;
    const response = await next({ ...request, message: sent(requests, outgoing, streams) });
    if (!response.stream) {
      return response;
    }
    const responses = response.message as AsyncIterable<ConnectResponse>;
    return { ...response, message: received(responses, incoming) };
  };
}

async function* sent(
  messages: AsyncIterable<ConnectRequest>,
  change: Outgoing,
  stream: number,
): AsyncGenerator<ConnectRequest, void, undefined> {
  for await (const message of messages) {
    yield* change(message, stream);
  }
}

async function* received(
  messages: AsyncIterable<ConnectResponse>,
  change: Incoming,
): AsyncGenerator<ConnectResponse, void, undefined> {
  for await (const message of messages) {
    const changed = change(message);
    if (changed) {
      yield changed;
    }
  }
}
