/**
 * Tools that workers serve: which there are, and calling them.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";

import type { CallOptions, Caller } from "./caller.js";
import { newKey, pages, TOOL_MS } from "./caller.js";
import { didNothing } from "./errors.js";
import type { ListToolsRequestSchema } from "./gen/roomd/v1/agent_service_pb.js";
import { AgentService } from "./gen/roomd/v1/agent_service_pb.js";
import type { Tool, ToolOutcome } from "./gen/roomd/v1/tool_pb.js";
import type { Without } from "./init.js";
import { jsonObject, milliseconds } from "./init.js";

const { method } = AgentService;

/** Options of a tool's call. */
export interface ToolCallOptions extends CallOptions {
  /** The room that it is called for: its subscribers see that the tool runs. */
  readonly roomId?: string;
  /** The AI channel that calls, attached to the room. Default: somebody who tries it. */
  readonly channelId?: string;
  /** The same when the caller calls again, so that the tool can tell. Default: a new one. */
  readonly toolCallId?: string;
}

/** What became of a tool's call. */
export interface ToolRun {
  /** ANSWERED: `text` is the tool's. After all others it may have done something, or not. */
  readonly outcome: ToolOutcome;
  /** What a model reads, also when there is no answer. */
  readonly text: string;
  /** The same for programs, if the tool had more to say. */
  readonly structured: JsonObject | undefined;
  /** It did not work; `text` says why. */
  readonly isError: boolean;
  /** As called. */
  readonly toolCallId: string;
  /** Who answered. */
  readonly workerId: string;
  /** How long it took. */
  readonly tookMs: number;
}

/** Calls about tools. All fail with `RoomdError`. */
export class Tools {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Those that are served now, by name, fetched as they are asked for. */
  list(
    filter: Without<typeof ListToolsRequestSchema, "pageToken"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Tool, void, undefined> {
    return pages(async (pageToken) => {
      const page = await this.#caller.unary(method.listTools, { ...filter, pageToken }, options);
      return { items: page.tools, nextPageToken: page.nextPageToken };
    });
  }

  /**
   * Runs a tool, and cancels it when the signal is aborted.
   *
   * It did not run after TOOL_NOT_FOUND, VALIDATION (the arguments are not what its schema
   * describes), NO_WORKER (a minute long nobody took it), ROOM_NOT_FOUND, BINDING_NOT_FOUND. When
   * the connection is lost (UNAVAILABLE) it may have done something, so the call is not repeated.
   *
   * @param args - What the tool's schema describes; sent as JSON.
   */
  async call(name: string, args: object = {}, options: ToolCallOptions = {}): Promise<ToolRun> {
    const { signal, timeoutMs = TOOL_MS, toolCallId = newKey(), ...about } = options;
    const request = { ...about, name, toolCallId, arguments: jsonObject(args) };
    const how = { signal, timeoutMs, mayRepeat: didNothing };
    const response = await this.#caller.unary(method.callTool, request, how);
    return {
      outcome: response.outcome,
      text: response.result?.text ?? "",
      structured: response.result?.structured,
      isError: response.result?.isError ?? false,
      toolCallId: response.toolCallId,
      workerId: response.workerId,
      tookMs: milliseconds(response.took),
    };
  }
}
