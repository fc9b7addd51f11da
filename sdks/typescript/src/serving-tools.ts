/**
 * Functions of the application as tools on the worker stream.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { create, isMessage } from "@bufbuild/protobuf";

import { Code } from "./errors.js";
import { ErrorReason } from "./gen/roomd/v1/error_pb.js";
import type { ToolCall as Call, ToolResult } from "./gen/roomd/v1/tool_pb.js";
import { ToolResultSchema } from "./gen/roomd/v1/tool_pb.js";
import type { Answer, Awaitable, Handler } from "./handler.js";
import { failure, unknownCall, value } from "./handler.js";
import { duration, isJsonObject, jsonObject } from "./init.js";
import type { HandlerCall } from "./invocation.js";

export type { ToolResult } from "./gen/roomd/v1/tool_pb.js";

/** A tool as models are told of it, and how it runs. */
export interface ToolOptions {
  /** What it is good for, in words that a model reads. */
  readonly description: string;
  /**
   * JSON Schema (2020-12) of the arguments, an object. The server checks every call against it, so
   * the handler gets what it describes. Default: any object.
   */
  readonly parameters?: object;
  /** Channels whose AI may call it. Default: all. */
  readonly channelIds?: readonly string[];
  /** For one call. Default 30 s, at most 300 s; `call.extend` goes to ten times that. */
  readonly timeoutMs?: number;
  /**
   * It may run twice: a call whose worker was lost goes to the next one, with the same invocation
   * id. Default: such a call ends with the outcome LOST.
   */
  readonly idempotent?: boolean;
  /** How many calls at a time, within the worker's window. */
  readonly maxInFlight?: number;
}

/** What a tool is told besides its arguments. */
export interface ToolCall extends Omit<HandlerCall, "trigger" | "context"> {
  /** The caller's own; the same when the caller calls again. */
  readonly toolCallId: string;
  /** The tool. */
  readonly name: string;
  /** The AI channel that calls; empty: somebody who tries it. */
  readonly channelId: string;
  /** The room that it is called for; empty: none. */
  readonly roomId: string;
}

/** An object of the application; no promise, which is an object without anything to say. */
type Answered = { readonly [key: string]: unknown } | (object & { readonly then?: never });

/**
 * What a tool answers: text, a `toolResult`, or a value that the model gets as JSON. Programs get
 * a plain object as it is, too.
 */
export type ToolAnswer = string | number | boolean | null | ToolResult | Answered;

/** A tool; throwing fails the call, with the error's words. */
export type ToolHandler<A extends object = JsonObject> = (
  args: A,
  call: ToolCall,
) => Awaitable<ToolAnswer>;

/**
 * A tool's whole answer.
 *
 * @param text - What the model reads.
 * @param more - `isError`: it did not work, `text` says why, and the model decides what to do
 * about it. `structured`: the same for programs; sent as JSON.
 */
export function toolResult(
  text: string,
  more: { readonly structured?: object; readonly isError?: boolean } = {},
): ToolResult {
  const { structured, isError = false } = more;
  const said = structured && { structured: jsonObject(structured) };
  return create(ToolResultSchema, { text, isError, ...said });
}

/** A function of the application as a handler. */
export function toolHandler<A extends object>(
  name: string,
  options: ToolOptions,
  run: ToolHandler<A>,
): Handler {
  const { description, parameters, channelIds = [], idempotent = false } = options;
  const spec = {
    description,
    channelIds: [...channelIds],
    timeout: duration(options.timeoutMs),
    idempotent,
    ...(parameters && { parameters: jsonObject(parameters) }),
  };
  return {
    name,
    spec: { kind: { case: "tool", value: spec } },
    maxInFlight: options.maxInFlight ?? 0,
    async serve({ input }, call) {
      if (input.case !== "call" || input.value.kind.case !== "tool") {
        return unknownCall();
      }
      const asked = input.value.kind.value;
      return answerOf(await run((asked.arguments ?? {}) as A, toolCall(call, asked)));
    },
  };
}

function toolCall(call: HandlerCall, { toolCallId, name, channelId }: Call): ToolCall {
  const { invocationId, handler, attempt, roomId, traceContext } = call;
  return {
    ...{ toolCallId, name, channelId, invocationId, handler, attempt, roomId, traceContext },
    get signal() {
      return call.signal; // made when somebody asks for it
    },
    extend: (timeoutMs) => call.extend(timeoutMs),
  };
}

function answerOf(answer: ToolAnswer): Answer {
  if (isMessage(answer, ToolResultSchema)) {
    return value({ case: "tool", value: answer });
  }
  if (typeof answer === "string") {
    return value({ case: "tool", value: { text: answer } });
  }
  const text: string | undefined = JSON.stringify(answer);
  if (text === undefined) {
    const message = "a tool must return text, a value or toolResult()";
    return failure(Code.InvalidArgument, ErrorReason.VALIDATION, message);
  }
  const said: unknown = JSON.parse(text);
  return value({
    case: "tool",
    value: { text, ...(isJsonObject(said) && { structured: said }) },
  });
}
