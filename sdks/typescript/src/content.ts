/**
 * Short ways to say and to read what messages say.
 *
 * @module
 */
import type { VisibilitySchema } from "./gen/roomd/v1/channel_pb.js";
import { Visibility_Scope } from "./gen/roomd/v1/channel_pb.js";
import type { Content, ContentSchema } from "./gen/roomd/v1/content_pb.js";
import type { Init } from "./init.js";

/** Plain text as content. */
export function text(body: string, language = ""): Init<typeof ContentSchema> {
  return { kind: { case: "text", value: { body, language } } };
}

/**
 * The words of a message: of text its body, of rich text the plain form, of media the caption or
 * transcript, of several contents all of them, one a line. '' where there are none.
 */
export function textOf(message: { readonly content?: Content } | Content | undefined): string {
  const content = message && "kind" in message ? message : message?.content;
  const kind = content?.kind;
  switch (kind?.case) {
    case "text":
    case "system":
    case "template":
      return kind.value.body;
    case "rich":
      return kind.value.plainText || kind.value.body;
    case "media":
      return kind.value.caption;
    case "audio":
      return kind.value.transcript;
    case "edit":
      return textOf(kind.value.newContent);
    case "composite":
      return kind.value.parts.map(textOf).filter(Boolean).join("\n");
    default:
      return "";
  }
}

const SCOPES: Readonly<Record<string, Visibility_Scope>> = {
  all: Visibility_Scope.ALL,
  none: Visibility_Scope.NONE,
  transport: Visibility_Scope.TRANSPORT,
  intelligence: Visibility_Scope.INTELLIGENCE,
  internal: Visibility_Scope.INTERNAL,
};

/**
 * Who sees something: `all`, `none`, `transport`, `intelligence`, `internal`, or ids of channels,
 * as a list or separated by commas.
 */
export function visibility(who: string | readonly string[]): Init<typeof VisibilitySchema> {
  const scope = typeof who === "string" ? SCOPES[who.trim()] : undefined;
  if (scope !== undefined) {
    return { scope };
  }
  const ids = typeof who === "string" ? who.split(",") : who;
  const channelIds = ids.map((id) => id.trim()).filter(Boolean);
  return { scope: Visibility_Scope.CHANNELS, channelIds };
}
