/**
 * A handler that a worker serves.
 *
 * @module
 */
import type { RoomdError } from "./errors.js";
import type { Handler } from "./handler.js";

/** A handler, and whether the server has taken it. */
export class Registration {
  /** Resolved once it is served; rejected with a `RoomdError` when the server refused it. */
  readonly attached: Promise<void>;
  /** @internal */
  readonly handler: Handler;
  readonly #stop: () => void;
  #resolve!: () => void;
  #reject!: (error: RoomdError) => void;
  #state: "waiting" | "attached" | "refused" = "waiting";

  /** @internal */
  constructor(handler: Handler, stop: () => void) {
    this.handler = handler;
    this.#stop = stop;
    this.attached = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.attached.catch(() => undefined); // whoever wants to know awaits it
  }

  /** The handler's name. */
  get name(): string {
    return this.handler.name;
  }

  /** Whether the server has not said anything about it yet. */
  get isWaiting(): boolean {
    return this.#state === "waiting";
  }

  /** Serve it no more. */
  stop(): void {
    this.#stop();
  }

  /** @internal The server has taken it. */
  take(): void {
    if (this.#state === "waiting") {
      this.#state = "attached";
      this.#resolve();
    }
  }

  /** @internal The server has refused it; false when its user was told something else before. */
  refuse(error: RoomdError): boolean {
    if (this.#state !== "waiting") {
      return false;
    }
    this.#state = "refused";
    this.#reject(error);
    return true;
  }
}
