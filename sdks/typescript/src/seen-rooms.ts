/**
 * The rooms that a live connection sees, the same on each of its streams.
 *
 * @module
 */
import { Code, RoomdError } from "./errors.js";

/** So many rooms are named in one message. */
const MAX_ROOM_IDS = 1000;
/** Characters of an id. */
const MAX_ID_LENGTH = 256;

/** What an Open says of rooms: those, or none; without either, all of the channel. */
export interface RoomsAtFirst {
  readonly roomIds: string[];
  readonly noRooms: boolean;
}

/** Rooms that a stream shows from now on, or no more. */
export interface RoomsChange {
  readonly case: "subscribe" | "unsubscribe";
  readonly value: { readonly roomIds: string[] };
}

/** What is seen, and how a stream is told. */
export class SeenRooms {
  readonly #everywhere: boolean;
  /** What is seen; of a connection that sees all rooms, those that it does not see. */
  readonly #rooms: Set<string>;
  /** What the Open of the present stream named. */
  #named: readonly string[] = [];

  constructor(roomIds: readonly string[] = [], noRooms = false) {
    checkRoomIds(roomIds);
    this.#everywhere = roomIds.length === 0 && !noRooms;
    this.#rooms = new Set(roomIds);
  }

  /** See more rooms; what an open stream has to be told. */
  show(roomIds: readonly string[]): RoomsChange[] {
    checkRoomIds(roomIds);
    roomIds.forEach((id) => (this.#everywhere ? this.#rooms.delete(id) : this.#rooms.add(id)));
    return inMessages("subscribe", roomIds);
  }

  /** See fewer rooms; what an open stream has to be told. */
  hide(roomIds: readonly string[]): RoomsChange[] {
    checkRoomIds(roomIds);
    roomIds.forEach((id) => (this.#everywhere ? this.#rooms.add(id) : this.#rooms.delete(id)));
    return inMessages("unsubscribe", roomIds);
  }

  /** A new stream begins, with this. */
  atFirst(): RoomsAtFirst {
    const roomIds = this.#everywhere ? [] : [...this.#rooms].slice(0, MAX_ROOM_IDS);
    this.#named = roomIds;
    // Without any, an Open would mean all rooms.
    return { roomIds, noRooms: !this.#everywhere && roomIds.length === 0 };
  }

  /** It is open: what its Open had no room for, and what changed since. */
  afterOpened(): RoomsChange[] {
    if (this.#everywhere) {
      return inMessages("unsubscribe", [...this.#rooms]);
    }
    const named = new Set(this.#named);
    const more = [...this.#rooms].filter((id) => !named.has(id));
    const fewer = this.#named.filter((id) => !this.#rooms.has(id));
    return [...inMessages("subscribe", more), ...inMessages("unsubscribe", fewer)];
  }
}

/**
 * The server would end the stream over such an id, and each one after it.
 *
 * @throws RoomdError - VALIDATION.
 */
export function checkRoomId(roomId: string, field: string): void {
  const length = roomId.length > MAX_ID_LENGTH ? [...roomId].length : 0; // as the server counts
  const isLong = length > MAX_ID_LENGTH;
  if (isLong || roomId.includes("\0")) {
    const tooLong = `has ${length} characters, at most ${MAX_ID_LENGTH}`;
    const violation = isLong ? tooLong : "must not contain NUL";
    const facts = { reason: "VALIDATION", violations: { [field]: violation } };
    throw new RoomdError(`${field}: ${violation}`, Code.InvalidArgument, facts);
  }
}

function checkRoomIds(roomIds: readonly string[]): void {
  roomIds.forEach((id, i) => checkRoomId(id, `room_ids[${i}]`));
}

function inMessages(kind: RoomsChange["case"], roomIds: readonly string[]): RoomsChange[] {
  const messages: RoomsChange[] = [];
  for (let from = 0; from < roomIds.length; from += MAX_ROOM_IDS) {
    messages.push({ case: kind, value: { roomIds: roomIds.slice(from, from + MAX_ROOM_IDS) } });
  }
  return messages;
}
