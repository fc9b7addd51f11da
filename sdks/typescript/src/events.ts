/**
 * Messages in, the timeline out.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { DELIVERED_MS, newKey, pages } from "./caller.js";
import type { Delivery, InboundMessageSchema, RoomEvent } from "./gen/roomd/v1/event_pb.js";
import type {
  DeleteEventRequestSchema,
  DeleteEventResponse,
  DeliverRequestSchema,
  DeliverResponse,
  ListDeliveriesRequestSchema,
  ListEventsRequestSchema,
  ProcessInboundRequestSchema,
  ProcessInboundResponse,
  ReportDeliveryStatusRequestSchema,
  ReportDeliveryStatusResponse,
  SearchEventsRequestSchema,
  SearchHit,
  SendEventRequestSchema,
  SendEventResponse,
  ThreadSummary,
  UpdateEventRequestSchema,
  UpdateEventResponse,
} from "./gen/roomd/v1/event_service_pb.js";
import { EventService, Wait } from "./gen/roomd/v1/event_service_pb.js";
import type { ReadMarker } from "./gen/roomd/v1/room_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import { given } from "./rooms.js";

const { method } = EventService;

/** An event, by its id or its index. */
export type EventRef = { readonly eventId: string } | { readonly index: bigint | number };

/** New values of an event. */
export type EventChange = Pick<
  Init<typeof UpdateEventRequestSchema>,
  "content" | "metadata" | "participantId"
>;

/** Calls about events and deliveries. All fail with `RoomdError`; a refusal is an outcome. */
export class Events {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Takes a message from outside through the whole pipeline.
   *
   * Answers when it is durable, or with `wait: Wait.DELIVERED` when all that it started has
   * ended. Blocked, refused and duplicate messages are outcomes, not errors.
   */
  async processInbound(
    message: Init<typeof InboundMessageSchema>,
    {
      signal,
      timeoutMs,
      ...request
    }: CallOptions & Without<typeof ProcessInboundRequestSchema, "message"> = {},
  ): Promise<ProcessInboundResponse> {
    const keyed = { ...message, idempotencyKey: message.idempotencyKey || newKey() };
    const options = { signal, timeoutMs: timeoutMs ?? patience(request.wait) };
    return await this.#caller.unary(method.processInbound, { ...request, message: keyed }, options);
  }

  /** Writes an event from a channel of the room, through the same gates. */
  async send(
    event: Without<typeof SendEventRequestSchema, never>,
    { signal, timeoutMs }: CallOptions = {},
  ): Promise<SendEventResponse> {
    const options = { signal, timeoutMs: timeoutMs ?? patience(event.wait) };
    return await this.#caller.unary(method.sendEvent, event, options);
  }

  /** Says something of our own accord. */
  async deliver(
    message: Without<typeof DeliverRequestSchema, never>,
    options?: CallOptions,
  ): Promise<DeliverResponse> {
    return await this.#caller.unary(method.deliver, message, options);
  }

  /** EVENT_NOT_FOUND. */
  async get(
    roomId: string,
    event: EventRef,
    {
      includeDeliveries = false,
      ...options
    }: CallOptions & {
      readonly includeDeliveries?: boolean;
    } = {},
  ): Promise<RoomEvent> {
    const which = "eventId" in event ? { eventId: event.eventId } : { index: BigInt(event.index) };
    const request = { roomId, ...which, includeDeliveries };
    return given((await this.#caller.unary(method.getEvent, request, options)).event);
  }

  /** The timeline by index, fetched as it is asked for. */
  list(
    roomId: string,
    filter: Without<typeof ListEventsRequestSchema, "pageToken" | "roomId"> = {},
    options?: CallOptions,
  ): AsyncGenerator<RoomEvent, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, roomId, pageToken };
      const page = await this.#caller.unary(method.listEvents, request, options);
      return { items: page.events, nextPageToken: page.nextPageToken };
    });
  }

  /** Full-text search, best match first, fetched as it is asked for. */
  search(
    query: string,
    filter: Without<typeof SearchEventsRequestSchema, "pageToken" | "query"> = {},
    options?: CallOptions,
  ): AsyncGenerator<SearchHit, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, query, pageToken };
      const page = await this.#caller.unary(method.searchEvents, request, options);
      return { items: page.hits, nextPageToken: page.nextPageToken };
    });
  }

  /** Edits content or metadata (merged key by key). */
  async update(
    roomId: string,
    eventId: string,
    change: EventChange,
    options?: CallOptions,
  ): Promise<UpdateEventResponse> {
    const updateMask = maskOf(change, ["participantId"]);
    const request = { ...change, roomId, eventId, updateMask };
    return await this.#caller.unary(method.updateEvent, request, options);
  }

  /** Withdraws an event; it is never shown again. */
  async delete(
    roomId: string,
    eventId: string,
    details: Without<typeof DeleteEventRequestSchema, "roomId" | "eventId"> = {},
    options?: CallOptions,
  ): Promise<DeleteEventResponse> {
    const request = { ...details, roomId, eventId };
    return await this.#caller.unary(method.deleteEvent, request, options);
  }

  /** Threads by root, fetched as they are asked for. */
  threads(
    roomId: string,
    { pageSize = 0, ...options }: CallOptions & { readonly pageSize?: number } = {},
  ): AsyncGenerator<ThreadSummary, void, undefined> {
    return pages(async (pageToken) => {
      const request = { roomId, pageSize, pageToken };
      const page = await this.#caller.unary(method.getThreadSummaries, request, options);
      return { items: page.threads, nextPageToken: page.nextPageToken };
    });
  }

  /** Moves a channel's read marker forward; without an event to the newest one. */
  async markRead(
    roomId: string,
    channelId: string,
    event?: EventRef,
    options?: CallOptions,
  ): Promise<ReadMarker> {
    if (event === undefined) {
      const request = { roomId, channelId };
      return given((await this.#caller.unary(method.markAllRead, request, options)).marker);
    }
    const which = "eventId" in event ? { eventId: event.eventId } : { index: BigInt(event.index) };
    const request = { roomId, channelId, ...which };
    return given((await this.#caller.unary(method.markRead, request, options)).marker);
  }

  /** Markers of all channels of a room. */
  async listReadMarkers(roomId: string, options?: CallOptions): Promise<ReadMarker[]> {
    return (await this.#caller.unary(method.listReadMarkers, { roomId }, options)).markers;
  }

  /** Newest first, fetched as they are asked for. */
  listDeliveries(
    roomId: string,
    filter: Without<typeof ListDeliveriesRequestSchema, "pageToken" | "roomId"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Delivery, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, roomId, pageToken };
      const page = await this.#caller.unary(method.listDeliveries, request, options);
      return { items: page.deliveries, nextPageToken: page.nextPageToken };
    });
  }

  /** Tries a delivery that was given up again. WRONG_STATE for others. */
  async retryDelivery(
    roomId: string,
    deliveryId: string,
    options?: CallOptions,
  ): Promise<Delivery> {
    const request = { roomId, deliveryId };
    return given((await this.#caller.unary(method.retryDelivery, request, options)).delivery);
  }

  /** What a provider says became of a message. DELIVERY_NOT_FOUND. */
  async reportDeliveryStatus(
    report: Without<typeof ReportDeliveryStatusRequestSchema, never>,
    options?: CallOptions,
  ): Promise<ReportDeliveryStatusResponse> {
    return await this.#caller.unary(method.reportDeliveryStatus, report, options);
  }
}

function patience(wait: Wait | undefined): number | undefined {
  return wait === Wait.DELIVERED ? DELIVERED_MS : undefined;
}
