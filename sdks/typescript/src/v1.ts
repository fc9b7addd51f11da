/**
 * The protocol's messages, enums and services as they are generated, for what the nouns of the
 * client do not cover.
 *
 * @module
 */
export * from "./gen/roomd/v1/admin_service_pb.js";
export * from "./gen/roomd/v1/agent_service_pb.js";
export * from "./gen/roomd/v1/channel_pb.js";
export * from "./gen/roomd/v1/channel_service_pb.js";
export * from "./gen/roomd/v1/content_pb.js";
export * from "./gen/roomd/v1/error_pb.js";
export * from "./gen/roomd/v1/event_pb.js";
export * from "./gen/roomd/v1/event_service_pb.js";
export * from "./gen/roomd/v1/handler_pb.js";
export * from "./gen/roomd/v1/hook_pb.js";
export * from "./gen/roomd/v1/hook_service_pb.js";
export * from "./gen/roomd/v1/realtime_pb.js";
export * from "./gen/roomd/v1/realtime_service_pb.js";
export * from "./gen/roomd/v1/room_pb.js";
export * from "./gen/roomd/v1/room_service_pb.js";
export * from "./gen/roomd/v1/tool_pb.js";
export * from "./gen/roomd/v1/validation_pb.js";
