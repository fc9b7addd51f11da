/**
 * What operators ask.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { errorFrom } from "./errors.js";
import type {
  FrameworkEvent,
  GetServerInfoResponse,
  TailFrameworkEventsRequestSchema,
} from "./gen/roomd/v1/admin_service_pb.js";
import { AdminService } from "./gen/roomd/v1/admin_service_pb.js";
import type { Without } from "./init.js";

const { method } = AdminService;

/** Calls of operators. */
export class Admin {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Version, limits, promises, load. */
  async serverInfo(options?: CallOptions): Promise<GetServerInfoResponse> {
    return await this.#caller.unary(method.getServerInfo, {}, options);
  }

  /**
   * Lifecycle notices as they happen, until the connection ends: what happens while nobody
   * listens is gone, so it is not dialled again by itself.
   *
   * @throws RoomdError
   */
  async *tail(
    filter: Without<typeof TailFrameworkEventsRequestSchema, never> = {},
    { signal }: Pick<CallOptions, "signal"> = {},
  ): AsyncGenerator<FrameworkEvent, void, undefined> {
    const hangUp = new AbortController();
    const both = signal ? AbortSignal.any([signal, hangUp.signal]) : hangUp.signal;
    try {
      for await (const page of this.#caller.serverStream(
        method.tailFrameworkEvents,
        filter,
        both,
      )) {
        yield* page.events;
      }
    } catch (failure) {
      signal?.throwIfAborted();
      throw errorFrom(failure);
    } finally {
      hangUp.abort();
    }
  }
}
