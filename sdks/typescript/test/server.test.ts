/** Against a real server: hooks of two languages, drain, kill and restart, channels. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import type { Client, StreamItem } from "roomd";
import {
  allow,
  block,
  ChannelType,
  DeliveryState,
  FailurePolicy,
  HookMode,
  HookTrigger,
  Lifetime,
  modify,
  Outcome,
  RoomdError,
  text,
  textOf,
  Wait,
} from "roomd";

import { Happenings, soon } from "./fake-server.js";
import type { Program } from "./real-server.js";
import { ABSENT, COMMAND, RealServer, roomWith } from "./real-server.js";

const skip = ABSENT;
const HOOK_PROCESS = fileURLToPath(new URL("./hook-process.js", import.meta.url));

/** A hook in Python, by the SDK of that language, that blocks what says "py". */
const PYTHON_HOOK = `
import asyncio, os
from roomd import HookResult, HookTrigger, RoomKit

async def main():
    async with RoomKit(os.environ["ROOMD_ADDRESS"], api_key=os.environ["ROOMD_API_KEY"]) as kit:
        @kit.hook(HookTrigger.BEFORE_BROADCAST, name="py-gate", priority=2)
        async def gate(event, ctx):
            blocks = "py" in event.content.body
            return HookResult.block("py says no") if blocks else HookResult.allow()
        await kit.connect()
        print("serving", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
`;

let server: RealServer;
let client: Client;

before(async () => {
  if (!skip) {
    server = await RealServer.start();
    client = server.client();
  }
});
after(async () => {
  if (!skip) {
    await server?.[Symbol.asyncDispose]();
  }
});

async function send(roomId: string, words: string) {
  const content = text(words);
  return await client.events.send({ roomId, channelId: "ws-a", content, wait: Wait.DELIVERED });
}

test("a hook decides, and cannot wait for itself", { skip }, async () => {
  await roomWith(client, "one", "ws-a");
  const worker = client.worker();
  const inside: unknown[] = [];
  worker.onEvent(
    "one-gate",
    { trigger: HookTrigger.BEFORE_BROADCAST, filter: { roomIds: ["one"] } },
    async (event) => {
      if (textOf(event) === "deadlock") {
        const failure = await client.rooms.close("one").catch((error: unknown) => error);
        inside.push(RoomdError.is(failure, "WOULD_DEADLOCK"));
      }
      return textOf(event) === "spam"
        ? block("spam", { code: "S1" })
        : modify({ content: text(textOf(event).toUpperCase()) });
    },
  );
  const watched = new Happenings<string>();
  worker.onEvent(
    "one-watch",
    { trigger: HookTrigger.AFTER_BROADCAST, filter: { roomIds: ["one"] } },
    (event) => {
      watched.add(textOf(event));
      return { observations: [{ category: "seen", content: textOf(event) }] };
    },
  );
  await worker.start();
  const spam = await send("one", "spam");
  assert.deepEqual(
    [spam.outcome, spam.blockedBy, spam.reason],
    [Outcome.BLOCKED, "one-gate", "spam"],
  );
  const hello = await send("one", "hello");
  assert.deepEqual([hello.outcome, textOf(hello.event)], [Outcome.ACCEPTED, "HELLO"]);
  assert.equal(await watched.next(), "HELLO");
  await send("one", "deadlock");
  assert.deepEqual(inside, [true]);
  const kinds: string[] = [];
  for await (const event of client.events.list("one", { pageSize: 2, newestFirst: true })) {
    kinds.push(textOf(event));
  }
  assert.deepEqual(kinds.slice(0, 3), ["DEADLOCK", "HELLO", "spam"]);
  await worker.close();
});

test(
  "hooks in two languages decide messages of one room; each may be killed",
  { skip },
  async () => {
    await roomWith(client, "both", "ws-a");
    await client.hooks.create("ts-gate", {
      triggers: [HookTrigger.BEFORE_BROADCAST],
      mode: HookMode.DECIDE,
      priority: 1,
      lifetime: Lifetime.PERSISTENT,
      failurePolicy: FailurePolicy.BLOCK,
      filter: { roomIds: ["both"] },
      timeout: { seconds: 5n },
    });
    const python = server.run([COMMAND[0]!, "-c", PYTHON_HOOK]);
    let typescript: Program = server.run([process.execPath, HOOK_PROCESS, "w1"]);
    await Promise.all([python.says("serving"), typescript.says("serving")]);
    const outcome = async (words: string) => {
      const sent = await send("both", words);
      const trace = sent.event!.hookTrace.map(({ hook, decision }) => `${hook} ${decision}`);
      return [Outcome[sent.outcome], sent.blockedBy, ...trace];
    };
    assert.deepEqual(await outcome("hello"), ["ACCEPTED", "", "ts-gate allow", "py-gate allow"]);
    assert.deepEqual(await outcome("a ts word"), ["BLOCKED", "ts-gate", "ts-gate block"]);
    assert.deepEqual(await outcome("a py word"), [
      "BLOCKED",
      "py-gate",
      "ts-gate allow",
      "py-gate block",
    ]);

    // The stored hook blocks with nobody there; a hook of a session goes with its session.
    await typescript.end("SIGKILL");
    assert.deepEqual(await outcome("nobody"), ["BLOCKED", "ts-gate", "ts-gate no_worker"]);
    typescript = server.run([process.execPath, HOOK_PROCESS, "w2"]);
    await typescript.says("serving");
    await python.end("SIGKILL");
    await soon(detached("py-gate"), "the session's end", 30_000);
    assert.deepEqual(await outcome("a py word"), ["ACCEPTED", "", "ts-gate allow"]);

    // A worker that dies with work in hand: the next one gets it.
    const other = server.run([process.execPath, HOOK_PROCESS, "w3"]);
    await other.says("serving");
    const sent = outcome("slow one");
    const first = await Promise.race([
      typescript.says("took slow").then(() => typescript),
      other.says("took slow").then(() => other),
    ]);
    const second = first === other ? typescript : other;
    const seen = second.says("took slow one attempt 2");
    await first.end("SIGKILL");
    await seen;
    assert.deepEqual(await sent, ["ACCEPTED", "", "ts-gate allow"]);

    // SIGTERM: what runs is finished and counts.
    const last = outcome("slow two");
    await second.says("took slow two");
    assert.equal(await second.end("SIGTERM"), 0);
    assert.deepEqual(await last, ["ACCEPTED", "", "ts-gate allow"]);
  },
);

async function detached(hook: string): Promise<void> {
  for (;;) {
    const failure = await client.hooks.get(hook).catch((error: unknown) => error);
    if (RoomdError.is(failure, "HOOK_NOT_FOUND")) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a channel of this program delivers, and an AI answers in parts", { skip }, async () => {
  await roomWith(client, "desk", "ws-a");
  const worker = client.worker();
  const sent = new Happenings<string>();
  worker.serveChannel("pager", {
    deliver: ({ event, recipient, deliveryId }) => {
      sent.add(`${recipient}: ${textOf(event)}`);
      return { providerMessageId: deliveryId };
    },
  });
  worker.serveChannel("parrot", {
    async *respond({ event }) {
      for (const word of textOf(event).split(" ")) {
        yield `${word}! `;
      }
    },
  });
  await worker.start();
  const channels = [
    { channelId: "pager", type: ChannelType.WEBHOOK },
    { channelId: "parrot", type: ChannelType.AI },
  ];
  for (const channel of channels) {
    const handler = channel.channelId;
    const implementation = { kind: { case: "worker" as const, value: { handler } } };
    await client.channels.register({ ...channel, implementation });
  }
  await client.channels.attach("desk", "pager", { metadata: { recipient_id: "doctor" } });
  await client.channels.attach("desk", "parrot");
  await send("desk", "room four");
  assert.deepEqual(
    [await sent.next(), await sent.next()],
    ["doctor: room four", "doctor: room! four! "],
  );
  const deliveries: string[] = [];
  for await (const one of client.events.listDeliveries("desk", { channelId: "pager" })) {
    deliveries.push(one.result!.providerMessageId);
  }
  assert.ok(deliveries.length === 2 && deliveries.every(Boolean));
  await worker.close();
});

test("a loop that does not read holds up nothing else", { skip }, async () => {
  await roomWith(client, "wide", "ws-a");
  const filler = "x".repeat(100_000);
  for (let i = 0; i < 40; i += 1) {
    await send("wide", `${i} ${filler}`);
  }
  const items = client.rooms.subscribe("wide", { afterIndex: -1 })[Symbol.asyncIterator]();
  await items.next();
  for (let i = 0; i < 20; i += 1) {
    const { outcome } = await send("wide", `more ${i} ${filler}`);
    assert.equal(outcome, Outcome.ACCEPTED);
  }
  // One event is the channel's attaching.
  for (let read = 0; read < 61;) {
    const next = await items.next();
    assert.ok(!next.done);
    if (next.value.item.case === "event") {
      assert.equal(next.value.item.value.index, BigInt(read));
      read += 1;
    }
  }
  await items.return(undefined);
});

test("a live connection goes on after a message that is too large", { skip }, async () => {
  await roomWith(client, "large", "ws-a");
  const connection = client.connection({ channelId: "ws-a" });
  const say = (words: string) =>
    connection.send({ roomId: "large", senderId: "ann", content: text(words) });
  const megabytes = (count: number) => "x".repeat(count * 1024 * 1024);
  const early = say(megabytes(4));
  const refused = (sent: Promise<unknown>) =>
    soon(
      assert.rejects(sent, (error) => RoomdError.is(error, "MESSAGE_TOO_LARGE")),
      "the refusal",
    );
  const earlyRefused = refused(early);
  const before = say("before");
  await connection.open();
  const meanwhile = refused(say(megabytes(4)));
  // Together they are larger than a message may be.
  const filler = "x".repeat(60_000);
  const many = Array.from({ length: 100 }, (_, i) => say(`${i} ${filler}`));
  await Promise.all([earlyRefused, meanwhile]);
  const after = say("after");
  const results = await soon(Promise.all([before, ...many, after]), "all answers");
  assert.deepEqual([...new Set(results.map(({ outcome }) => outcome))], [Outcome.ACCEPTED]);
  assert.equal(new Set(results.map(({ index }) => index)).size, 102);
  await connection.close();
});

test(
  "a killed server: streams go on where they were, nothing is missed or twice",
  { skip },
  async () => {
    await roomWith(client, "long", "ws-a", "ws-b");
    const worker = client.worker();
    let decided = 0;
    const filter = { roomIds: ["long"] };
    worker.onEvent("long-gate", { trigger: HookTrigger.BEFORE_BROADCAST, filter }, () => {
      decided += 1;
      return allow();
    });
    await worker.start();
    const connection = await client.connection({ channelId: "ws-b" }).open();
    const shown = new Set<string>();
    const showing = (async () => {
      for await (const item of connection) {
        if (item.case === "event") {
          shown.add(textOf(item.value.event));
        }
      }
    })();
    const indexes: bigint[] = [];
    const watching = (async () => {
      for await (const item of client.rooms.subscribe("long", { afterIndex: -1 })) {
        const event: StreamItem["item"] = item.item;
        if (event.case === "event") {
          indexes.push(event.value.index!);
          if (textOf(event.value) === "last") {
            return;
          }
        }
      }
    })();
    const sending = (async () => {
      for (let i = 0; i < 20; i += 1) {
        await connection.send({ roomId: "long", senderId: "bob", content: text(`m${i}`) });
        await send("long", `n${i}`);
      }
    })();
    while (decided < 8) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await server.end("SIGKILL");
    await server.start();
    await soon(sending, "all messages", 60_000);
    await send("long", "last");
    await soon(watching, "the last event", 30_000);
    const timeline: string[] = [];
    for await (const event of client.events.list("long")) {
      timeline.push(textOf(event));
    }
    assert.deepEqual(
      indexes,
      timeline.map((_, index) => BigInt(index)),
    );
    const said = timeline.filter((words) => /^[mn]\d+$/.test(words));
    assert.equal(said.length, 40);
    assert.equal(new Set(said).size, 40);
    // What found nobody connected was given up, and everything else was shown.
    const pending = async () => {
      const deliveries: string[] = [];
      for await (const one of client.events.listDeliveries("long", { channelId: "ws-b" })) {
        const words = timeline[Number(one.eventIndex)]!;
        const { state, errorCode } = one.result!;
        if (!shown.has(words) && errorCode !== "no_connection") {
          deliveries.push(`${words} ${DeliveryState[state]} ${errorCode}`);
        }
      }
      return deliveries;
    };
    const until = performance.now() + 30_000;
    while ((await pending()).length > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(await pending(), []);
    assert.ok(shown.has("n0") && shown.has("last"), "before and after the kill");
    await connection.close();
    await showing;
    await worker.close();
  },
);
