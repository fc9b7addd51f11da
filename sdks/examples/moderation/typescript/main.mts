/**
 * Moderation: a hook that looks at every message before anybody sees it.
 *
 * It blocks advertising and takes phone numbers out; three messages show it.
 */
import {
  allow,
  block,
  ChannelType,
  connect,
  HookTrigger,
  modify,
  Outcome,
  text,
  textOf,
} from "roomd";

const PHONE_NUMBER = /\+?\d[\d -]{6,}\d/g;
const ROOM = `moderation-${crypto.randomUUID()}`;

const address = process.env.ROOMD_ADDRESS ?? "127.0.0.1:7777";
await using client = connect(address, { apiKey: process.env.ROOMD_API_KEY });

const channelId = `${ROOM}-web`;
await client.channels.register({ channelId, type: ChannelType.WEBSOCKET });
await client.rooms.create({ roomId: ROOM });
await client.channels.attach(ROOM, channelId);

const worker = client.worker();
worker.onEvent(
  "moderation-typescript",
  { trigger: HookTrigger.BEFORE_BROADCAST, filter: { roomIds: [ROOM] } },
  (event) => {
    const words = textOf(event);
    if (words.includes("buy now")) {
      return block("no advertising", { code: "advertising" });
    }
    const masked = words.replace(PHONE_NUMBER, "[number]");
    return masked === words ? allow() : modify({ content: text(masked) });
  },
);
await worker.start();

for (const words of ["hello everybody", "buy now!", "call me at 555 0142 77"]) {
  const sent = await client.events.send({
    roomId: ROOM,
    channelId,
    content: text(words),
  });
  const became =
    sent.outcome === Outcome.BLOCKED
      ? `blocked: ${sent.reason}`
      : textOf(sent.event);
  console.log(`${words} -> ${became}`);
}
