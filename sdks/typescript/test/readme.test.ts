/** The README tells the truth: its package installs, its programs compile, run, and print that. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, test } from "node:test";

import { ABSENT, KEY, RealServer } from "./real-server.js";

const HOME = fileURLToPath(new URL("../../", import.meta.url));
const README = readFileSync(join(HOME, "README.md"), "utf8");
const blocks = (language: string) =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    (one) => one[1]!,
  );
const PROGRAMS = blocks("ts");
const PRINTED = [
  "hello → ACCEPTED \nbuy spam → BLOCKED spam\n",
  "ROOM_NOT_FOUND nowhere\n{ room_id: 'is required' }\nchanged my mind\n",
  "1: one\n2: two\nlater: three\n",
  "ann: hi Bob (2)\n",
  "to doctor: Room 4\n",
  "weather → The weather of a city\n" +
    'ANSWERED {"city":"Paris","forecast":["sunny","sunny"],"room":"beach"} Paris\n' +
    "ANSWERED true there is no such city\n" +
    "refused: arguments.days\n",
  "in trace 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
];

let server: RealServer | undefined;
const project = await mkdtemp(join(tmpdir(), "roomd-readme-"));
const run = (file: string, ...rest: string[]) =>
  execFileSync(file, rest, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("the package installs as the README says, and its programs compile", async () => {
  const [install] = blocks("sh");
  const [pack, add] = install!.trim().split("\n");
  assert.equal(pack, "(cd sdks/typescript && npm ci && npm pack)");
  assert.equal(add, "npm install ./sdks/typescript/roomd-0.1.0.tgz");
  await writeFile(join(project, "package.json"), '{ "type": "module", "private": true }');
  execFileSync("npm", ["pack", "--silent", "--pack-destination", project], { cwd: HOME });
  run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "./roomd-0.1.0.tgz");
  const held = run("tar", "tzf", "roomd-0.1.0.tgz").split("\n");
  assert.ok(held.includes("package/dist/index.d.ts"));
  assert.deepEqual(
    held.filter((name) => /conformance|test|src/.test(name)),
    [],
  );
  const options = { extends: join(HOME, "tsconfig.base.json"), include: ["*.ts"] };
  const types = [join(HOME, "node_modules/@types")];
  const compilerOptions = { rootDir: ".", outDir: "out", typeRoots: types, declaration: false };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify({ ...options, compilerOptions }));
  for (const [number, program] of PROGRAMS.entries()) {
    await writeFile(join(project, `program${number}.ts`), program);
  }
  run(join(HOME, "node_modules/.bin/tsc"), "-p", ".");
});

for (const [number, printed] of PRINTED.entries()) {
  test(`program ${number + 1} of the README runs`, { skip: ABSENT }, async () => {
    server ??= await RealServer.start();
    const script = join(project, "out", `program${number}.js`);
    const told = readFileSync(script, "utf8").replaceAll("127.0.0.1:7777", server.address);
    await writeFile(script, told);
    const env = { ...process.env, ROOMD_API_KEY: KEY };
    const options = { cwd: project, env, encoding: "utf8", timeout: 30_000 } as const;
    assert.equal(execFileSync(process.execPath, [script], options), printed);
  });
}

test("there is an output for every program, and the hook fits into twenty lines", () => {
  assert.equal(PROGRAMS.length, PRINTED.length);
  const lines = PROGRAMS[0]!.split("\n").filter((line) => line.trim());
  assert.ok(lines.length <= 20, `${lines.length}`);
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(project, { recursive: true });
});
