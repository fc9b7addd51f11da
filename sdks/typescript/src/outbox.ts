/**
 * Messages on their way out of a stream.
 *
 * @module
 */

/**
 * A bounded queue that a transport reads as the requests of a stream.
 *
 * Ends when it is closed; what is in it by then is still read.
 */
export class Outbox<T> implements AsyncIterableIterator<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #closed = false;
  #reader: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #writers: (() => void)[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Whether nothing more will leave. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Put something in; waits while it is full. What comes after the end is dropped. */
  async put(item: T): Promise<void> {
    while (this.#items.length >= this.#capacity && !this.#closed) {
      await new Promise<void>((resolve) => this.#writers.push(resolve));
    }
    this.offer(item);
  }

  /** Put something in that may not wait; false when it is full or closed. */
  offer(item: T): boolean {
    if (this.#closed || this.#items.length >= this.#capacity) {
      return false;
    }
    if (this.#reader) {
      const reader = this.#reader;
      this.#reader = undefined;
      reader({ done: false, value: item });
    } else {
      this.#items.push(item);
    }
    return true;
  }

  /** Nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#reader?.({ done: true, value: undefined });
    this.#reader = undefined;
    this.#wakeWriters();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#wakeWriters();
      return Promise.resolve({ done: false, value: item });
    }
    if (this.#closed) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve) => (this.#reader = resolve));
  }

  /** The transport reads no more. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#items.length = 0;
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The transport failed. */
  throw(): Promise<IteratorResult<T, undefined>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const wake of writers) {
      wake();
    }
  }
}
