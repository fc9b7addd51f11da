/**
 * Who takes part in a room.
 *
 * @module
 */
import type { CallOptions, Caller } from "./caller.js";
import { pages } from "./caller.js";
import type { Participant, ParticipantSchema } from "./gen/roomd/v1/room_pb.js";
import type { ListParticipantsRequestSchema } from "./gen/roomd/v1/room_service_pb.js";
import { RoomService } from "./gen/roomd/v1/room_service_pb.js";
import type { Init, Without } from "./init.js";
import { maskOf } from "./init.js";
import { given } from "./rooms.js";

const { method } = RoomService;

/** New values of a participant. */
export type ParticipantChange = Pick<
  Init<typeof ParticipantSchema>,
  "displayName" | "role" | "status" | "metadata" | "externalId"
>;

/** Calls about participants. All fail with `RoomdError`. */
export class Participants {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Adds one; who LEFT comes back. PARTICIPANT_EXISTS, unless `ensure`. */
  async add(
    roomId: string,
    participant: Init<typeof ParticipantSchema>,
    { ensure = false, ...options }: CallOptions & { readonly ensure?: boolean } = {},
  ): Promise<Participant> {
    const request = { roomId, participant, ensure };
    return given((await this.#caller.unary(method.addParticipant, request, options)).participant);
  }

  /** PARTICIPANT_NOT_FOUND. */
  async get(roomId: string, participantId: string, options?: CallOptions): Promise<Participant> {
    const request = { roomId, participantId };
    return given((await this.#caller.unary(method.getParticipant, request, options)).participant);
  }

  /** In the order they joined, fetched as they are asked for. */
  list(
    roomId: string,
    filter: Without<typeof ListParticipantsRequestSchema, "pageToken" | "roomId"> = {},
    options?: CallOptions,
  ): AsyncGenerator<Participant, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...filter, roomId, pageToken };
      const page = await this.#caller.unary(method.listParticipants, request, options);
      return { items: page.participants, nextPageToken: page.nextPageToken };
    });
  }

  /** Changes what is named. */
  async update(
    roomId: string,
    participantId: string,
    change: ParticipantChange,
    options?: CallOptions,
  ): Promise<Participant> {
    const participant = { ...change, participantId };
    const request = { roomId, participant, updateMask: maskOf(change, []) };
    return given(
      (await this.#caller.unary(method.updateParticipant, request, options)).participant,
    );
  }

  /** They left, or with `ban` were put out; the record stays. */
  async remove(
    roomId: string,
    participantId: string,
    { ban = false, ...options }: CallOptions & { readonly ban?: boolean } = {},
  ): Promise<Participant> {
    const request = { roomId, participantId, ban };
    return given(
      (await this.#caller.unary(method.removeParticipant, request, options)).participant,
    );
  }

  /** Says who a participant is. */
  async resolve(
    roomId: string,
    participantId: string,
    identityId: string,
    { resolvedBy = "", ...options }: CallOptions & { readonly resolvedBy?: string } = {},
  ): Promise<Participant> {
    const request = { roomId, participantId, identityId, resolvedBy };
    return given(
      (await this.#caller.unary(method.resolveParticipant, request, options)).participant,
    );
  }
}
