/** The golden messages of the protocol: kept byte for byte, and as JSON. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { createRegistry, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import * as v1 from "roomd/v1";

interface Vector {
  readonly name: string;
  readonly type: string;
  readonly json_is_whole: boolean;
}

const FEWEST = 40;
const FOLDER = new URL("../../../../proto/vectors/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER));
const json = (name: string) => JSON.parse(read(name).toString("utf8")) as JsonValue;
const index = json("index.json") as unknown as Vector[];
const schemas = Object.values<unknown>(v1).filter(isSchema);
const registry = createRegistry(...schemas);

function isSchema(value: unknown): value is DescMessage {
  return typeof value === "object" && (value as DescMessage).kind === "message";
}

test("the golden messages are there", () => {
  assert.ok(index.length >= FEWEST, `${index.length}`);
});

for (const { name, type, json_is_whole } of index) {
  test(`${name} is kept as it is`, () => {
    const schema = registry.getMessage(type);
    assert.ok(schema, `no ${type}`);
    const bytes = new Uint8Array(read(`${name}.binpb`));
    const message = fromBinary(schema, bytes);
    assert.deepEqual(toBinary(schema, message), bytes);
    const whole = json(`${name}.json`);
    assert.deepEqual(toJson(schema, message, { registry }), whole);
    if (json_is_whole) {
      assert.deepEqual(toBinary(schema, fromJson(schema, whole, { registry })), bytes);
    }
  });
}
