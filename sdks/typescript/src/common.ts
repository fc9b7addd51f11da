/**
 * What both entries, for Node and for browsers, give.
 *
 * @module
 */
export type { ReconnectOptions } from "./backoff.js";
export type { CallOptions } from "./caller.js";
export type { BindingChange, BindingSettings, ChannelChange } from "./channels.js";
export { WebClient } from "./client.js";
export { text, textOf, visibility } from "./content.js";
export type { ErrorFacts, Reason } from "./errors.js";
export { Code, RoomdError } from "./errors.js";
export type { EventChange, EventRef } from "./events.js";
export type { TaskChange } from "./findings.js";
export {
  Access,
  ChannelType,
  DeliveryMode,
  Direction,
  MediaType,
} from "./gen/roomd/v1/channel_pb.js";
export { DeliveryState, EventStatus, EventType } from "./gen/roomd/v1/event_pb.js";
export { DeliverStrategy, Outcome, Wait } from "./gen/roomd/v1/event_service_pb.js";
export {
  FailurePolicy,
  HookDelivery,
  HookMode,
  HookTrigger,
  Lifetime,
} from "./gen/roomd/v1/hook_pb.js";
export { EphemeralType, Presence } from "./gen/roomd/v1/realtime_pb.js";
export {
  ParticipantRole,
  ParticipantStatus,
  RoomStatus,
  TaskStatus,
} from "./gen/roomd/v1/room_pb.js";
export { ToolOutcome } from "./gen/roomd/v1/tool_pb.js";
export type { Init } from "./init.js";
export type { ParticipantChange } from "./people.js";
export type { PublishOptions } from "./realtime.js";
export type { RoomChange } from "./rooms.js";
export type { RoomStartOptions, SubscribeOptions } from "./subscription.js";
export type { StreamItem } from "./gen/roomd/v1/room_service_pb.js";
export { Subscription } from "./subscription.js";
export type { ToolCallOptions, ToolRun } from "./tools.js";
