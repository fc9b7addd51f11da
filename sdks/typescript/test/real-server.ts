/**
 * A real server in a process of its own: to be killed, and started again where it was.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { Client } from "roomd";
import { ChannelType, connect } from "roomd";

import { soon } from "./fake-server.js";

/** Programs start slowly where many do. */
const PROGRAM_MS = 60_000;

export const KEY = "rd_dev_0123456789abcdef0123456789abcdef";

/** The command of the server, as the test command of the repository gives it. */
export const COMMAND =
  (process.env["ROOMD_SERVER_CMD"] ?? "").match(/'[^']*'|\S+/g)?.map(unquoted) ?? [];

/** Why tests that need a server are skipped; false: they are not. */
export const ABSENT = COMMAND.length
  ? false
  : "ROOMD_SERVER_CMD IS NOT SET: NOTHING IS TESTED AGAINST A REAL SERVER";

if (ABSENT && (process.env["CI"] || process.env["ROOMD_REQUIRE_ALL"])) {
  throw new Error(ABSENT);
}

function unquoted(word: string): string {
  return word.startsWith("'") ? word.slice(1, -1) : word;
}

/** A program whose lines can be waited for. */
export class Program {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly #lines: string[] = [];
  #changed = () => undefined as void;

  constructor(command: readonly string[], environment: Record<string, string> = {}) {
    const [file, ...rest] = command;
    this.process = spawn(file!, rest, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.exited = new Promise((resolve) => this.process.on("exit", resolve));
    void this.exited.then(() => this.#changed());
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#changed();
    });
  }

  /** Wait for a line with these words. */
  async says(words: string): Promise<string> {
    const found = async () => {
      for (;;) {
        const index = this.#lines.findIndex((line) => line.includes(words));
        if (index >= 0) {
          return this.#lines.splice(0, index + 1).at(-1)!;
        }
        if (this.process.exitCode !== null) {
          throw new Error(`ended without saying ${words}: ${this.#lines.join("\n")}`);
        }
        await new Promise<void>((resolve) => (this.#changed = resolve));
      }
    };
    return await soon(found(), words, PROGRAM_MS);
  }

  /** End it; returns its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.process.kill(signal);
    return await soon(this.exited, `the end after ${signal}`, PROGRAM_MS);
  }
}

/** `roomd serve` on one port and one file. */
export class RealServer implements AsyncDisposable {
  readonly address: string;
  readonly #folder: string;
  readonly #clients: Client[] = [];
  readonly #programs: Program[] = [];
  #program: Program | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(): Promise<RealServer> {
    const folder = await mkdtemp(join(tmpdir(), "roomd-ts-"));
    const server = new RealServer(folder, await freePort());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const store = `sqlite:///${join(this.#folder, "rooms.db")}`;
    const options = ["--listen", this.address, "--store", store, "--api-key", KEY];
    this.#program = new Program([...COMMAND, "serve", ...options]);
    await this.#program.says("roomd serves on");
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#program?.end(signal);
  }

  client(): Client {
    const client = connect(this.address, { apiKey: KEY, reconnect: { maxMs: 500 } });
    this.#clients.push(client);
    return client;
  }

  /** A program that knows where the server is; killed with it. */
  run(command: readonly string[]): Program {
    const program = new Program(command, { ROOMD_ADDRESS: this.address, ROOMD_API_KEY: KEY });
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#programs.map((program) => program.end("SIGKILL")));
    await this.end("SIGKILL");
    await rm(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A room with live-connection channels. */
export async function roomWith(
  client: Client,
  roomId: string,
  ...channelIds: string[]
): Promise<void> {
  await client.rooms.create({ roomId });
  for (const channelId of channelIds) {
    await client.channels.register({ channelId, type: ChannelType.WEBSOCKET }, { replace: true });
    await client.channels.attach(roomId, channelId);
  }
}
