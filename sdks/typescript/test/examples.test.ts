/** The examples of this language run against a real server and print what they should. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { connect } from "roomd";

import { ABSENT, KEY, RealServer } from "./real-server.js";

const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));
const BUILT = fileURLToPath(new URL("../examples/", import.meta.url));
const tasks = readdirSync(EXAMPLES).filter((task) => existsSync(`${EXAMPLES}${task}/typescript`));
let server: RealServer;

before(async () => {
  if (!ABSENT) {
    server = await RealServer.start();
  }
});
after(async () => {
  if (!ABSENT) {
    await server[Symbol.asyncDispose]();
  }
});

test("there are examples", () => {
  assert.ok(tasks.length >= 4, tasks.join());
});

for (const task of tasks) {
  test(`${task} prints what it should, and leaves no hook`, { skip: ABSENT }, async () => {
    const env = { ...process.env, ROOMD_ADDRESS: server.address, ROOMD_API_KEY: KEY };
    const script = `${BUILT}${task}/typescript/main.mjs`;
    const options = { env, encoding: "utf8", timeout: 30_000 } as const;
    const printed = execFileSync(process.execPath, [script], options);
    assert.equal(printed, readFileSync(`${EXAMPLES}${task}/expected.txt`, "utf8"));
    await using client = connect(server.address, { apiKey: KEY });
    for await (const hook of client.hooks.list()) {
      assert.fail(`${hook.name} is left`);
    }
  });
}
