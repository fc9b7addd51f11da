/**
 * Waits: between tries, and for a while.
 *
 * @module
 */

/** How streams are dialled again. */
export interface ReconnectOptions {
  /** Bound of the first wait; it doubles with each try. Default 100 ms. */
  readonly firstMs?: number;
  /** Largest bound. Default 10 s. */
  readonly maxMs?: number;
  /** A stream that served this long was a good one: the next wait is a first one. Default 30 s. */
  readonly steadyMs?: number;
  /** A number from 0 to 1, the part of the bound to wait. Default: a random one (full jitter). */
  readonly jitter?: () => number;
}

/** The waits between the tries of one stream. */
export class Backoff {
  readonly steadyMs: number;
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #jitter: () => number;
  #attempt = 0;

  constructor(options: ReconnectOptions = {}) {
    this.#firstMs = options.firstMs ?? 100;
    this.#maxMs = options.maxMs ?? 10_000;
    this.steadyMs = options.steadyMs ?? 30_000;
    this.#jitter = options.jitter ?? Math.random;
  }

  /** How long to wait now; the next wait may be longer. */
  nextMs(): number {
    const bound = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempt, 16));
    this.#attempt += 1;
    return this.#jitter() * bound;
  }

  /** The next wait is a first one again when the stream served long enough. */
  served(durationMs: number): void {
    if (durationMs > this.steadyMs) {
      this.#attempt = 0;
    }
  }
}

/**
 * Waits; ends early, without an error, when `signal` is aborted.
 */
export function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal?.addEventListener("abort", done);
  });
}
