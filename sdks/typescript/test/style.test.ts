/** The rules of the house for this language, and what the package exports. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import * as roomd from "roomd";
import * as web from "roomd/web";

const HOME = fileURLToPath(new URL("../../", import.meta.url));
const MAX_LINES = 500;
const MAX_COLUMNS = 100;
const EXPORT = /^export (?:abstract )?(?:class|function|async function|interface|type \w+ =|const)/;

interface Source {
  readonly name: string;
  readonly lines: string[];
}

const sources: Source[] = ["src", "test", "conformance-worker"].flatMap((folder) =>
  readdirSync(`${HOME}${folder}`)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const lines = readFileSync(`${HOME}${folder}/${name}`, "utf8").split("\n");
      return { name: `${folder}/${name}`, lines };
    }),
);

function breaches(rule: (line: string, number: number, source: Source) => boolean): string[] {
  return sources.flatMap((source) =>
    source.lines.flatMap((line, number) =>
      rule(line, number, source) ? [`${source.name}:${number + 1}: ${line}`] : [],
    ),
  );
}

test("modules are small, lines are short, nothing is left undone", () => {
  assert.ok(sources.length > 30);
  assert.deepEqual(
    sources.filter(({ lines }) => lines.length > MAX_LINES).map(({ name }) => name),
    [],
  );
  assert.deepEqual(
    breaches((line) => line.length > MAX_COLUMNS),
    [],
  );
  const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`);
  assert.deepEqual(
    breaches((line) => unfinished.test(line)),
    [],
  );
});

test("every module and every exported name says what it is", () => {
  const product = ({ name }: Source) => name.startsWith("src/");
  const silent = sources.filter(product).filter(({ lines }) => lines[0] !== "/**");
  assert.deepEqual(
    silent.map(({ name }) => name),
    [],
  );
  const undocumented = breaches(
    (line, number, source) =>
      product(source) && EXPORT.test(line) && !source.lines[number - 1]?.endsWith("*/"),
  );
  assert.deepEqual(undocumented, []);
});

test("no name is exported by accident, and browsers get what they can do", () => {
  const inBrowsers = [
    "Access",
    "ChannelType",
    "Code",
    "DeliverStrategy",
    "DeliveryMode",
    "DeliveryState",
    "Direction",
    "EphemeralType",
    "EventStatus",
    "EventType",
    "FailurePolicy",
    "HookDelivery",
    "HookMode",
    "HookTrigger",
    "Lifetime",
    "MediaType",
    "Outcome",
    "ParticipantRole",
    "ParticipantStatus",
    "Presence",
    "RoomStatus",
    "RoomdError",
    "Subscription",
    "TaskStatus",
    "ToolOutcome",
    "Wait",
    "WebClient",
    "connect",
    "text",
    "textOf",
    "visibility",
  ];
  const inNode = ["Client", "DeliveryFailure", "GiveUp", "LiveConnection", "Retryable", "Worker"];
  const answers = ["allow", "block", "modify", "toolResult"];
  assert.deepEqual(Object.keys(web).sort(), inBrowsers);
  assert.deepEqual(Object.keys(roomd).sort(), [...inBrowsers, ...inNode, ...answers].sort());
});
