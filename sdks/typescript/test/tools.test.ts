/** Tools: served by a worker, listed and called, against a real server, too. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, DurationSchema } from "@bufbuild/protobuf/wkt";
import { didNothing } from "#src/errors.js";
import type { Client, Logger, ToolAnswer, ToolHandler, Worker } from "roomd";
import { EphemeralType, RoomdError, ToolOutcome, toolResult } from "roomd";
import * as v1 from "roomd/v1";

import type { WorkerPeer } from "./fake-server.js";
import {
  Code,
  FakeServer,
  Happenings,
  invoke,
  result,
  serving,
  takeAttach,
  welcome,
} from "./fake-server.js";
import { ABSENT, RealServer, roomWith } from "./real-server.js";
import { errorInfo, failing } from "./refusals.js";

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const WEATHER = {
  description: "The weather of a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
} as const;

async function served(run: ToolHandler) {
  const server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.tool("weather", WEATHER, run);
  const started = worker.start();
  const peer = await serving(server);
  await started;
  return { server, peer };
}

function ask(
  peer: WorkerPeer,
  args?: MessageInitShape<typeof v1.ToolCallSchema>["arguments"],
  { invocationId = "inv-0", timeoutMs = 5_000 } = {},
): void {
  const asked = {
    toolCallId: "t1",
    name: "weather",
    channelId: "ai",
    ...(args && { arguments: args }),
  };
  const input = { case: "call", value: { kind: { case: "tool", value: asked } } } as const;
  invoke(peer, "weather", { input, invocationId, timeout: durationFromMs(timeoutMs) });
}

async function answer(peer: WorkerPeer): Promise<v1.ToolResult> {
  const { outcome } = await result(peer);
  assert.equal(outcome.case, "value");
  const { kind } = outcome.value as v1.HandlerResult;
  assert.equal(kind.case, "tool");
  return kind.value as v1.ToolResult;
}

// ------------------------------------------------------------------ serving

test("a tool is attached as it was described, and with nothing else", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  const options = { ...WEATHER, channelIds: ["ai"], timeoutMs: 2500, idempotent: true };
  worker.tool("full", options, () => "");
  worker.tool("spare", { description: "d", maxInFlight: 3 }, () => "");
  const started = worker.start();
  const { handlers } = await takeAttach(await welcome(server));
  await started;
  const specs = handlers.map(({ spec }) => spec!.kind.value as v1.ToolSpec);
  assert.deepEqual(
    handlers.map(({ name, spec, maxInFlight }) => [name, spec!.kind.case, maxInFlight]),
    [
      ["full", "tool", 0],
      ["spare", "tool", 3],
    ],
  );
  const duration = create(DurationSchema, { seconds: 2n, nanos: 500_000_000 });
  assert.deepEqual(
    specs.map((one) => [one.parameters, one.channelIds, one.timeout, one.idempotent]),
    [
      [WEATHER.parameters, ["ai"], duration, true],
      [undefined, [], undefined, false],
    ],
  );
  assert.equal(specs[0]!.description, WEATHER.description);
});

test("a handler gets its arguments, and who calls", async () => {
  const seen: unknown[] = [];
  const { server, peer } = await served((args, call) => {
    const { toolCallId, name, channelId, roomId, invocationId, handler, attempt } = call;
    seen.push(args, [toolCallId, name, channelId, roomId, invocationId, handler, attempt]);
    return "";
  });
  await using _ = server;
  ask(peer, { city: "Paris", days: 3 });
  await result(peer);
  ask(peer);
  await result(peer);
  const who = ["t1", "weather", "ai", "room", "inv-0", "weather", 1];
  assert.deepEqual(seen, [{ city: "Paris", days: 3 }, who, {}, who]);
});

interface Forecast {
  readonly days: readonly string[];
  readonly until?: Date | undefined;
}
const forecast: Forecast = { days: ["sun"], until: new Date(0) };
const SAID = { days: ["sun"], until: "1970-01-01T00:00:00.000Z" };

/** What is returned, and what is sent: text, for programs, whether it is an error. */
const ANSWERS: readonly (readonly [ToolAnswer, ...unknown[]])[] = [
  ["sunny", "sunny", undefined, false],
  [{ sun: 1, rain: undefined }, '{"sun":1}', { sun: 1 }, false],
  [forecast, JSON.stringify(SAID), SAID, false],
  [[1, "two"], '[1,"two"]', undefined, false],
  [3.5, "3.5", undefined, false],
  [null, "null", undefined, false],
  [new Date(0), '"1970-01-01T00:00:00.000Z"', undefined, false],
  [toolResult("ok"), "ok", undefined, false],
  [toolResult("fine", { structured: forecast }), "fine", SAID, false],
  [toolResult("no such city", { isError: true }), "no such city", undefined, true],
];

test("what a handler returns is text, a value as JSON, or the whole result", async () => {
  const { server, peer } = await served(({ which }) => ANSWERS[Number(which)]![0]);
  await using _ = server;
  for (const [which, [, ...wanted]] of ANSWERS.entries()) {
    ask(peer, { which });
    const { text, structured, isError } = await answer(peer);
    assert.deepEqual([text, structured, isError], wanted);
  }
});

test("what cannot be an answer is a failure, and so is what is thrown", async () => {
  const wrong: Record<string, () => unknown> = {
    nothing: () => undefined,
    bigint: () => ({ rows: 1n }),
    thrown: () => {
      throw new RangeError("no such city");
    },
  };
  const run: ToolHandler = async ({ how }) => wrong[String(how)]!() as ToolAnswer;
  const { server, peer } = await served(run);
  await using _ = server;
  const failures: unknown[] = [];
  for (const how of Object.keys(wrong)) {
    ask(peer, { how });
    const { status } = (await result(peer)).outcome.value as v1.Failure;
    failures.push([status!.code, status!.message.split(":")[0]]);
  }
  assert.deepEqual(failures, [
    [Code.InvalidArgument, "a tool must return text, a value or toolResult()"],
    [Code.Internal, "TypeError"],
    [Code.Internal, "RangeError"],
  ]);
  invoke(peer, "weather", {
    input: { case: "call", value: { kind: { case: "route", value: {} } } },
  });
  assert.equal(((await result(peer)).outcome.value as v1.Failure).status?.code, Code.Unimplemented);
});

test("the types refuse what is no description, no answer, and other arguments", () => {
  const server = new FakeServer();
  const worker: Worker = server.client().worker();
  const options = { description: "d" };
  worker.tool<Forecast>("typed", options, ({ days }) => days.length);
  worker.tool<{ city: string }>("answers", options, async ({ city }) => ({ city }) as const);
  // @ts-expect-error: a model must be told what it is good for
  worker.tool("unnamed", {}, () => "");
  // @ts-expect-error: it forgets its answer
  worker.tool("nothing", options, async () => undefined);
  // @ts-expect-error: it forgets to wait
  worker.tool("promise", options, async () => Promise.resolve());
  // @ts-expect-error: not what it says that it takes
  worker.tool<{ city: string }>("other", options, ({ town }) => town);
  assert.throws(() => worker.tool("typed", options, () => ""), TypeError);
  assert.throws(() => worker.tool("list", { ...options, parameters: [] }, () => ""), TypeError);
});

test("a tool is cancelled by the server, and by its deadline; nothing is sent then", async () => {
  const reasons = new Happenings<string>();
  const { server, peer } = await served(async ({ wait }, { signal }) => {
    if (wait) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reasons.add((signal.reason as RoomdError).reason);
    }
    return "done";
  });
  await using _ = server;
  ask(peer, { wait: true }, { invocationId: "a" });
  ask(peer, { wait: false });
  assert.equal((await answer(peer)).text, "done");
  peer.send({ message: { case: "cancel", value: { invocationId: "a" } } });
  assert.equal(await reasons.next("Cancel"), "CANCELED");
  ask(peer, { wait: true }, { timeoutMs: 50 });
  assert.equal(await reasons.next("the deadline"), "DEADLINE_EXCEEDED");
  ask(peer, { wait: false });
  assert.equal((await answer(peer)).text, "done");
  assert.equal(peer.count, 0);
});

test("a tool asks for more time", async () => {
  const { server, peer } = await served(async (_, call) => {
    call.extend(4_000);
    await new Promise((resolve) => setTimeout(resolve, 120));
    return call.signal.aborted ? "cancelled" : "done";
  });
  await using _ = server;
  ask(peer, {}, { timeoutMs: 50 });
  assert.equal((await peer.expect("extend")).timeout?.seconds, 4n);
  assert.equal((await answer(peer)).text, "done");
});

// ------------------------------------------------------------------ calling

async function calling(agents: ConstructorParameters<typeof FakeServer>[0] & object) {
  const server = await new FakeServer(agents).start();
  return { server, tools: server.client().tools };
}

test("tools are listed page by page, those of a channel", async () => {
  const asked: unknown[] = [];
  const { server, tools } = await calling({
    agents: {
      listTools({ channelId, pageSize, pageToken }) {
        asked.push([channelId, pageSize, pageToken]);
        return pageToken
          ? { tools: [{ name: "b" }] }
          : { tools: [{ name: "a", attachedWorkers: 2 }], nextPageToken: "2" };
      },
    },
  });
  await using _ = server;
  const seen: unknown[] = [];
  for await (const { name, attachedWorkers } of tools.list({ channelId: "ai", pageSize: 1 })) {
    seen.push([name, attachedWorkers, asked.length]);
  }
  assert.deepEqual(seen, [
    ["a", 2, 1],
    ["b", 0, 2],
  ]);
  assert.deepEqual(asked, [
    ["ai", 1, ""],
    ["ai", 1, "2"],
  ]);
});

test("a call says for whom it is, and what became of it", async () => {
  const asked: v1.CallToolRequest[] = [];
  const { server, tools } = await calling({
    agents: {
      callTool(request) {
        asked.push(request);
        return {
          outcome: ToolOutcome.ANSWERED,
          result: { text: "sunny", structured: { sun: 1 } },
          toolCallId: request.toolCallId,
          workerId: "w",
          took: durationFromMs(2_500),
        };
      },
    },
  });
  await using _ = server;
  const about = { roomId: "r", channelId: "ai", toolCallId: "mine" };
  const args: Forecast = { days: ["mon"], until: undefined };
  const run = await tools.call("weather", args, about);
  assert.deepEqual(run, {
    outcome: ToolOutcome.ANSWERED,
    text: "sunny",
    structured: { sun: 1 },
    isError: false,
    toolCallId: "mine",
    workerId: "w",
    tookMs: 2500,
  });
  const [one] = asked;
  assert.deepEqual([one!.name, one!.roomId, one!.channelId], ["weather", "r", "ai"]);
  assert.deepEqual([one!.toolCallId, one!.arguments], ["mine", { days: ["mon"] }]);
  const ids = [(await tools.call("weather")).toolCallId, (await tools.call("weather")).toolCallId];
  assert.match(ids[0]!, /^[0-9a-f]{32}$/);
  assert.notEqual(ids[0], ids[1]);
  assert.deepEqual(asked[1]!.arguments, {});
  await assert.rejects(tools.call("weather", ["Paris"]), TypeError);
});

test("a call is made again, with its id, only when it did not run", async () => {
  const ids: string[] = [];
  const { server, tools } = await calling({
    agents: {
      callTool({ name, toolCallId }) {
        ids.push(toolCallId);
        if (name === "lost") {
          server.cut();
        }
        if (ids.length === 1) {
          throw failing(Code.Unavailable, [errorInfo("NO_WORKER")]);
        }
        return { outcome: ToolOutcome.ANSWERED, result: { text: "at last" } };
      },
    },
  });
  await using _ = server;
  assert.equal((await tools.call("busy")).text, "at last");
  assert.deepEqual([ids.length, new Set(ids).size], [2, 1]);
  const lost = await tools.call("lost").catch((error: unknown) => error);
  assert.ok(RoomdError.is(lost, "UNAVAILABLE"), String(lost));
  assert.equal(ids.length, 3);
  await server.stop();
  const waiting = tools.call("not there yet");
  await server.start();
  assert.equal((await waiting).text, "at last");
  assert.equal(ids.length, 4);
});

test("a connection that never was is told from one that was lost", () => {
  const system = (syscall: string) => Object.assign(new Error(syscall), { code: "ECONN", syscall });
  const [refused, unknown, lost] = ["connect", "getaddrinfo", "read"].map(system);
  const causes: readonly (readonly [unknown, boolean])[] = [
    [refused, true],
    [unknown, true],
    [new AggregateError([refused, refused]), true],
    [lost, false],
    [new AggregateError([refused, lost]), false],
    [new AggregateError([]), false],
    [new Error("http/2 stream closed"), false],
    [undefined, false],
  ];
  for (const [cause, nothing] of causes) {
    assert.equal(didNothing(new RoomdError("gone", Code.Unavailable, { cause })), nothing);
  }
  const facts = { reason: "NO_WORKER", cause: lost };
  assert.equal(didNothing(new RoomdError("nobody", Code.Unavailable, facts)), true);
});

test("a caller that goes away takes its call with it", async () => {
  const left = new Happenings<boolean>();
  const begun = new Happenings<true>();
  const { server, tools } = await calling({
    agents: {
      async callTool(_, { signal }) {
        begun.add(true);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        left.add(signal.aborted);
        return {};
      },
    },
  });
  await using _ = server;
  const leaving = new AbortController();
  const call = tools.call("slow", {}, { signal: leaving.signal });
  await begun.next();
  leaving.abort(new Error("changed my mind"));
  await assert.rejects(call, { message: "changed my mind" });
  assert.equal(await left.next("the end of the call"), true);
  const late = await tools.call("slow", {}, { timeoutMs: 50 }).catch((error: unknown) => error);
  assert.ok(RoomdError.is(late, "DEADLINE_EXCEEDED"));
});

// ------------------------------------------------------------------ a real server

const skip = ABSENT;
let real: RealServer;
let client: Client;

before(async () => {
  if (!skip) {
    real = await RealServer.start();
    client = real.client();
  }
});
after(async () => {
  if (!skip) {
    await real?.[Symbol.asyncDispose]();
  }
});

test("a tool is listed, called, and its arguments are checked", { skip }, async () => {
  await roomWith(client, "weather", "ws-w");
  const worker = client.worker({ workerId: "w1", logger: silent });
  const seen: unknown[] = [];
  worker.tool<{ city: string }>("weather", WEATHER, ({ city }, { roomId, channelId }) => {
    seen.push([roomId, channelId]);
    return city === "Paris" ? { sun: true } : toolResult("where?", { isError: true });
  });
  worker.tool("secret", { description: "d", channelIds: ["ai"] }, () => "");
  await worker.start();
  const names = async (channelId: string) => {
    const tools: string[] = [];
    for await (const tool of client.tools.list({ channelId, pageSize: 1 })) {
      tools.push(tool.name);
    }
    return tools;
  };
  assert.deepEqual([await names(""), await names("ws-w")], [["secret", "weather"], ["weather"]]);
  const about = { roomId: "weather", channelId: "ws-w" };
  const paris = await client.tools.call("weather", { city: "Paris" }, about);
  assert.deepEqual(
    [paris.outcome, paris.text, paris.structured, paris.isError, paris.workerId],
    [ToolOutcome.ANSWERED, '{"sun":true}', { sun: true }, false, "w1"],
  );
  const nowhere = await client.tools.call("weather", { city: "x" });
  assert.deepEqual(
    [nowhere.outcome, nowhere.text, nowhere.isError],
    [ToolOutcome.ANSWERED, "where?", true],
  );
  assert.deepEqual(seen, [
    ["weather", "ws-w"],
    ["", ""],
  ]);
  const refused = async (call: Promise<unknown>) =>
    (await call.catch((error) => error)) as RoomdError;
  const wrong = await refused(client.tools.call("weather", { city: 3 }));
  assert.deepEqual(
    [wrong.reason, wrong.code, Object.keys(wrong.violations)],
    ["VALIDATION", Code.InvalidArgument, ["arguments.city"]],
  );
  const other = await refused(client.tools.call("secret", {}, { channelId: "ws-w" }));
  assert.deepEqual([other.reason, other.code], ["TOOL_NOT_FOUND", Code.NotFound]);
  await worker.close();
});

test("a tool that fails, is late or is not waited for", { skip }, async () => {
  const worker = client.worker({ logger: silent });
  const ended = new Happenings<string>();
  const begun = new Happenings<true>();
  worker.tool("slow", { description: "Waits", timeoutMs: 200 }, async ({ ms }, call) => {
    if (!ms) {
      throw new Error("the line is dead");
    }
    call.extend(Number(ms));
    begun.add(true);
    await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    ended.add((call.signal.reason as RoomdError).reason);
    return "late";
  });
  await worker.start();
  const dead = await client.tools.call("slow");
  assert.deepEqual([dead.outcome, dead.isError], [ToolOutcome.FAILED, true]);
  assert.match(dead.text, /the line is dead/);
  const late = await client.tools.call("slow", { ms: 300 });
  assert.deepEqual([late.outcome, late.isError], [ToolOutcome.TIMEOUT, true]);
  assert.ok(late.tookMs >= 300, `${late.tookMs}`);
  assert.match(await ended.next("the deadline"), /^(DEADLINE_EXCEEDED|CANCELED)$/);
  await begun.next();
  const leaving = new AbortController();
  const call = client.tools.call("slow", { ms: 1900 }, { signal: leaving.signal });
  await begun.next();
  leaving.abort();
  await assert.rejects(call, { name: "AbortError" });
  assert.equal(await ended.next("Cancel"), "CANCELED");
  await worker.close();
});

test("those who watch a room see that a tool runs for it", { skip }, async () => {
  await roomWith(client, "watched", "ws-v");
  const worker = client.worker({ logger: silent });
  worker.tool("look", { description: "Looks" }, () => "nothing to see");
  await worker.start();
  const seen: unknown[] = [];
  for await (const { item } of client.rooms.subscribe("watched", { ephemeral: true })) {
    if (item.case === "subscribed") {
      await client.tools.call("look", {}, { roomId: "watched", channelId: "ws-v" });
    } else if (item.case === "ephemeral") {
      seen.push(EphemeralType[item.value.type]);
      if (seen.length === 2) {
        break;
      }
    }
  }
  assert.deepEqual(seen, ["TOOL_CALL_START", "TOOL_CALL_END"]);
  await worker.close();
});
