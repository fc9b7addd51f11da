/**
 * The client: every noun of the service in its place.
 *
 * @module
 */
import "./disposal.js";

import { Admin } from "./admin.js";
import type { Caller } from "./caller.js";
import { Channels } from "./channels.js";
import { Events } from "./events.js";
import { Observations, Tasks } from "./findings.js";
import { Hooks } from "./hooks.js";
import { Participants } from "./people.js";
import { Realtime } from "./realtime.js";
import { Rooms } from "./rooms.js";
import { Tools } from "./tools.js";

/** What works everywhere, browsers included: unary calls, and streams of the server. */
export class WebClient {
  readonly rooms: Rooms;
  readonly participants: Participants;
  readonly tasks: Tasks;
  readonly observations: Observations;
  readonly channels: Channels;
  readonly events: Events;
  readonly hooks: Hooks;
  readonly realtime: Realtime;
  readonly tools: Tools;
  readonly admin: Admin;

  constructor(caller: Caller) {
    this.rooms = new Rooms(caller);
    this.participants = new Participants(caller);
    this.tasks = new Tasks(caller);
    this.observations = new Observations(caller);
    this.channels = new Channels(caller);
    this.events = new Events(caller);
    this.hooks = new Hooks(caller);
    this.realtime = new Realtime(caller);
    this.tools = new Tools(caller);
    this.admin = new Admin(caller);
  }
}
