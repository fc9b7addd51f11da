/** Streams that are lost, drained, moved, refused; and the end of a worker. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import { Backoff } from "#src/backoff.js";
import type { Logger } from "roomd";
import { allow, connect, HookTrigger, RoomdError } from "roomd";
import * as v1 from "roomd/v1";

import {
  Code,
  ConnectError,
  FakeServer,
  Happenings,
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

test("waits double up to the bound, and are first ones again only after good service", () => {
  const backoff = new Backoff({ jitter: () => 1 });
  const waits = Array.from({ length: 9 }, () => backoff.nextMs());
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  backoff.served(30_000);
  assert.equal(backoff.nextMs(), 10_000);
  backoff.served(30_001);
  assert.equal(backoff.nextMs(), 100);
  const random = new Backoff();
  const first = Array.from({ length: 50 }, () => new Backoff().nextMs());
  assert.ok(first.every((ms) => ms >= 0 && ms <= 100) && new Set(first).size > 10);
  assert.ok(random.nextMs() <= 100);
});

test("a lost stream is dialled again, later each time, with what was attached", async () => {
  await using server = await new FakeServer().start();
  const worker = server
    .client({ reconnect: { firstMs: 40, jitter: () => 1 } })
    .worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  let peer = await serving(server);
  await started;
  const waits: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    const lostAt = performance.now();
    peer.close(new ConnectError("gone", Code.Unavailable));
    peer = await welcome(server);
    waits.push(peer.openedAt - lostAt);
    const attach = await takeAttach(peer);
    assert.equal(attach.attachId, BigInt(i + 2));
  }
  for (const [i, bound] of [40, 80, 160].entries()) {
    assert.ok(waits[i]! >= bound - 5 && waits[i]! < bound + 3_000, `wait ${i}: ${waits[i]}`);
  }
  invoke(peer, "gate", { input: saying("x") });
  assert.equal((await result(peer)).outcome.case, "decision");
});

test("handlers of a lost stream are cancelled, and their answers go nowhere", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  const lost: unknown[] = [];
  worker.onEvent("gate", BROADCAST, async (_, call) => {
    await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    lost.push(call.signal.reason.reason);
    return allow();
  });
  const started = worker.start();
  const first = await serving(server);
  await started;
  invoke(first, "gate", { input: saying("x") });
  await delay(30);
  first.close();
  const second = await serving(server);
  await delay(50);
  assert.deepEqual(lost, ["UNAVAILABLE"]);
  assert.equal(second.count, 0);
});

test("a server that went away and came back is found again", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  await serving(server);
  await started;
  await server.stop();
  await delay(100);
  await server.start();
  const peer = await serving(server);
  invoke(peer, "gate", { input: saying("x") });
  assert.equal((await result(peer)).outcome.case, "decision");
});

test("the keep-alive of a connection ends with it", async () => {
  await using server = await new FakeServer().start();
  const client = server.client({ keepAliveMs: 40 });
  const worker = client.worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  await serving(server);
  await started;
  await delay(100);
  await server.stop();
  await delay(150); // a ping on the dead connection would end the process
  await server.start();
  await serving(server);
});

test("a server that says nothing for three pings is dialled again", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  const first = await serving(server, { pingInterval: { nanos: 50_000_000 } });
  await started;
  const second = await server.workers.next("the next stream");
  const silenceMs = second.openedAt - first.openedAt;
  assert.ok(silenceMs >= 150 && silenceMs < 5_000, `${silenceMs}`);
  await soon(first.ended, "the end of the silent stream");
});

test("an old stream is left once a new one is attached, and finishes what it holds", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  const held = new Happenings<() => void>();
  worker.onEvent("gate", BROADCAST, async () => {
    await new Promise<void>((finish) => held.add(finish));
    return allow();
  });
  const started = worker.start();
  const old = await serving(server);
  await started;
  invoke(old, "gate", { invocationId: "held", input: saying("x") });
  const finish = await held.next();
  old.send({ message: { case: "drain", value: { reason: v1.Drain_Reason.MAX_AGE } } });
  const next = await welcome(server);
  await delay(30);
  assert.equal(old.count, 0, "no goodbye before the new stream is attached");
  await takeAttach(next);
  await old.expect("goodbye");
  finish();
  assert.equal((await result(old)).invocationId, "held");
  old.close();
  await delay(60);
  assert.equal(server.workers.count, 0, "no third stream");
  invoke(next, "gate", { invocationId: "new", input: saying("x") });
  (await held.next())();
  assert.equal((await result(next)).invocationId, "new");
});

test("a server that stops is left with a goodbye, and dialled again", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  const old = await serving(server);
  await started;
  const reason = v1.Drain_Reason.NODE_SHUTDOWN;
  const reconnectJitter = { nanos: 10_000_000 };
  old.send({ message: { case: "drain", value: { reason, reconnectJitter } } });
  assert.equal((await old.expect("goodbye")).reason, "drain");
  old.close();
  const peer = await serving(server);
  invoke(peer, "gate", { input: saying("x") });
  assert.equal((await result(peer)).outcome.case, "decision");
});

test("a worker that is refused for good says so and does not dial again", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const started = worker.start();
  const peer = await server.workers.next();
  peer.close(new ConnectError("no such key", Code.Unauthenticated));
  const refusal = (error: unknown) => RoomdError.is(error, "UNAUTHENTICATED");
  await assert.rejects(started, refusal);
  await assert.rejects(worker.closed, refusal);
  await assert.rejects(worker.start(), refusal);
  await delay(100);
  assert.equal(server.workers.count, 0);
});

test("one handler that is refused does not fail the others", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent, takeover: true });
  const good = worker.onEvent("good", BROADCAST, () => allow());
  const bad = worker.onEvent("bad", BROADCAST, () => allow());
  const started = worker.start();
  const peer = await welcome(server);
  const attach = await peer.expect("attach");
  assert.deepEqual(
    attach.handlers.map((one) => one.etag),
    ["*", "*"],
  );
  const status = { code: 6, reason: v1.ErrorReason.HANDLER_CONFLICT, message: "others serve it" };
  const handlers = [{ name: "good" }, { name: "bad", status }];
  peer.send({ message: { case: "attached", value: { handlers } } });
  await assert.rejects(started, (error) => RoomdError.is(error, "HANDLER_CONFLICT"));
  await assert.rejects(bad.attached);
  await good.attached;
  invoke(peer, "good", { input: saying("x") });
  assert.equal((await result(peer)).outcome.case, "decision");
  peer.close();
  const next = await welcome(server);
  const etags = (await next.expect("attach")).handlers.map((one) => [one.name, one.etag]);
  assert.deepEqual(etags, [
    ["good", ""],
    ["bad", ""],
  ]);
});

test("closing says goodbye and lets what runs finish", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, async () => {
    await delay(80);
    return allow();
  });
  const started = worker.start();
  const peer = await serving(server);
  await started;
  invoke(peer, "gate", { input: saying("x") });
  await delay(20);
  const closed = worker.close();
  assert.equal((await peer.expect("goodbye")).reason, "closing");
  assert.equal((await result(peer)).outcome.case, "decision");
  peer.close();
  await soon(closed, "close");
  await worker.closed;
  await assert.rejects(worker.start(), RoomdError);
});

test("a worker that runs ends with its signal", async () => {
  await using server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  const stop = new AbortController();
  const running = worker.run({ signal: stop.signal });
  const peer = await serving(server);
  stop.abort();
  await peer.expect("goodbye");
  peer.close();
  await soon(running, "the end of run");
});

test("start gives up waiting when told, and the signal's reason is the error", async () => {
  const worker = connect("127.0.0.1:9").worker({ logger: silent });
  worker.onEvent("gate", BROADCAST, () => allow());
  await assert.rejects(worker.start({ signal: AbortSignal.timeout(30) }), { name: "TimeoutError" });
  await worker.close();
});
