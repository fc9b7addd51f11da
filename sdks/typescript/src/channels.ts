/**
 * Channels, and their places in rooms.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { pages } from "./caller.js";
import type {
  Access,
  Binding,
  BindingSchema,
  Channel,
  ChannelSchema,
  VisibilitySchema,
} from "./gen/roomd/v1/channel_pb.js";
import type { ListChannelsRequestSchema } from "./gen/roomd/v1/channel_service_pb.js";
import { ChannelService } from "./gen/roomd/v1/channel_service_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import { given } from "./rooms.js";

const { method } = ChannelService;

/** New values of a channel. */
export type ChannelChange = Pick<
  Init<typeof ChannelSchema>,
  | "capabilities"
  | "settings"
  | "rateLimit"
  | "inboundRateLimit"
  | "deliveryDeadline"
  | "implementation"
  | "etag"
>;

/** New values of a binding. */
export type BindingChange = Pick<
  Init<typeof BindingSchema>,
  | "metadata"
  | "rateLimit"
  | "retryPolicy"
  | "capabilities"
  | "direction"
  | "participantId"
  | "category"
  | "analyseWhileMuted"
  | "etag"
>;

/** Settings of a channel in a room. */
export type BindingSettings = Without<typeof BindingSchema, "roomId" | "channelId">;

/** Calls about channels and their bindings. All fail with `RoomdError`. */
export class Channels {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Stores a channel. CHANNEL_EXISTS, unless `replace`. */
  async register(
    channel: Init<typeof ChannelSchema>,
    { replace = false, ...options }: CallOptions & { readonly replace?: boolean } = {},
  ): Promise<Channel> {
    const request = { channel, replace };
    return given((await this.#caller.unary(method.registerChannel, request, options)).channel);
  }

  /** CHANNEL_NOT_FOUND. */
  async get(channelId: string, options?: CallOptions): Promise<Channel> {
    return given((await this.#caller.unary(method.getChannel, { channelId }, options)).channel);
  }

  /** By id, fetched as they are asked for. */
  list(
    filter: Without<typeof ListChannelsRequestSchema, "pageToken"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Channel, void, undefined> {
    return pages(async (pageToken) => {
      const page = await this.#caller.unary(method.listChannels, { ...filter, pageToken }, options);
      return { items: page.channels, nextPageToken: page.nextPageToken };
    });
  }

  /** Changes what is named. */
  async update(channelId: string, change: ChannelChange, options?: CallOptions): Promise<Channel> {
    const updateMask = maskOf(change, ["etag"]);
    const request = { channel: { ...change, channelId }, updateMask };
    return given((await this.#caller.unary(method.updateChannel, request, options)).channel);
  }

  /** Removes a channel. CHANNEL_IN_USE while rooms have it, unless `force`. */
  async unregister(
    channelId: string,
    { force = false, ...options }: CallOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    await this.#caller.unary(method.unregisterChannel, { channelId, force }, options);
  }

  /** Attaches it to a room. BINDING_EXISTS when it is there with other settings. */
  async attach(
    roomId: string,
    channelId: string,
    binding: BindingSettings = {},
    options?: CallOptions,
  ): Promise<Binding> {
    const request = { roomId, channelId, binding };
    return given((await this.#caller.unary(method.attachChannel, request, options)).binding);
  }

  /** Detaches it; false: it was not attached. */
  async detach(roomId: string, channelId: string, options?: CallOptions): Promise<boolean> {
    const request = { roomId, channelId };
    return (await this.#caller.unary(method.detachChannel, request, options)).detached;
  }

  /** It hears, and what it says is stored BLOCKED. */
  async mute(roomId: string, channelId: string, options?: CallOptions): Promise<Binding> {
    const request = { roomId, channelId };
    return given((await this.#caller.unary(method.muteChannel, request, options)).binding);
  }

  /** It speaks again. */
  async unmute(roomId: string, channelId: string, options?: CallOptions): Promise<Binding> {
    const request = { roomId, channelId };
    return given((await this.#caller.unary(method.unmuteChannel, request, options)).binding);
  }

  /** Sound and speech to it are silenced. */
  async muteOutput(roomId: string, channelId: string, options?: CallOptions): Promise<Binding> {
    const request = { roomId, channelId };
    return given((await this.#caller.unary(method.muteOutput, request, options)).binding);
  }

  /** Sound and speech to it are heard again. */
  async unmuteOutput(roomId: string, channelId: string, options?: CallOptions): Promise<Binding> {
    const request = { roomId, channelId };
    return given((await this.#caller.unary(method.unmuteOutput, request, options)).binding);
  }

  /** What it may do. */
  async setAccess(
    roomId: string,
    channelId: string,
    access: Access,
    options?: CallOptions,
  ): Promise<Binding> {
    const request = { roomId, channelId, access };
    return given((await this.#caller.unary(method.setAccess, request, options)).binding);
  }

  /** Who sees what it writes; see `visibility()`. */
  async setVisibility(
    roomId: string,
    channelId: string,
    visibility: Init<typeof VisibilitySchema>,
    options?: CallOptions,
  ): Promise<Binding> {
    const request = { roomId, channelId, visibility };
    return given((await this.#caller.unary(method.setVisibility, request, options)).binding);
  }

  /** Changes what is named; metadata is merged key by key. */
  async updateBinding(
    roomId: string,
    channelId: string,
    change: BindingChange,
    options?: CallOptions,
  ): Promise<Binding> {
    const updateMask = maskOf(change, ["etag"]);
    const request = { binding: { ...change, roomId, channelId }, updateMask };
    return given((await this.#caller.unary(method.updateBinding, request, options)).binding);
  }

  /** BINDING_NOT_FOUND. */
  async getBinding(roomId: string, channelId: string, options?: CallOptions): Promise<Binding> {
    const request = { roomId, channelId };
    return given((await this.#caller.unary(method.getBinding, request, options)).binding);
  }

  /** Those of a room, in the order they were attached. */
  async listBindings(roomId: string, options?: CallOptions): Promise<Binding[]> {
    return (await this.#caller.unary(method.listBindings, { roomId }, options)).bindings;
  }
}
