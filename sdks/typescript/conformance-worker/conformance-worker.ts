/**
 * The conformance worker of the TypeScript SDK; its contract is in tests/sdk/conformance.
 *
 * Commands come on stdin, observations go to stdout, a JSON object per line. It uses only public
 * names of the SDK and holds no logic of its own. `--broken=NAME` breaks its streams below the
 * SDK.
 *
 * @module
 */
import { createInterface } from "node:readline";

import type { Client, ReconnectOptions, Registration, Worker } from "roomd";
import { connect, RoomdError } from "roomd";

import { BROKEN_RECONNECT, breaking, isBroken } from "./conformance-broken.js";
import type { Described } from "./conformance-handlers.js";
import { register } from "./conformance-handlers.js";

interface Command {
  readonly do: string;
  readonly address: string;
  readonly key?: string;
  readonly name: string;
  readonly handlers: Described[];
  readonly settings?: {
    readonly worker_id?: string;
    readonly takeover?: boolean;
    readonly reconnect?: Readonly<Record<string, number>>;
  };
}

/** What one `start` asks for. */
class CaseWorker {
  readonly #client: Client;
  readonly #worker: Worker;
  readonly #registrations = new Map<string, Registration>();

  constructor({ address, key, settings = {} }: Command, broken: string) {
    const reconnect = reconnectOptions({ ...settings.reconnect, ...BROKEN_RECONNECT[broken] });
    const interceptors = [breaking(broken)];
    this.#client = connect(address, { reconnect, interceptors, ...(key && { apiKey: key }) });
    const { worker_id = "", takeover = false } = settings;
    this.#worker = this.#client.worker({ workerId: worker_id, takeover });
    this.#worker.closed.catch((error: RoomdError) => {
      // Handlers that wait say it themselves.
      say("refused", { reason: error.reason });
    });
  }

  /** Attach handlers, all at once, without waiting for it. */
  attach(handlers: readonly Described[]): void {
    for (const described of handlers) {
      const registration = register(this.#worker, this.#client, described, say);
      this.#registrations.set(described.name, registration);
      registration.attached.then(
        () => say("attached", { name: described.name }),
        (error: RoomdError) => {
          if (error.reason !== "CANCELED") {
            say("refused", { name: described.name, reason: error.reason });
          }
        },
      );
    }
    this.#worker.start().catch(() => undefined); // each handler has said it
  }

  detach(name: string): void {
    this.#registrations.get(name)?.stop();
  }

  async stop(graceMs?: number): Promise<void> {
    await this.#worker.close(graceMs === undefined ? {} : { graceMs });
    await this.#client.close();
  }
}

function reconnectOptions(given: Readonly<Record<string, number>>): ReconnectOptions {
  const { first_ms, max_ms, steady_ms, jitter } = given;
  return {
    ...(first_ms !== undefined && { firstMs: first_ms }),
    ...(max_ms !== undefined && { maxMs: max_ms }),
    ...(steady_ms !== undefined && { steadyMs: steady_ms }),
    ...(jitter !== undefined && { jitter: () => jitter }),
  };
}

function say(saw: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ saw, ...fields })}\n`);
}

async function obey(
  command: Command,
  current: CaseWorker | undefined,
): Promise<CaseWorker | undefined> {
  switch (command.do) {
    case "start": {
      const started = new CaseWorker(command, broken);
      started.attach(command.handlers);
      return started;
    }
    case "attach":
      current?.attach(command.handlers);
      return current;
    case "detach":
      current?.detach(command.name);
      return current;
    case "stop":
    case "abandon":
      await current?.stop(command.do === "stop" ? undefined : 0);
      say("stopped");
      return undefined;
    default:
      say("unsupported", { what: command.do });
      return current;
  }
}

const broken = process.argv.find((one) => one.startsWith("--broken="))?.slice(9) ?? "";
if (broken && !isBroken(broken)) {
  process.stderr.write(`no way to break a worker: ${broken}\n`);
  process.exit(2);
}

let current: CaseWorker | undefined;
process.on("SIGTERM", () => {
  void (current?.stop() ?? Promise.resolve()).then(() => {
    say("stopped");
    process.exit(0);
  });
});
say("ready", { sdk: "typescript", version: "0.1.0" });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    current = await obey(JSON.parse(line) as Command, current);
  } catch (error) {
    say("fault", { message: String(error) });
  }
}
process.exit(0);
