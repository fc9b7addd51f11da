/**
 * Fleeting things: typing, presence, receipts, reactions. Never stored.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";

import type { CallOptions, Caller } from "./caller.js";
import type { EphemeralEvent, Presence, PresenceEntry } from "./gen/roomd/v1/realtime_pb.js";
import type { PublishEphemeralRequestSchema } from "./gen/roomd/v1/realtime_service_pb.js";
import { RealtimeService } from "./gen/roomd/v1/realtime_service_pb.js";
import type { Without } from "./init.js";
import { given } from "./rooms.js";

const { method } = RealtimeService;

/** Options of a call, and details that go with what is published. */
export type PublishOptions = CallOptions & { readonly data?: JsonObject };

/** Calls about fleeting things; `rooms.subscribe` with `ephemeral` shows them. */
export class Realtime {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Somebody types, or stopped. */
  async typing(
    roomId: string,
    userId: string,
    typing: boolean,
    { data, ...options }: PublishOptions = {},
  ): Promise<EphemeralEvent> {
    const request = { roomId, userId, typing, ...(data && { data }) };
    return given((await this.#caller.unary(method.publishTyping, request, options)).event);
  }

  /** Somebody is online, away or offline: a lease of 30 s, renewed by publishing again. */
  async presence(
    roomId: string,
    userId: string,
    presence: Presence,
    { data, ...options }: PublishOptions = {},
  ): Promise<EphemeralEvent> {
    const request = { roomId, userId, presence, ...(data && { data }) };
    return given((await this.#caller.unary(method.publishPresence, request, options)).event);
  }

  /** Somebody read an event. */
  async readReceipt(
    roomId: string,
    userId: string,
    eventId: string,
    options?: CallOptions,
  ): Promise<EphemeralEvent> {
    const request = { roomId, userId, eventId };
    return given((await this.#caller.unary(method.publishReadReceipt, request, options)).event);
  }

  /** Somebody reacts to an event, or with `remove` takes it back. */
  async reaction(
    roomId: string,
    userId: string,
    eventId: string,
    emoji: string,
    { remove = false, ...options }: CallOptions & { readonly remove?: boolean } = {},
  ): Promise<EphemeralEvent> {
    const request = { roomId, userId, eventId, emoji, remove };
    return given((await this.#caller.unary(method.publishReaction, request, options)).event);
  }

  /** Anything else. */
  async publish(
    request: Without<typeof PublishEphemeralRequestSchema, never>,
    options?: CallOptions,
  ): Promise<EphemeralEvent> {
    return given((await this.#caller.unary(method.publishEphemeral, request, options)).event);
  }

  /** Who is online or away now. */
  async listPresence(roomId: string, options?: CallOptions): Promise<PresenceEntry[]> {
    return (await this.#caller.unary(method.listPresence, { roomId }, options)).entries;
  }
}
