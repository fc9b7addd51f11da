/**
 * Handlers that do what a case says: the steps of `behave` in terms of the SDK.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { fromJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type {
  Client,
  Decision,
  EventTrigger,
  Findings,
  HandlerCall,
  Registration,
  ToolAnswer,
  ToolCall,
  Worker,
} from "roomd";
import {
  allow,
  block,
  DeliveryFailure,
  HookMode,
  HookTrigger,
  modify,
  RoomdError,
  text,
  toolResult,
} from "roomd";
import type { Content, HandlerSpec, ToolSpec } from "roomd/v1";
import { HandlerSpecSchema, HookDelivery } from "roomd/v1";

/** One step of a handler, by its name. */
type Step = Readonly<Record<string, JsonValue>>;

/** A handler as the runner describes it. */
export interface Described {
  readonly name: string;
  readonly spec: JsonValue;
  readonly behave?: Readonly<Record<string, Step[]>>;
}

/** Says what was seen. */
export type Say = (saw: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What a handler was told, for `invoked`. */
interface Heard {
  readonly text: string | null;
  readonly kind?: string | null;
  readonly trigger?: string;
}

/** Something that the SDK does not have. */
class Unsupported extends Error {}

/** Registers one handler at a worker. */
export function register(
  worker: Worker,
  client: Client,
  described: Described,
  say: Say,
): Registration {
  const { kind }: HandlerSpec = fromJson(HandlerSpecSchema, described.spec);
  const { name } = described;
  const run = new Running(described, client, say);
  switch (kind.case) {
    case "hook": {
      const { triggers, mode, priority, timeout, filter, delivery } = kind.value;
      const options = {
        trigger: triggers as EventTrigger[],
        priority,
        validates: mode === HookMode.VALIDATE,
        durable: delivery === HookDelivery.DURABLE,
        ...(filter && { filter }),
        ...(timeout && { timeoutMs: durationMs(timeout) }),
      };
      return worker.onEvent(name, options, (event, call) =>
        run.steps(
          { ...heard(event.content), trigger: `HOOK_TRIGGER_${HookTrigger[call.trigger]}` },
          call,
          (step) => decision(step, mode, event.metadata ?? {}),
        ),
      );
    }
    case "channelProvider":
      return worker.serveChannel(name, {
        deliver: ({ event }, call) => run.steps(heard(event?.content), call, delivered),
        respond: ({ event }, call) => responding(run, heard(event?.content), call),
        ...(kind.value.convertsInbound && {
          convert: ({ content }, call) =>
            run.steps(heard(content), call, ({ convert }) => ({
              content: text(String((convert as JsonObject)["text"])),
            })),
        }),
      });
    case "inboundRouter":
      return worker.route(name, {}, ({ content }, call) =>
        run.steps(heard(content), call, ({ route }) => String(route ?? "")),
      );
    case "tool":
      return worker.tool(name, toolOptions(kind.value), ({ text }, call) =>
        run.steps({ text: typeof text === "string" ? text : null }, call, answered),
      );
    default:
      throw new Unsupported(`a handler ${JSON.stringify(described.spec)}`);
  }
}

function heard(content: Content | undefined): Heard {
  const said = content?.kind.case === "text" ? content.kind.value.body : null;
  return { text: said, kind: content ? (content.kind.case ?? "unknown") : null };
}

function toolOptions({ description, parameters, channelIds, timeout, idempotent }: ToolSpec) {
  return {
    description,
    channelIds,
    idempotent,
    ...(parameters && { parameters }),
    ...(timeout && { timeoutMs: durationMs(timeout) }),
  };
}

/** A handler at work. */
class Running {
  readonly #described: Described;
  readonly #client: Client;
  readonly #say: Say;

  constructor(described: Described, client: Client, say: Say) {
    this.#described = described;
    this.#client = client;
    this.#say = say;
  }

  /** Run the steps for what was heard; `last` makes the answer of the last one. */
  async steps<T>(
    heard: Heard,
    call: HandlerCall | ToolCall,
    last: (step: Step) => T | Promise<T>,
  ): Promise<T> {
    const steps = this.stream(heard, call, async function* (step) {
      return await last(step);
    });
    return (await steps.next()).value as T;
  }

  /** The same for an answer in parts. */
  async *stream<T>(
    heard: Heard,
    call: HandlerCall | ToolCall,
    last: (step: Step) => AsyncGenerator<string, T, undefined>,
  ): AsyncGenerator<string, T, undefined> {
    const { name } = this.#described;
    const steps = this.#begin(heard, call);
    const answer = steps.pop() ?? { allow: {} };
    try {
      for (const step of steps) {
        await this.#step(step, call);
      }
      return yield* last((await this.#step(answer, call)) ? { allow: {} } : answer);
    } catch (error) {
      if (error instanceof Unsupported) {
        this.#say("unsupported", { what: error.message });
      }
      throw error;
    } finally {
      // Also when nobody asks for the next part.
      if (call.signal.aborted) {
        this.#say("cancelled", { name, id: call.invocationId });
      }
      this.#say("finished", { name, id: call.invocationId });
    }
  }

  /** Say what came; the steps to do. */
  #begin(heard: Heard, call: HandlerCall | ToolCall): Step[] {
    const { name, behave = {} } = this.#described;
    const { invocationId: id, attempt, traceContext: trace } = call;
    this.#say("invoked", { name, id, attempt, trace, ...heard });
    return [...(behave[heard.text ?? "*"] ?? behave["*"] ?? [{ allow: {} }])];
  }

  /** A step that is no answer; false for an answer. */
  async #step(step: Step, call: HandlerCall | ToolCall): Promise<boolean> {
    if ("sleep_ms" in step) {
      await pause(Number(step["sleep_ms"]), call.signal);
    } else if ("wait_cancel" in step) {
      await pause(2 ** 31 - 1, call.signal);
    } else if ("raise" in step) {
      throw new Error(String(step["raise"]));
    } else if ("call" in step) {
      await this.#call(call.roomId);
    } else {
      return false;
    }
    return true;
  }

  async #call(roomId: string): Promise<void> {
    try {
      await this.#client.rooms.get(roomId);
      this.#say("called", { ok: true, reason: "" });
    } catch (error) {
      if (!(error instanceof RoomdError)) {
        throw error;
      }
      this.#say("called", { ok: false, reason: error.reason });
    }
  }
}

/** Waits; fails with the signal's reason when it is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function decision(step: Step, mode: HookMode, metadata: JsonObject): Decision & Findings {
  if ("block" in step) {
    return block(String(step["block"]));
  }
  if ("oversize" in step) {
    return allow({ metadata: { filler: "x".repeat(Number(step["oversize"])) } });
  }
  if ("modify" in step) {
    const changes = step["modify"] as JsonObject;
    if ("text" in changes) {
      return modify({ content: text(String(changes["text"])) });
    }
    if ("metadata" in changes) {
      return modify({ metadata: { ...metadata, ...(changes["metadata"] as JsonObject) } });
    }
    // What the types refuse, and programs without types write.
    return modify({ eventId: String(changes["event_id"]) } as object);
  }
  if ("allow" in step) {
    return allowed(step["allow"] as JsonObject, mode);
  }
  throw new Unsupported(`${JSON.stringify(step)} of a hook`);
}

function allowed(extras: JsonObject, mode: HookMode): Decision {
  const { tasks, observations, inject, metadata } = extras as {
    tasks?: string[];
    observations?: string[];
    inject?: { text: string; targets?: string[] }[];
    metadata?: JsonObject;
  };
  const found = {
    tasks: (tasks ?? []).map((title) => ({ title })),
    observations: (observations ?? []).map((category) => ({ category, confidence: 0.5 })),
  };
  if (mode === HookMode.OBSERVE) {
    return found as unknown as Decision;
  }
  const injectedEvents = (inject ?? []).map((one) => ({
    event: { content: text(one.text) },
    targetChannelIds: one.targets ?? [],
  }));
  return allow({ ...found, injectedEvents, ...(metadata && { metadata }) });
}

function delivered(step: Step): { providerMessageId?: string } {
  const { message_id, error, retryable } = (step["deliver"] ?? {}) as JsonObject;
  if (error) {
    throw new DeliveryFailure(String(error), {
      code: String(error),
      retryable: retryable === undefined ? true : Boolean(retryable),
    });
  }
  return { providerMessageId: String(message_id ?? "") };
}

function answered(step: Step): ToolAnswer {
  if ("oversize" in step) {
    return "x".repeat(Number(step["oversize"]));
  }
  if ("tool_json" in step) {
    return step["tool_json"] as ToolAnswer;
  }
  if ("tool" in step) {
    const { text, structured, is_error } = step["tool"] as JsonObject;
    if (structured === undefined && is_error === undefined) {
      return String(text);
    }
    return toolResult(String(text), {
      isError: Boolean(is_error),
      ...(structured && { structured: structured as JsonObject }),
    });
  }
  throw new Unsupported(`${JSON.stringify(step)} of a tool`);
}

interface Answering {
  readonly chunks?: string[];
  readonly text?: string;
  readonly gap_ms?: number;
}

async function* responding(
  run: Running,
  heard: Heard,
  call: HandlerCall,
): AsyncGenerator<string, { events: { content: ReturnType<typeof text> }[] }, undefined> {
  return yield* run.stream(heard, call, async function* (step) {
    const { chunks = [], text: whole, gap_ms = 0 } = (step["respond"] ?? {}) as Answering;
    for (const [number, chunk] of chunks.entries()) {
      if (number > 0) {
        await pause(gap_ms, call.signal);
      }
      yield chunk;
    }
    return { events: whole === undefined ? [] : [{ content: text(whole) }] };
  });
}
