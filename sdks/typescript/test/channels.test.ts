/** Channels and routers that a worker serves. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChannelHandlers, Logger, Worker } from "roomd";
import { ChannelType, DeliveryFailure, DeliveryState, text, textOf } from "roomd";
import * as v1 from "roomd/v1";

import type { WorkerPeer } from "./fake-server.js";
import { FakeServer, Happenings, invoke, result, takeAttach, welcome } from "./fake-server.js";

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function served(register: (worker: Worker) => void) {
  const server = await new FakeServer().start();
  const worker = server.client().worker({ logger: silent });
  register(worker);
  const started = worker.start();
  const peer = await welcome(server);
  const attach = await takeAttach(peer);
  await started;
  return { server, peer, spec: attach.handlers[0]!.spec! };
}

const channel = (handlers: ChannelHandlers) =>
  served((worker) => worker.serveChannel("pager", handlers));

function call(peer: WorkerPeer, kind: MessageInitShape<typeof v1.HandlerCallSchema>["kind"]): void {
  invoke(peer, "pager", { input: { case: "call", value: { kind } } });
}

async function answer(peer: WorkerPeer): Promise<v1.HandlerResult["kind"]> {
  const { outcome } = await result(peer);
  assert.equal(outcome.case, "value");
  return (outcome.value as v1.HandlerResult).kind;
}

test("a delivery is sent, failed for good, or failed for now", async () => {
  const { server, peer, spec } = await channel({
    deliver: ({ recipient }) => {
      switch (recipient) {
        case "busy":
          throw new DeliveryFailure("is busy", { code: "busy", retryAfterMs: 1500 });
        case "gone":
          throw new DeliveryFailure("is gone", { code: "gone", retryable: false });
        case "bug":
          throw new TypeError("oops");
        default:
          return { providerMessageId: `p-${recipient}`, response: { tasks: [{ title: "t" }] } };
      }
    },
  });
  await using _ = server;
  assert.deepEqual(
    [spec.kind.case, (spec.kind.value as v1.ChannelProviderSpec).convertsInbound],
    ["channelProvider", false],
  );
  const results: unknown[] = [];
  for (const recipient of ["ann", "busy", "gone", "bug"]) {
    call(peer, { case: "deliver", value: { recipient } });
    const { result: made, response } = (await answer(peer)).value as v1.DeliveryOutcome;
    const { state, providerMessageId, errorCode, retryable, retryAfter } = made!;
    results.push([
      DeliveryState[state],
      providerMessageId,
      errorCode,
      retryable,
      retryAfter?.nanos,
      response?.tasks.length,
    ]);
  }
  assert.deepEqual(results, [
    ["SENT", "p-ann", "", false, undefined, 1],
    ["FAILED", "", "busy", true, 500_000_000, undefined],
    ["FAILED", "", "gone", false, undefined, undefined],
    ["FAILED", "", "TypeError", true, undefined, undefined],
  ]);
});

test("an answer streams in numbered parts, then ends with the rest", async () => {
  const { server, peer, spec } = await channel({
    async *respond({ event }) {
      yield "Hel";
      await delay(5);
      yield "";
      yield `lo ${textOf(event)}`;
      return { metadata: { model: "m" } };
    },
  });
  await using _ = server;
  assert.equal((spec.kind.value as v1.ChannelProviderSpec).recentEvents, 50);
  call(peer, { case: "respond", value: { event: { content: text("Ann") } } });
  const parts = [await peer.expect("resultChunk"), await peer.expect("resultChunk")];
  assert.deepEqual(
    parts.map(({ invocationId, lease, sequence, chunk }) => [
      invocationId,
      lease,
      sequence,
      chunk?.kind.value,
    ]),
    [
      ["inv-0", 7n, 0n, "Hel"],
      ["inv-0", 7n, 1n, "lo Ann"],
    ],
  );
  assert.deepEqual(((await answer(peer)).value as v1.Response).metadata, { model: "m" });
});

test("a streamed answer that nobody waits for is not written on", async () => {
  let written = 0;
  const ended = new Happenings<true>();
  const { server, peer } = await channel({
    async *respond() {
      try {
        for (;;) {
          written += 1;
          yield "word ";
          await delay(10);
        }
      } finally {
        ended.add(true);
      }
    },
  });
  await using _ = server;
  call(peer, { case: "respond", value: {} });
  await peer.expect("resultChunk");
  peer.send({ message: { case: "cancel", value: { invocationId: "inv-0" } } });
  await ended.next("the end of the generator");
  const then = written;
  await delay(40);
  assert.equal(written, then);
});

test("a long part is cut into pieces, never inside a character", async () => {
  const long = `${"a".repeat(256 * 1024 - 1)}😀b`;
  const { server, peer } = await channel({
    async *respond() {
      yield long;
    },
  });
  await using _ = server;
  call(peer, { case: "respond", value: {} });
  const pieces = [await peer.expect("resultChunk"), await peer.expect("resultChunk")];
  const words = pieces.map(({ chunk }) => chunk?.kind.value as string);
  assert.equal(words.join(""), long);
  assert.equal(words[1], "😀b");
});

test("whole answers, conversion and transcoding", async () => {
  const { server, peer, spec } = await channel({
    respond: () => ({ events: [{ content: text("whole") }] }),
    convert: ({ senderId }) => ({ content: text(`from ${senderId}`) }),
    transcode: ({ content }) => (textOf(content) ? text("plain") : undefined),
  });
  await using _ = server;
  const provider = spec.kind.value as v1.ChannelProviderSpec;
  assert.deepEqual([provider.convertsInbound, provider.transcodes], [true, true]);
  call(peer, { case: "respond", value: {} });
  assert.equal(textOf(((await answer(peer)).value as v1.Response).events[0]), "whole");
  call(peer, { case: "convert", value: { senderId: "ann" } });
  assert.equal(textOf(((await answer(peer)).value as v1.Converted).content), "from ann");
  call(peer, { case: "transcode", value: { content: text("x") } });
  assert.equal(textOf(((await answer(peer)).value as v1.Transcoded).content), "plain");
  call(peer, { case: "transcode", value: {} });
  assert.equal(((await answer(peer)).value as v1.Transcoded).content, undefined);
  call(peer, { case: "deliver", value: {} });
  const { outcome } = await result(peer);
  assert.equal((outcome.value as v1.Failure).status?.reason, v1.ErrorReason.NOT_ATTACHED);
});

test("a router chooses a room, or lets the rules decide", async () => {
  const { server, peer, spec } = await served((worker) =>
    worker.route("pager", { channelTypes: [ChannelType.SMS] }, ({ senderId }) =>
      senderId === "ann" ? "vip" : undefined,
    ),
  );
  await using _ = server;
  assert.deepEqual((spec.kind.value as v1.InboundRouterSpec).channelTypes, [ChannelType.SMS]);
  const answers: unknown[] = [];
  for (const senderId of ["ann", "bob"]) {
    call(peer, { case: "route", value: { senderId } });
    const { roomId, decline } = (await answer(peer)).value as v1.RouteAnswer;
    answers.push([roomId, decline]);
  }
  assert.deepEqual(answers, [
    ["vip", false],
    ["", true],
  ]);
});
