/** The worker over its stream: answers, time, sizes, unknown things. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HandlerCall, Logger, WorkerOptions } from "roomd";
import { allow, block, HookTrigger, modify, Retryable, text, textOf } from "roomd";
import * as v1 from "roomd/v1";

import {
  FakeServer,
  invoke,
  result,
  saying,
  serving,
  soon,
  takeAttach,
  welcome,
} from "./fake-server.js";

const BROADCAST = { trigger: HookTrigger.BEFORE_BROADCAST } as const;
const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A server, and a worker with one deciding hook. */
async function gate(
  handler: (event: v1.RoomEvent, call: HandlerCall) => v1.HookDecision | Promise<v1.HookDecision>,
  options: WorkerOptions = {},
) {
  const server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent, ...options });
  worker.onEvent("gate", BROADCAST, handler);
  return { server, worker };
}

test("a worker says who it is, attaches its handlers, answers with id and lease", async () => {
  const { server, worker } = await gate((event) => block(`no ${textOf(event)}`), {
    workerId: "w1",
    window: { replyWindow: 9 },
  });
  await using _ = server;
  const started = worker.start();
  const peer = await server.workers.next();
  assert.equal(peer.headers.get("authorization"), "Bearer rd_test");
  const hello = await peer.expect("hello");
  assert.equal(hello.protocolRevision, 1);
  assert.equal(hello.workerId, "w1");
  assert.equal(hello.sdkName, "roomd-typescript");
  assert.equal(hello.window?.replyWindow, 9);
  peer.send({ message: { case: "welcome", value: {} } });
  const attach = await takeAttach(peer);
  assert.equal(attach.handlers[0]?.spec?.kind.case, "hook");
  await started;
  invoke(peer, "gate", { input: saying("spam"), lease: 3n });
  const { invocationId, lease, outcome } = await result(peer);
  assert.deepEqual([invocationId, lease, outcome.case], ["inv-0", 3n, "decision"]);
  assert.equal((outcome.value as v1.HookDecision).action.case, "block");
});

test("answers that are ready together leave together, and a slow one holds up none", async () => {
  const { server, worker } = await gate(async (event) => {
    if (textOf(event) === "slow") {
      await delay(100);
    }
    return allow();
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  const works = Array.from({ length: 20 }, (_, i) => ({
    invocationId: `i${i}`,
    input: saying(i === 3 ? "slow" : "fast"),
  }));
  invoke(peer, "gate", ...works);
  assert.equal((await peer.expect("results")).results.length, 19);
  assert.equal((await result(peer)).invocationId, "i3");
});

test("a cancelled handler is told, and sends nothing", async () => {
  const reasons: unknown[] = [];
  const { server, worker } = await gate(async (event, call) => {
    if (textOf(event) === "wait") {
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      reasons.push(call.signal.reason.reason);
    }
    return allow();
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { invocationId: "a", input: saying("wait") });
  await delay(30);
  peer.send({ message: { case: "cancel", value: { invocationId: "a" } } });
  await delay(30);
  invoke(peer, "gate", { invocationId: "b", input: saying("go") });
  assert.equal((await result(peer)).invocationId, "b");
  assert.deepEqual(reasons, ["CANCELED"]);
});

test("the deadline ends a handler without a Cancel; more time can be asked for", async () => {
  const reasons: unknown[] = [];
  const { server, worker } = await gate(async (event, call) => {
    if (textOf(event) === "more") {
      call.extend(5_000);
      await delay(120);
    } else {
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      reasons.push(call.signal.reason.reason);
    }
    return allow();
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  const timeout = { nanos: 50_000_000 };
  invoke(
    peer,
    "gate",
    { invocationId: "a", input: saying("wait"), timeout },
    { invocationId: "b", input: saying("more"), timeout },
  );
  const extend = await peer.expect("extend");
  assert.deepEqual([extend.invocationId, extend.timeout?.seconds], ["b", 5n]);
  assert.equal((await result(peer)).invocationId, "b");
  assert.deepEqual(reasons, ["DEADLINE_EXCEEDED"]);
});

test("a ping is answered while handlers run", async () => {
  const { server, worker } = await gate(() => new Promise(() => undefined));
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("x") });
  peer.send({ message: { case: "ping", value: { nonce: 42n } } });
  assert.equal((await peer.expect("pong")).nonce, 42n);
});

test("a handler that throws has failed, with its words", async () => {
  const { server, worker } = await gate(() => {
    throw new RangeError("x".repeat(900));
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("x") });
  const { outcome } = await result(peer);
  assert.equal(outcome.case, "failure");
  const status = (outcome.value as v1.Failure).status!;
  assert.deepEqual([status.code, status.reason], [13, v1.ErrorReason.SERVER_FAULT]);
  assert.match(status.message, /^RangeError: x+$/);
  assert.equal(status.message.length, 500);
  assert.equal((outcome.value as v1.Failure).retryable, false);
});

test("a handler may say that another attempt is worth it, and when", async () => {
  const { server, worker } = await gate(() => {
    throw new Retryable("the archive is full", { retryAfterMs: 1500 });
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("x") });
  const failure = (await result(peer)).outcome.value as v1.Failure;
  assert.deepEqual([failure.retryable, failure.retryAfter?.nanos], [true, 500_000_000]);
});

test("an answer that is too large is a failure, and no batch outgrows a message", async () => {
  const { server, worker } = await gate((event) =>
    allow({ metadata: { filler: "x".repeat(Number(textOf(event))) } }),
  );
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server, { maxMessageBytes: 164n * 1024n });
  await started;
  invoke(
    peer,
    "gate",
    { invocationId: "a", input: saying("60000") },
    { invocationId: "b", input: saying("60000") },
    { invocationId: "c", input: saying("110000") },
  );
  const first = await peer.expect("results");
  const second = await peer.expect("results");
  assert.deepEqual(
    first.results.map((one) => one.invocationId),
    ["a"],
  );
  assert.deepEqual(
    second.results.map((one) => [one.invocationId, one.outcome.case]),
    [
      ["b", "decision"],
      ["c", "failure"],
    ],
  );
  const tooLarge = second.results[1]!.outcome.value as v1.Failure;
  assert.equal(tooLarge.status?.reason, v1.ErrorReason.MESSAGE_TOO_LARGE);
});

test("an answer that no message can hold is a failure, and ends nothing", async () => {
  const errors: string[] = [];
  const logger = { ...silent, error: (words: string) => void errors.push(words) };
  const wrong = { tasks: ["call back"] } as unknown as { tasks: { title: string }[] };
  const { server, worker } = await gate(
    (event) => (textOf(event) === "go" ? allow() : allow(wrong)),
    { logger },
  );
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("x") });
  const { status } = (await result(peer)).outcome.value as v1.Failure;
  assert.deepEqual([status?.code, status?.reason], [3, v1.ErrorReason.VALIDATION]);
  assert.match(status!.message, /^the handler's answer cannot be sent: /);
  assert.deepEqual(errors, [`handler gate: ${status!.message}`]);
  invoke(peer, "gate", { input: saying("go") });
  assert.equal((await result(peer)).outcome.case, "decision");
});

test("a payload that did not fit is fetched; the handler sees no difference", async () => {
  const asked: v1.GetInvocationPayloadRequest[] = [];
  const server = await new FakeServer({
    hooks: {
      getInvocationPayload(request) {
        asked.push(request);
        const content = { kind: { case: "text", value: { body: "large" } } } as const;
        return {
          input: { case: "hook", value: { kind: { case: "event", value: { content } } } },
          context: { room: { roomId: "r9" } },
        };
      },
    },
  }).start();
  await using _ = server;
  const worker = server.client().worker();
  worker.onEvent("gate", BROADCAST, (event, call) =>
    block(`${textOf(event)} ${call.context.room?.roomId}`),
  );
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", {
    lease: 4n,
    input: { case: "oversize", value: { sizeBytes: 2_000_000n } },
  });
  const decision = (await result(peer)).outcome.value as v1.HookDecision;
  assert.equal((decision.action.value as v1.Block).reason, "large r9");
  assert.deepEqual([asked[0]?.invocationId, asked[0]?.lease], ["inv-0", 4n]);
});

test("modify names what changed; what the trigger does not take is a failure", async () => {
  const { server, worker } = await gate((event) =>
    textOf(event) === "a"
      ? modify({ content: text("b"), metadata: { seen: true } })
      : modify({ visibility: { channelIds: ["x"] } }),
  );
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("a") });
  const { action } = (await result(peer)).outcome.value as v1.HookDecision;
  assert.deepEqual((action.value as v1.Modify).updateMask?.paths, [
    "event.content",
    "event.metadata",
  ]);
  invoke(peer, "gate", { input: saying("z"), trigger: HookTrigger.BEFORE_DELIVER });
  const { outcome } = await result(peer);
  assert.equal(outcome.case, "failure");
  assert.equal((outcome.value as v1.Failure).status?.reason, v1.ErrorReason.MASK_NOT_MUTABLE);
});

test("what a newer server says is no error, and survives", async () => {
  const seen: unknown[] = [];
  const { server, worker } = await gate((event) => {
    seen.push(event.content?.kind.case, event.type);
    return modify({ content: event.content!, metadata: { looked: true } });
  });
  await using _ = server;
  const started = worker.start();
  const peer = await serving(server);
  await started;
  // A content of kind 99 with the bytes "new", an event type 77, a stream message 88.
  const bytes = new Uint8Array([0x9a, 0x06, 3, 0x6e, 0x65, 0x77]);
  const content = fromBinary(v1.ContentSchema, bytes);
  const unknown = fromBinary(v1.ConnectResponseSchema, new Uint8Array([0xc2, 0x05, 1, 0x20]));
  peer.send(unknown);
  const event = create(v1.RoomEventSchema, { content, type: 77 as v1.EventType });
  invoke(peer, "gate", {
    input: { case: "hook", value: { kind: { case: "event", value: event } } },
  });
  const { action } = (await result(peer)).outcome.value as v1.HookDecision;
  const payload = (action.value as v1.Modify).payload!.kind.value as v1.RoomEvent;
  assert.deepEqual(seen, [undefined, 77]);
  assert.deepEqual(toBinary(v1.ContentSchema, payload.content!), bytes);
  invoke(peer, "gate", { input: { case: "call", value: {} } });
  const { outcome } = await result(peer);
  assert.equal((outcome.value as v1.Failure).status?.code, 12);
});

test("calls of a handler carry its invocation and its trace", async () => {
  const heard: Headers[] = [];
  const server = await new FakeServer({
    rooms: {
      getRoom(_, context) {
        heard.push(context.requestHeader);
        return { room: { roomId: "r" } };
      },
    },
  }).start();
  await using _ = server;
  const client = server.client();
  const worker = client.worker();
  worker.onEvent("gate", BROADCAST, async (_, call) => {
    await delay(5);
    await client.rooms.get("r");
    return allow({ metadata: { ...call.traceContext } });
  });
  const started = worker.start();
  const peer = await serving(server);
  await started;
  const traceContext = { traceparent: "00-aa-bb-01", tracestate: "v=1" };
  invoke(peer, "gate", { invocationId: "i7", input: saying("x"), traceContext });
  const decision = (await result(peer)).outcome.value as v1.HookDecision;
  assert.deepEqual(decision.metadata, traceContext);
  await client.rooms.get("r");
  const told = heard.map((one) =>
    ["roomd-invocation", "traceparent", "tracestate"].map((name) => one.get(name)),
  );
  assert.deepEqual(told, [
    ["i7", "00-aa-bb-01", "v=1"],
    [null, null, null],
  ]);
});

test("observers answer with what they found, by kind of payload", async () => {
  const server = await new FakeServer().start();
  await using _ = server;
  const worker = server.client().worker();
  const seen: string[] = [];
  worker.onEvent("events", { trigger: HookTrigger.AFTER_BROADCAST }, (event) => {
    seen.push(textOf(event));
    return { tasks: [{ title: "call back" }] };
  });
  worker.onDelivery("deliveries", {}, (delivery) => void seen.push(delivery.deliveryId));
  worker.onObservation("feedback", {}, (observation) => void seen.push(observation.category));
  worker.onStored("stored", (payload) => void seen.push(payload.kind.case ?? ""));
  const started = worker.start();
  const peer = await welcome(server);
  const attach = await takeAttach(peer);
  await started;
  assert.deepEqual(
    attach.handlers.map(({ name, spec }) => [
      name,
      spec?.kind.value && "mode" in spec.kind.value && spec.kind.value.mode,
    ]),
    [
      ["events", v1.HookMode.OBSERVE],
      ["deliveries", v1.HookMode.OBSERVE],
      ["feedback", v1.HookMode.OBSERVE],
      ["stored", undefined],
    ],
  );
  const watching = { replyExpected: false, trigger: HookTrigger.AFTER_BROADCAST };
  invoke(peer, "events", { ...watching, input: saying("hi") });
  assert.equal(((await result(peer)).outcome.value as v1.Done).tasks[0]?.title, "call back");
  const delivery = { case: "delivery", value: { deliveryId: "d1" } } as const;
  const observation = { case: "observation", value: { category: "feedback:overall" } } as const;
  const others = [
    ["deliveries", delivery],
    ["feedback", observation],
    ["stored", delivery],
  ] as const;
  for (const [name, kind] of others) {
    const trigger = HookTrigger.ON_DELIVERY_STATUS;
    invoke(peer, name, { ...watching, trigger, input: { case: "hook", value: { kind } } });
    assert.equal((await result(peer)).outcome.case, "done");
  }
  assert.deepEqual(seen, ["hi", "d1", "feedback:overall", "delivery"]);
});

test("a name can be served once, and no more after it was stopped", async () => {
  const { server, worker } = await gate(() => allow());
  await using _ = server;
  assert.throws(() => worker.onEvent("gate", BROADCAST, () => allow()), TypeError);
  const later = worker.onEvent("later", BROADCAST, () => allow());
  const started = worker.start();
  const peer = await serving(server);
  await started;
  await later.attached;
  later.stop();
  assert.deepEqual((await peer.expect("detach")).names, ["later"]);
  invoke(peer, "later", { input: saying("x") });
  const { outcome } = await result(peer);
  assert.equal((outcome.value as v1.Failure).status?.reason, v1.ErrorReason.NOT_ATTACHED);
  await soon(worker.close({ graceMs: 0 }), "close");
});
