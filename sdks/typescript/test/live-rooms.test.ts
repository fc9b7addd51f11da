/** What a live connection sees: the same after it was dialled again. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { LiveConnection, Logger } from "roomd";
import { EphemeralType, RoomdError, text, textOf, Wait } from "roomd";
import type * as v1 from "roomd/v1";

import type { LivePeer } from "./fake-server.js";
import { FakeServer } from "./fake-server.js";
import { ABSENT, RealServer, roomWith } from "./real-server.js";

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Ids of so many rooms. */
const many = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`);

function dial(server: FakeServer, rooms: { roomIds?: string[]; noRooms?: boolean } = {}) {
  return server.client().connection({ channelId: "ws", logger: silent, ...rooms });
}

/** The next stream. */
async function opened(server: FakeServer): Promise<[LivePeer, v1.Open]> {
  const peer = await server.connections.next("a connection");
  const open = await peer.expect("open");
  peer.send({ message: { case: "opened", value: { connectionId: "c" } } });
  return [peer, open];
}

/** Nothing is on its way to the server before this. */
async function nothingMore(connection: LiveConnection, peer: LivePeer): Promise<void> {
  const sent = connection.send({ roomId: "r", content: text("hi") });
  const { items } = await peer.expect("send");
  const results = items.map(({ sendId }) => ({ sendId }));
  peer.send({ message: { case: "batch", value: { results } } });
  await sent;
}

test("a connection that left its last room sees none after a redial", async () => {
  await using server = await new FakeServer().start();
  const connection = dial(server, { roomIds: ["r1"] });
  const opening = connection.open();
  const [first, begin] = await opened(server);
  await opening;
  assert.deepEqual([begin.roomIds, begin.noRooms], [["r1"], false]);
  await connection.unsubscribe("r1");
  assert.deepEqual((await first.expect("unsubscribe")).roomIds, ["r1"]);
  first.close();
  const [second, open] = await opened(server);
  assert.deepEqual([open.roomIds, open.noRooms], [[], true]);
  await connection.subscribe("r2");
  second.close();
  const [third, last] = await opened(server);
  assert.deepEqual([last.roomIds, last.noRooms], [["r2"], false]);
  await nothingMore(connection, third);
});

test("one that sees all rooms sees all after a redial, but those that it left", async () => {
  await using server = await new FakeServer().start();
  const connection = dial(server);
  const opening = connection.open();
  const [first] = await opened(server);
  await opening;
  await connection.subscribe("joined");
  await connection.unsubscribe("left", "joined again");
  await connection.subscribe("joined again");
  first.close();
  const [second, open] = await opened(server);
  assert.deepEqual([open.roomIds, open.noRooms], [[], false]);
  assert.deepEqual((await second.expect("unsubscribe")).roomIds, ["left"]);
  await nothingMore(connection, second);
});

test("one that begins with no room says so", async () => {
  await using server = await new FakeServer().start();
  const connection = dial(server, { noRooms: true });
  const opening = connection.open();
  const [peer, open] = await opened(server);
  await opening;
  assert.deepEqual([open.roomIds, open.noRooms], [[], true]);
  await nothingMore(connection, peer);
});

test("more rooms than one message names are named in several, also after a redial", async () => {
  await using server = await new FakeServer().start();
  const roomIds = many(2_500);
  const connection = dial(server, { roomIds });
  const opening = connection.open();
  const told = async () => {
    const [peer, open] = await opened(server);
    const rest = [await peer.expect("subscribe"), await peer.expect("subscribe")];
    return { peer, lists: [open, ...rest].map((one) => one.roomIds) };
  };
  const first = await told();
  await opening;
  const lengths = (lists: string[][]) => lists.map((one) => one.length);
  assert.deepEqual(lengths(first.lists), [1_000, 1_000, 500]);
  assert.deepEqual(first.lists.flat(), roomIds);
  await connection.unsubscribe(...roomIds.slice(0, 1_200));
  const fewer = [await first.peer.expect("unsubscribe"), await first.peer.expect("unsubscribe")];
  assert.deepEqual(lengths(fewer.map((one) => one.roomIds)), [1_000, 200]);
  await connection.subscribe(...roomIds.slice(0, 1_200));
  first.peer.close();
  const second = await told();
  assert.deepEqual(lengths(second.lists), [1_000, 1_000, 500]);
  assert.deepEqual(second.lists.flat().sort(), [...roomIds].sort());
  await connection.subscribe();
  await nothingMore(connection, second.peer);
});

test("what changes while a stream is dialled is told once it is open", async () => {
  await using server = await new FakeServer().start();
  const connection = dial(server, { roomIds: ["r1", "r2"] });
  const opening = connection.open();
  const peer = await server.connections.next("a connection");
  assert.deepEqual((await peer.expect("open")).roomIds, ["r1", "r2"]);
  await connection.subscribe("r3");
  await connection.unsubscribe("r1");
  peer.send({ message: { case: "opened", value: { connectionId: "c" } } });
  assert.deepEqual((await peer.expect("subscribe")).roomIds, ["r3"]);
  assert.deepEqual((await peer.expect("unsubscribe")).roomIds, ["r1"]);
  await opening;
  await nothingMore(connection, peer);
});

test("an id that no room has is the caller's error, and the connection goes on", async () => {
  await using server = await new FakeServer().start();
  const long = "x".repeat(257);
  const refusal = (field: string, words: RegExp) => (error: unknown) =>
    RoomdError.is(error, "VALIDATION") && words.test(error.violations[field] ?? "");
  const tooLong = refusal("room_ids[1]", /257 characters, at most 256/);
  assert.throws(() => dial(server, { roomIds: ["r1", long] }), tooLong);
  const connection = dial(server, { roomIds: ["r1"] });
  const opening = connection.open();
  const [first] = await opened(server);
  await opening;
  await assert.rejects(connection.subscribe("r2", long), tooLong);
  await assert.rejects(connection.unsubscribe("r1", long), tooLong);
  await assert.rejects(connection.subscribe("a\0b"), refusal("room_ids[0]", /NUL/));
  const typing = connection.signal(long, EphemeralType.TYPING_START);
  await assert.rejects(typing, refusal("room_id", /257/));
  await nothingMore(connection, first);
  const longest = "😀".repeat(256);
  await connection.subscribe(longest);
  assert.deepEqual((await first.expect("subscribe")).roomIds, [longest]);
  first.close();
  const [second, open] = await opened(server);
  assert.deepEqual(open.roomIds, ["r1", longest], "nothing of what was refused");
  await nothingMore(connection, second);
});

test("a server that was started again shows the same rooms", { skip: ABSENT }, async () => {
  await using server = await RealServer.start();
  const client = server.client();
  for (const roomId of ["one", "two", "three"]) {
    await roomWith(client, roomId, "desk", "all", "some");
  }
  const open = (channelId: string, roomIds: string[] = []) =>
    client.connection({ channelId, participantId: "ann", roomIds, logger: silent }).open();
  const all = await open("all");
  await all.subscribe("one");
  await all.unsubscribe("two");
  const some = await open("some", ["one", ...many(1_500), "two"]);
  await some.unsubscribe("one");
  await server.end("SIGTERM");
  await server.start();
  // Who is answered has been told to see the rooms: that came before the message.
  await all.send({ roomId: "one", content: text("here") });
  await some.send({ roomId: "two", content: text("here") });
  const seen = { all: bodiesOf(all), some: bodiesOf(some) };
  for (const roomId of ["one", "two", "three"]) {
    const content = text(`in ${roomId}`);
    await client.events.send({ roomId, channelId: "desk", content, wait: Wait.DELIVERED });
  }
  assert.deepEqual(seen, { all: ["in one", "in three"], some: ["in two"] });
});

/** What the events of a connection say, as they come. */
function bodiesOf(connection: LiveConnection): string[] {
  const bodies: string[] = [];
  void (async () => {
    for await (const item of connection) {
      if (item.case === "event") {
        bodies.push(textOf(item.value.event));
      }
    }
  })();
  return bodies;
}
