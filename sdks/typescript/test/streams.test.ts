/** Subscriptions and live connections: nothing missed, nothing twice. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import type { LiveItem, Logger } from "roomd";
import { RoomdError, text, textOf } from "roomd";
import * as v1 from "roomd/v1";

import type { LivePeer } from "./fake-server.js";
import { Code, ConnectError, FakeServer, Happenings, soon } from "./fake-server.js";
import { errorInfo, failing } from "./refusals.js";

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

type Page = MessageInitShape<typeof v1.SubscribeRoomsResponseSchema>;
type Script = (request: v1.SubscribeRoomsRequest, signal: AbortSignal) => AsyncGenerator<Page>;

/** A server whose subscriptions play one script after the other. */
async function watching(...scripts: Script[]) {
  const asked: v1.SubscribeRoomsRequest[] = [];
  const server = await new FakeServer({
    rooms: {
      async *subscribeRooms(request, { signal }) {
        asked.push(request);
        yield* scripts[asked.length - 1]!(request, signal);
      },
    },
  }).start();
  return { server, asked };
}

const event = (index: number, roomId = "r") => ({
  roomId,
  cursor: `${roomId}${index}`,
  item: { case: "event" as const, value: { index: BigInt(index) } },
});

test("a subscription goes on behind its last item, however its stream ended", async () => {
  const { server, asked } = await watching(
    async function* () {
      const subscribed = {
        case: "subscribed",
        value: { headIndex: 4n, continuous: true },
      } as const;
      yield { items: [{ roomId: "r", item: subscribed }] };
      throw new ConnectError("lost", Code.Unavailable);
    },
    async function* () {
      yield { items: [event(5), { item: { case: "heartbeat", value: {} } }, event(6)] };
    },
    async function* () {
      const reconnectJitter = { nanos: 1_000_000 };
      const ending = {
        case: "ending",
        value: { reason: "NODE_DRAINING", reconnectJitter },
      } as const;
      yield { items: [event(7), { item: ending }] };
    },
    async function* () {
      throw new ConnectError("too slow", Code.ResourceExhausted, {}, []);
    },
  );
  await using _ = server;
  const seen: string[] = [];
  const subscription = server.client().rooms.subscribe("r", { ephemeral: true });
  await assert.rejects(async () => {
    for await (const item of subscription) {
      seen.push(`${item.item.case} ${item.cursor}`);
    }
  }, RoomdError);
  assert.deepEqual(seen, ["subscribed ", "event r5", "event r6", "event r7"]);
  assert.deepEqual(
    asked.map(({ rooms, ephemeral }) => [rooms[0]?.start.case, rooms[0]?.start.value, ephemeral]),
    [
      [undefined, undefined, true],
      ["afterIndex", 4n, true],
      ["cursor", "r6", true],
      ["cursor", "r7", true],
    ],
  );
});

test("a reader that was cut for being slow comes back by itself; cut history is told", async () => {
  const details = (reason: string) => {
    const bytes = new TextEncoder().encode(reason);
    return { type: "google.rpc.ErrorInfo", value: new Uint8Array([0x0a, bytes.length, ...bytes]) };
  };
  const ending = (code: Code, reason: string): Script =>
    async function* () {
      const error = new ConnectError(reason, code);
      error.details = [details(reason)];
      throw error;
    };
  const { server, asked } = await watching(
    ending(Code.ResourceExhausted, "SLOW_CONSUMER"),
    ending(Code.OutOfRange, "HISTORY_TRUNCATED"),
  );
  await using _ = server;
  const items = server.client().rooms.subscribe("r", { afterIndex: -1 })[Symbol.asyncIterator]();
  await assert.rejects(items.next(), (error) => RoomdError.is(error, "HISTORY_TRUNCATED"));
  assert.equal(asked.length, 2);
});

test("many rooms on one stream: a room that is gone ends its part alone", async () => {
  const { server, asked } = await watching(
    async function* () {
      const ending = { case: "ending", value: { reason: "ROOM_DELETED" } } as const;
      yield { items: [event(1, "a"), event(3, "b"), { roomId: "a", item: ending }] };
    },
    async function* () {
      const ending = { case: "ending", value: { reason: "ROOM_DELETED" } } as const;
      yield { items: [{ roomId: "b", item: ending }] };
    },
  );
  await using _ = server;
  const rooms = [
    { roomId: "a", cursor: "a0" },
    { roomId: "b", afterIndex: 2 },
  ];
  const seen: string[] = [];
  for await (const item of server.client().rooms.subscribeAll(rooms)) {
    seen.push(`${item.roomId} ${item.item.case}`);
  }
  assert.deepEqual(seen, ["a event", "b event", "a ending", "b ending"]);
  assert.deepEqual(
    asked[0]?.rooms.map((one) => one.start.case),
    ["cursor", "afterIndex"],
  );
  assert.deepEqual(
    asked[1]?.rooms.map((one) => one.roomId),
    ["b"],
  );
});

test("a silent subscription is dialled again, a slow loop is not; a signal ends it", async () => {
  const hangs: Script = async function* (_, signal) {
    yield { items: [event(1)] };
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  const { server, asked } = await watching(hangs, hangs, hangs);
  await using _ = server;
  const stop = new AbortController();
  const subscription = server
    .client()
    .rooms.subscribe("r", { heartbeatMs: 40, signal: stop.signal });
  let items = 0;
  const done = (async () => {
    for await (const _item of subscription) {
      items += 1;
      await delay(items === 1 ? 200 : 0);
      assert.equal(asked.length, items);
      if (items === 2) {
        stop.abort(new Error("enough"));
      }
    }
  })();
  await assert.rejects(soon(done, "the end of the loop"), { message: "enough" });
  assert.equal(items, 2);
});

// ------------------------------------------------------------------ live connections

async function opened(server: FakeServer, maxMessageBytes = 0n): Promise<[LivePeer, v1.Open]> {
  const peer = await server.connections.next("a connection");
  const open = await peer.expect("open");
  peer.send({ message: { case: "opened", value: { connectionId: "c", maxMessageBytes } } });
  return [peer, open];
}

/** Take a message, and accept it; its size on the stream. */
async function accept(peer: LivePeer, words: RegExp): Promise<number> {
  const value = await peer.expect("send");
  assert.deepEqual(
    value.items.map(textOf).map((body) => words.test(body)),
    [true],
  );
  const outcome = v1.Outcome.ACCEPTED;
  const results = value.items.map(({ sendId }) => ({ sendId, outcome }));
  peer.send({ message: { case: "batch", value: { results } } });
  const schema = v1.ChannelServiceConnectRequestSchema;
  return toBinary(schema, create(schema, { message: { case: "send", value } })).byteLength;
}

/** Waits until this fails for its size. */
async function tooLarge(sent: Promise<unknown>): Promise<void> {
  const isIt = (error: unknown) =>
    RoomdError.is(error, "MESSAGE_TOO_LARGE") && error.code === Code.ResourceExhausted;
  await soon(assert.rejects(sent, isIt), "the refusal");
}

function deliver(peer: LivePeer, ...ids: string[]): void {
  const deliveries = ids.map((id) => ({ deliveryId: id, event: { content: text(id) } }));
  peer.send({ message: { case: "batch", value: { deliveries } } });
}

test("an event is acknowledged when the loop has handled it, and shown once", async () => {
  await using server = await new FakeServer().start();
  const connection = server
    .client()
    .connection({ channelId: "ws", ephemeral: true, logger: silent });
  const opening = connection.open();
  const [peer, open] = await opened(server);
  await opening;
  assert.deepEqual([open.channelId, open.acknowledges, open.ephemeral], ["ws", true, true]);
  const shown = new Happenings<LiveItem>();
  const go = new Happenings<true>();
  void (async () => {
    for await (const item of connection) {
      shown.add(item);
      await go.next();
    }
  })();
  deliver(peer, "d1", "d2");
  deliver(peer, "d1");
  assert.equal(textOf(((await shown.next()).value as v1.ConnectionDelivery).event), "d1");
  await delay(30);
  assert.equal(peer.count, 0, "not handled yet");
  go.add(true);
  assert.deepEqual((await peer.expect("acknowledge")).deliveryIds, ["d1"]);
  assert.equal(((await shown.next()).value as v1.ConnectionDelivery).deliveryId, "d2");
  go.add(true);
  await peer.expect("acknowledge");
  deliver(peer, "d1");
  assert.deepEqual(
    (await peer.expect("acknowledge")).deliveryIds,
    ["d1"],
    "known: not shown again",
  );
  await delay(20);
  assert.equal(shown.count, 0);
});

test("what no message can hold is its sender's fault, and the connection goes on", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const [peer] = await opened(server);
  await opening;
  const wrong = { roomId: "r", content: "hi" } as unknown as { content: v1.Content };
  await assert.rejects(connection.send(wrong), /Content/);
  const typing = "TYPING_START" as unknown as v1.EphemeralType;
  await assert.rejects(connection.signal("r", typing), /Signal.type/);
  const sent = connection.send({ roomId: "r", content: text("hi") });
  const { items } = await peer.expect("send");
  assert.equal(textOf(items[0]), "hi");
  const results = [{ sendId: items[0]!.sendId, outcome: v1.Outcome.ACCEPTED }];
  peer.send({ message: { case: "batch", value: { results } } });
  assert.equal((await sent).outcome, v1.Outcome.ACCEPTED);
});

test("what is too large is its sender's error, and the connection goes on", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const [peer] = await opened(server, 1_000n);
  await opening;
  const send = (length: number) => connection.send({ content: text("x".repeat(length)) });
  const before = send(500);
  await tooLarge(send(1_000));
  const data = { words: "x".repeat(1_000) };
  await tooLarge(connection.signal("r", v1.EphemeralType.TYPING_START, data));
  const bytesOf500 = await accept(peer, /^x{500}$/);
  await before;
  const most = 1_500 - bytesOf500;
  await tooLarge(send(most + 1));
  const after = send(most);
  assert.equal(await accept(peer, /^x+$/), 1_000);
  assert.equal((await after).outcome, v1.Outcome.ACCEPTED);
  assert.deepEqual([peer.count, server.connections.count], [0, 0], "nothing more, no new stream");
});

test("what waits for a stream whose server takes less is refused then; the rest goes", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const sends = [5_000_000, 500, 100].map((n) => connection.send({ content: text("x".repeat(n)) }));
  const refused = sends.slice(0, 2).map((sent) => tooLarge(sent));
  const [first] = await opened(server); // it does not say: 4 MiB
  await opening;
  await refused[0];
  assert.equal(textOf((await first.expect("send")).items[0]).length, 500);
  assert.equal(textOf((await first.expect("send")).items[0]).length, 100);
  first.close();
  const [second] = await opened(server, 400n);
  await refused[1];
  await accept(second, /^x{100}$/);
  assert.equal((await sends[2]!).outcome, v1.Outcome.ACCEPTED);
  assert.deepEqual([second.count, server.connections.count], [0, 0]);
});

test("a message that ends its stream all the same fails, and is not sent again", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const [first] = await opened(server);
  await opening;
  const small = connection.send({ content: text("small") });
  const large = connection.send({ content: text("x".repeat(5_000)) });
  const refused = tooLarge(large);
  const data = { words: "x".repeat(9_000) };
  await connection.signal("r", v1.EphemeralType.TYPING_START, data);
  const limit = new ConnectError("larger than max", Code.ResourceExhausted);
  first.close(limit);
  const [second] = await opened(server);
  const again = [await second.expect("send"), await second.expect("send")];
  assert.deepEqual(
    again.map(({ items }) => textOf(items[0]).length),
    [5, 5_000],
    "it may have been the signal, which is larger",
  );
  second.close(limit);
  await refused;
  const [third] = await opened(server);
  await accept(third, /^small$/);
  assert.equal((await small).outcome, v1.Outcome.ACCEPTED);
  assert.deepEqual([third.count, server.connections.count], [0, 0]);
});

test("a stream that ends for another want of room loses nothing", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const [first] = await opened(server);
  await opening;
  const sent = connection.send({ content: text("hi") });
  await first.expect("send");
  first.close(failing(Code.ResourceExhausted, [errorInfo("SLOW_CONSUMER")]));
  const [second] = await opened(server);
  await accept(second, /^hi$/);
  assert.equal((await sent).outcome, v1.Outcome.ACCEPTED);
});

test("what a loop did not finish comes again", async () => {
  await using server = await new FakeServer().start();
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const opening = connection.open();
  const [peer] = await opened(server);
  await opening;
  const loop = async () => {
    for await (const _item of connection) {
      throw new Error("cannot show it");
    }
  };
  const failing = loop();
  deliver(peer, "d1");
  await assert.rejects(failing, { message: "cannot show it" });
  assert.equal(peer.count, 0);
  deliver(peer, "d1");
  for await (const item of connection) {
    assert.equal((item.value as v1.ConnectionDelivery).deliveryId, "d1");
    break;
  }
});

test("what was sent and not answered is sent again, under its key", async () => {
  await using server = await new FakeServer().start();
  const options = { channelId: "ws", roomIds: ["r1"], logger: silent };
  const connection = server.client().connection(options);
  const opening = connection.open();
  const [first] = await opened(server);
  await opening;
  await connection.subscribe("r2");
  await first.expect("subscribe");
  const sent = connection.send({ roomId: "r", content: text("hi") });
  const before = (await first.expect("send")).items[0]!;
  first.close();
  const [second, open] = await opened(server);
  assert.deepEqual(open.roomIds, ["r1", "r2"]);
  const after = (await second.expect("send")).items[0]!;
  assert.ok(before.idempotencyKey);
  assert.deepEqual([after.sendId, after.idempotencyKey], [before.sendId, before.idempotencyKey]);
  const status = { code: 14, reason: v1.ErrorReason.STORE_DOWN };
  second.send({
    message: { case: "batch", value: { results: [{ sendId: after.sendId, status }] } },
  });
  const third = (await second.expect("send")).items[0]!;
  assert.equal(third.idempotencyKey, before.idempotencyKey);
  const accepted = { sendId: third.sendId, outcome: v1.Outcome.ACCEPTED, index: 3n };
  second.send({ message: { case: "batch", value: { results: [accepted] } } });
  assert.equal((await sent).index, 3n);
  const refused = connection.send({ roomId: "r", content: text("no") });
  const { sendId } = (await second.expect("send")).items[0]!;
  const gone = { code: 9, reason: v1.ErrorReason.ROOM_CLOSED, message: "closed" };
  second.send({ message: { case: "batch", value: { results: [{ sendId, status: gone }] } } });
  await assert.rejects(refused, (error) => RoomdError.is(error, "ROOM_CLOSED"));
});

test("a connection that is refused says so; one that is closed ends its loop", async () => {
  await using server = await new FakeServer().start();
  const refused = server.client().connection({ channelId: "none", logger: silent });
  const opening = refused.open();
  (await server.connections.next()).close(new ConnectError("no such channel", Code.NotFound));
  await assert.rejects(opening, (error) => RoomdError.is(error, "NOT_FOUND"));
  await assert.rejects(refused.send({ content: text("x") }), RoomdError);
  const connection = server.client().connection({ channelId: "ws", logger: silent });
  const openingToo = connection.open();
  await opened(server);
  await openingToo;
  const loop = (async () => {
    for await (const _item of connection) {
      // nothing comes
    }
  })();
  const pending = connection.send({ content: text("x") });
  await connection.close();
  await soon(loop, "the loop's end");
  await assert.rejects(pending, (error) => RoomdError.is(error, "CANCELED"));
});
