/**
 * Channels and routers of the application as handlers on the worker stream.
 *
 * @module
 */
import { Code } from "./errors.js";
import type { ChannelType } from "./gen/roomd/v1/channel_pb.js";
import type { Content, ContentSchema } from "./gen/roomd/v1/content_pb.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { DeliveryResultSchema, InboundMessage } from "./gen/roomd/v1/event_pb.js";
import { DeliveryState } from "./gen/roomd/v1/event_pb.js";
import type {
  ChannelDelivery,
  ConvertedSchema,
  HandlerCall as Call,
  ResponseSchema,
  Transcode,
} from "./gen/roomd/v1/handler_pb.js";
import type { Answer, Awaitable, Emit, Handler } from "./handler.js";
import { failure, unknownCall, value } from "./handler.js";
import type { Init } from "./init.js";
import { duration } from "./init.js";
import type { HandlerCall } from "./invocation.js";

/** Thrown by `deliver`: the message did not go out, and whether to try again. */
export class DeliveryFailure extends Error {
  override readonly name = "DeliveryFailure";
  /** The provider's code. */
  readonly code: string;
  /** Whether it may pass by itself. Default true. */
  readonly retryable: boolean;
  /** The provider's wish. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: { code: string; retryable?: boolean; retryAfterMs?: number; cause?: unknown },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.retryable = facts.retryable ?? true;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** What a delivery came to. */
export interface Delivered {
  /** The provider's id of the message. */
  readonly providerMessageId?: string;
  /** Default SENT. */
  readonly state?: DeliveryState.SENT | DeliveryState.DELIVERED;
  /** Answers, tasks and observations of the channel. */
  readonly response?: Init<typeof ResponseSchema>;
}

/** What an intelligence channel answers: whole events, or text as it is written. */
export type Responding =
  | AsyncIterable<string, Init<typeof ResponseSchema> | void>
  | Awaitable<Init<typeof ResponseSchema> | undefined | void>;

/** A channel that this program serves: what it can do, and how much time it has. */
export interface ChannelHandlers {
  /**
   * Brings an event to a recipient; returns once the provider took it. Throwing fails the
   * delivery: it is tried again, unless a `DeliveryFailure` says that this is no use.
   */
  readonly deliver?: (
    delivery: ChannelDelivery,
    call: HandlerCall,
  ) => Awaitable<Delivered | undefined | void>;
  /** Answers an event. An `async function*` streams: each text that it yields is a part. */
  readonly respond?: (delivery: ChannelDelivery, call: HandlerCall) => Responding;
  /** Turns a message from outside into content. */
  readonly convert?: (
    message: InboundMessage,
    call: HandlerCall,
  ) => Awaitable<Init<typeof ConvertedSchema>>;
  /** Makes content fit a target; undefined: it cannot be shown. */
  readonly transcode?: (
    transcode: Transcode,
    call: HandlerCall,
  ) => Awaitable<Content | Init<typeof ContentSchema> | undefined>;
  /** For one call. Default 30 s; an answer that streams may take it per part. */
  readonly timeoutMs?: number;
  /** Newest events to be told in `call.context`. Default 50 for channels that respond. */
  readonly recentEvents?: number;
  /** How many calls at a time, within the worker's window. */
  readonly maxInFlight?: number;
}

/** What a router looks at. */
export interface RouterOptions {
  /** Only messages of these channel types. */
  readonly channelTypes?: readonly ChannelType[];
  /** Default 2 s; after it the built-in rules decide. */
  readonly timeoutMs?: number;
  /** How many calls at a time, within the worker's window. */
  readonly maxInFlight?: number;
}

/** Chooses the room of a message; nothing: the built-in rules do. */
export type Router = (
  message: InboundMessage,
  call: HandlerCall,
) => Awaitable<string | undefined | void>;

/** A channel of the application as a handler. */
export function channelHandler(name: string, channel: ChannelHandlers): Handler {
  const spec = {
    timeout: duration(channel.timeoutMs),
    convertsInbound: channel.convert !== undefined,
    transcodes: channel.transcode !== undefined,
    recentEvents: channel.recentEvents ?? (channel.respond ? 50 : 1),
  };
  return {
    name,
    spec: { kind: { case: "channelProvider", value: spec } },
    maxInFlight: channel.maxInFlight ?? 0,
    serve: async ({ input }, call, emit) =>
      input.case === "call"
        ? await serveChannel(channel, input.value.kind, call, emit)
        : unknownCall(),
  };
}

/** A router of the application as a handler. */
export function routerHandler(name: string, options: RouterOptions, route: Router): Handler {
  const spec = {
    channelTypes: [...(options.channelTypes ?? [])],
    timeout: duration(options.timeoutMs),
  };
  return {
    name,
    spec: { kind: { case: "inboundRouter", value: spec } },
    maxInFlight: options.maxInFlight ?? 0,
    async serve({ input }, call) {
      if (input.case !== "call" || input.value.kind.case !== "route") {
        return unknownCall();
      }
      const roomId = (await route(input.value.kind.value, call)) || "";
      return value({ case: "route", value: { roomId, decline: roomId === "" } });
    },
  };
}

async function serveChannel(
  channel: ChannelHandlers,
  kind: Call["kind"],
  call: HandlerCall,
  emit: Emit,
): Promise<Answer> {
  switch (kind.case) {
    case "deliver":
      return channel.deliver ? await deliver(channel.deliver, kind.value, call) : absent("deliver");
    case "respond":
      if (channel.respond === undefined) {
        return absent("respond");
      }
      return await respond(channel.respond(kind.value, call), emit);
    case "convert":
      return channel.convert
        ? value({ case: "converted", value: await channel.convert(kind.value, call) })
        : absent("convert");
    case "transcode": {
      if (channel.transcode === undefined) {
        return absent("transcode");
      }
      const content = await channel.transcode(kind.value, call);
      return value({ case: "transcoded", value: content ? { content } : {} });
    }
    default:
      return unknownCall();
  }
}

async function deliver(
  bring: NonNullable<ChannelHandlers["deliver"]>,
  delivery: ChannelDelivery,
  call: HandlerCall,
): Promise<Answer> {
  try {
    const { state, providerMessageId, response } = (await bring(delivery, call)) ?? {};
    const result = {
      state: state ?? DeliveryState.SENT,
      providerMessageId: providerMessageId ?? "",
    };
    return value({ case: "delivery", value: { result, ...(response && { response }) } });
  } catch (error) {
    // The channel's fault is the delivery's outcome.
    return value({ case: "delivery", value: { result: failedDelivery(error) } });
  }
}

function failedDelivery(error: unknown): Init<typeof DeliveryResultSchema> {
  const known = error instanceof DeliveryFailure ? error : undefined;
  const name = error instanceof Error ? error.name : "Error";
  const message = error instanceof Error ? error.message : String(error);
  return {
    state: DeliveryState.FAILED,
    errorCode: (known?.code ?? name).slice(0, 256),
    errorMessage: message.slice(0, 2000),
    retryable: known?.retryable ?? true,
    retryAfter: duration(known?.retryAfterMs),
  };
}

async function respond(responding: Responding, emit: Emit): Promise<Answer> {
  if (!isStream(responding)) {
    return value({ case: "response", value: (await responding) ?? {} });
  }
  const parts = responding[Symbol.asyncIterator]();
  try {
    for (;;) {
      const part = await parts.next();
      if (part.done) {
        return value({ case: "response", value: part.value ?? {} });
      }
      if (part.value) {
        await emit(part.value);
      }
    }
  } finally {
    // Also when the stream is gone: a model must not go on writing for nobody.
    await parts.return?.();
  }
}

function isStream(
  responding: Responding,
): responding is AsyncIterable<string, Init<typeof ResponseSchema> | void> {
  return (
    typeof responding === "object" && responding !== null && Symbol.asyncIterator in responding
  );
}

function absent(what: string): Answer {
  const message = `this channel does not ${what}`;
  return failure(Code.FailedPrecondition, ErrorReason.NOT_ATTACHED, message);
}
