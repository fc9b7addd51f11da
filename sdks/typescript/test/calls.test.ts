/** Unary calls: errors, repeats, keys, lists; the same from a browser's transport. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import { test } from "node:test";

import { connectNodeAdapter } from "@connectrpc/connect-node";
import { SDK_VERSION } from "#src/version.js";
import { Code as RoomdCode, connect, RoomdError, text, textOf, visibility } from "roomd";
import * as v1 from "roomd/v1";
import { connect as connectWeb } from "roomd/web";

import { Code, ConnectError, FakeServer } from "./fake-server.js";
import { errorInfo, failing, field, pair } from "./refusals.js";

test("an error says why, where, and when to come back", async () => {
  const violation = field(1, pair("room_id", "is required"));
  const retry = field(1, new Uint8Array([0x08, 2, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]));
  await using server = await new FakeServer({
    rooms: {
      getRoom() {
        throw failing(Code.NotFound, [
          errorInfo("ROOM_NOT_FOUND", { room_id: "x", request_id: "r" }),
        ]);
      },
      createRoom() {
        throw failing(Code.InvalidArgument, [
          errorInfo("VALIDATION"),
          { type: "google.rpc.BadRequest", value: violation },
        ]);
      },
      pauseRoom() {
        throw failing(Code.ResourceExhausted, [
          errorInfo("RATE_LIMITED"),
          { type: "google.rpc.RetryInfo", value: retry },
        ]);
      },
      closeRoom() {
        throw new ConnectError("too large", Code.ResourceExhausted);
      },
    },
  }).start();
  const { rooms } = server.client();
  const caught = async (call: Promise<unknown>): Promise<RoomdError> => {
    const error = await call.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(error instanceof RoomdError);
    return error;
  };
  const missing = await caught(rooms.get("x"));
  assert.deepEqual(
    [missing.reason, missing.code, missing.message, missing.metadata],
    ["ROOM_NOT_FOUND", RoomdCode.NotFound, "in words", { room_id: "x", request_id: "r" }],
  );
  const invalid = await caught(rooms.create());
  assert.deepEqual(
    [invalid.reason, invalid.violations],
    ["VALIDATION", { room_id: "is required" }],
  );
  const limited = await caught(rooms.pause("x"));
  assert.deepEqual([limited.reason, limited.retryAfterMs], ["RATE_LIMITED", 2500]);
  assert.equal((await caught(rooms.close("x"))).reason, "MESSAGE_TOO_LARGE");
  assert.equal((await caught(rooms.archive("x"))).reason, "UNIMPLEMENTED");
});

test("a call is repeated while the service is not there, with one key", async () => {
  const keys: string[] = [];
  await using server = await new FakeServer({
    events: {
      sendEvent({ idempotencyKey }) {
        keys.push(idempotencyKey);
        if (keys.length < 3) {
          throw failing(Code.Unavailable, [errorInfo("NODE_DRAINING")]);
        }
        return { outcome: v1.Outcome.ACCEPTED };
      },
      processInbound({ message }) {
        keys.push(message!.idempotencyKey);
        return {};
      },
    },
  }).start();
  const { events } = server.client();
  const message = { roomId: "r", channelId: "c", content: text("hi") };
  assert.equal((await events.send(message)).outcome, v1.Outcome.ACCEPTED);
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0]!, /^[0-9a-f]{32}$/);
  await events.send(message);
  assert.notEqual(keys.at(-1), keys[0]);
  await events.send({ ...message, idempotencyKey: "mine" });
  assert.equal(keys.at(-1), "mine");
  await events.processInbound({ channelId: "c", senderId: "s", content: text("hi") });
  assert.match(keys.at(-1)!, /^[0-9a-f]{32}$/);
});

test("a server that is not there yet is waited for; a signal ends the waiting", async () => {
  await using server = await new FakeServer({
    rooms: { getRoom: () => ({ room: { roomId: "r" } }) },
  }).start();
  const client = server.client();
  await server.stop();
  await assert.rejects(client.rooms.get("r", { signal: AbortSignal.timeout(60) }), {
    name: "TimeoutError",
  });
  const waiting = client.rooms.get("r");
  await server.start();
  assert.equal((await waiting).roomId, "r");
});

test("what this program got wrong is not repeated", async () => {
  await using server = await new FakeServer().start();
  const wrong = { roomId: 7 } as unknown as { roomId: string };
  const began = performance.now();
  await assert.rejects(server.client().rooms.create(wrong));
  assert.ok(performance.now() - began < 10_000);
});

test("lists fetch a page when it is asked for", async () => {
  const tokens: string[] = [];
  await using server = await new FakeServer({
    rooms: {
      listRooms({ pageToken, pageSize }) {
        tokens.push(pageToken);
        const page = Number(pageToken || "0");
        const rooms = Array.from({ length: pageSize }, (_, i) => ({ roomId: `${page}-${i}` }));
        return { rooms, nextPageToken: page < 2 ? String(page + 1) : "" };
      },
    },
  }).start();
  const { rooms } = server.client();
  const seen: string[] = [];
  for await (const room of rooms.list({ pageSize: 2 })) {
    seen.push(room.roomId);
    if (seen.length === 3) {
      break;
    }
  }
  assert.deepEqual(
    [seen, tokens],
    [
      ["0-0", "0-1", "1-0"],
      ["", "1"],
    ],
  );
  for await (const room of rooms.list({ pageSize: 2 })) {
    seen.push(room.roomId);
  }
  assert.deepEqual(seen.slice(3), ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"]);
});

test("a change names what it changes, and nothing is no change", async () => {
  const masks: (string[] | undefined)[] = [];
  await using server = await new FakeServer({
    rooms: {
      updateRoom({ room, updateMask }) {
        masks.push(updateMask?.paths);
        return { room: room! };
      },
    },
    hooks: {
      updateHook({ name, updateMask }) {
        masks.push(updateMask?.paths);
        return { hook: { name } };
      },
    },
  }).start();
  const client = server.client();
  await client.rooms.update("r", { metadata: { a: 1 }, labels: {}, etag: "e" });
  await client.hooks.update("h", { failurePolicy: v1.FailurePolicy.ALLOW });
  assert.deepEqual(masks, [["metadata", "labels"], ["failure_policy"]]);
  await assert.rejects(client.hooks.update("h", {}), TypeError);
});

test("browsers call over gRPC-Web", async () => {
  const items = [{ roomId: "r", cursor: "c1", item: { case: "event", value: {} } }] as const;
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(v1.RoomService, {
          getRoom: ({ roomId }) => ({ room: { roomId } }),
          createRoom() {
            throw failing(Code.AlreadyExists, [errorInfo("ROOM_EXISTS")]);
          },
          async *subscribeRooms() {
            yield { items: [...items] };
          },
        }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const client = connectWeb(`http://127.0.0.1:${port}`, { apiKey: "k" });
    assert.equal((await client.rooms.get("r")).roomId, "r");
    await assert.rejects(client.rooms.create(), (error) => RoomdError.is(error, "ROOM_EXISTS"));
    for await (const item of client.rooms.subscribe("r")) {
      assert.equal(item.cursor, "c1");
      break;
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const gone = connectWeb(`http://127.0.0.1:${port}`, { reconnect: { firstMs: 10 } });
  const signal = AbortSignal.timeout(200);
  await assert.rejects(gone.rooms.get("r", { signal }), { name: "TimeoutError" });
});

test("words are found in every content, and visibility takes the short forms", () => {
  const words = (kind: v1.Content["kind"]) => textOf({ kind } as v1.Content);
  const say = (body: string) => ({ kind: { case: "text", value: { body } } }) as v1.Content;
  assert.equal(
    words({ case: "rich", value: { body: "**a**", plainText: "a" } as v1.RichContent }),
    "a",
  );
  assert.equal(words({ case: "media", value: { caption: "c" } as v1.MediaContent }), "c");
  assert.equal(words({ case: "edit", value: { newContent: say("n") } as v1.EditContent }), "n");
  assert.equal(
    words({ case: "composite", value: { parts: [say("a"), say("b")] } as v1.CompositeContent }),
    "a\nb",
  );
  assert.equal(words({ case: undefined }), "");
  assert.equal(textOf(undefined), "");
  const { ALL, TRANSPORT, CHANNELS } = v1.Visibility_Scope;
  assert.deepEqual(visibility("all"), { scope: ALL });
  assert.deepEqual(visibility("transport"), { scope: TRANSPORT });
  assert.deepEqual(visibility("ws, sms"), { scope: CHANNELS, channelIds: ["ws", "sms"] });
  assert.deepEqual(visibility(["all"]), { scope: CHANNELS, channelIds: ["all"] });
});

test("the SDK says its true version", async () => {
  const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  assert.equal(SDK_VERSION, JSON.parse(manifest).version);
});

test("a client hangs up when it goes out of scope", async () => {
  await using server = await new FakeServer({
    rooms: { getRoom: () => ({ room: { roomId: "r" } }) },
  }).start();
  {
    await using client = connect(server.address);
    assert.equal((await client.rooms.get("r")).roomId, "r");
  }
  await server.stop();
  await server.start();
});
