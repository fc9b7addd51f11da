/**
 * Stored hooks, and who serves them.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { pages } from "./caller.js";
import type { Hook, HookSpecSchema } from "./gen/roomd/v1/hook_pb.js";
import type {
  ListHooksRequestSchema,
  ListWorkersRequestSchema,
  ListWorkersResponse_Worker,
  TestHooksRequestSchema,
  TestHooksResponse,
} from "./gen/roomd/v1/hook_service_pb.js";
import { HookService } from "./gen/roomd/v1/hook_service_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import { given } from "./rooms.js";

const { method } = HookService;

/** Calls about stored hooks. All fail with `RoomdError`. */
export class Hooks {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Stores a hook that outlives its workers. HOOK_EXISTS, TRIGGER_MODE_MISMATCH. */
  async create(
    name: string,
    spec: Init<typeof HookSpecSchema>,
    options?: CallOptions,
  ): Promise<Hook> {
    return given((await this.#caller.unary(method.createHook, { name, spec }, options)).hook);
  }

  /** HOOK_NOT_FOUND. */
  async get(name: string, options?: CallOptions): Promise<Hook> {
    return given((await this.#caller.unary(method.getHook, { name }, options)).hook);
  }

  /** By name, fetched as they are asked for. */
  list(
    filter: Without<typeof ListHooksRequestSchema, "pageToken"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Hook, void, undefined> {
    return pages(async (pageToken) => {
      const page = await this.#caller.unary(method.listHooks, { ...filter, pageToken }, options);
      return { items: page.hooks, nextPageToken: page.nextPageToken };
    });
  }

  /** Changes what is named. ETAG_MISMATCH. */
  async update(
    name: string,
    change: Without<typeof HookSpecSchema, never>,
    { etag = "", ...options }: CallOptions & { readonly etag?: string } = {},
  ): Promise<Hook> {
    const request = { name, spec: change, updateMask: maskOf(change, []), etag };
    return given((await this.#caller.unary(method.updateHook, request, options)).hook);
  }

  /** Removes a hook; those who serve it are told. */
  async delete(
    name: string,
    { etag = "", ...options }: CallOptions & { readonly etag?: string } = {},
  ): Promise<void> {
    await this.#caller.unary(method.deleteHook, { name, etag }, options);
  }

  /** As if it did not exist. */
  async pause(name: string, options?: CallOptions): Promise<Hook> {
    return given((await this.#caller.unary(method.pauseHook, { name }, options)).hook);
  }

  /** Called again; closes an open circuit. */
  async resume(name: string, options?: CallOptions): Promise<Hook> {
    return given((await this.#caller.unary(method.resumeHook, { name }, options)).hook);
  }

  /** Runs a payload through the hooks that match; stores and delivers nothing. */
  async test(
    request: Without<typeof TestHooksRequestSchema, never>,
    options?: CallOptions,
  ): Promise<TestHooksResponse> {
    return await this.#caller.unary(method.testHooks, request, options);
  }

  /** Worker sessions that are attached now, fetched as they are asked for. */
  listWorkers(
    filter: Without<typeof ListWorkersRequestSchema, "pageToken"> = {},
    options?: CallOptions,
  ): AsyncGenerator<ListWorkersResponse_Worker, void, undefined> {
    return pages(async (pageToken) => {
      const page = await this.#caller.unary(method.listWorkers, { ...filter, pageToken }, options);
      return { items: page.workers, nextPageToken: page.nextPageToken };
    });
  }
}
