/**
 * Channel: a pager that this program serves.
 *
 * The server calls `deliver` for every message that should reach it, in a form that it can show,
 * and tries again when it throws. What comes back from the pager enters with `processInbound`.
 */
import {
  ChannelType,
  connect,
  DeliveryFailure,
  text,
  textOf,
  Wait,
} from "roomd";

const NAME = `pager-${crypto.randomUUID()}`;

const address = process.env.ROOMD_ADDRESS ?? "127.0.0.1:7777";
await using client = connect(address, { apiKey: process.env.ROOMD_API_KEY });

let attempts = 0;
const worker = client.worker();
worker.serveChannel(NAME, {
  deliver: ({ event, recipient, deliveryId }) => {
    attempts += 1;
    if (attempts === 1) {
      throw new DeliveryFailure("the line is busy", {
        code: "busy",
        retryAfterMs: 50,
      });
    }
    console.log(`pager of ${recipient}, attempt ${attempts}: ${textOf(event)}`);
    return { providerMessageId: deliveryId };
  },
  convert: ({ content }) => ({ content: text(`[pager] ${textOf(content)}`) }),
});
await worker.start();

await client.channels.register({
  channelId: NAME,
  type: ChannelType.WEBHOOK,
  capabilities: { maxLength: 80 },
  implementation: { kind: { case: "worker", value: { handler: NAME } } },
});
const desk = `${NAME}-desk`;
await client.channels.register({
  channelId: desk,
  type: ChannelType.WEBSOCKET,
});
await client.rooms.create({ roomId: NAME });
await client.channels.attach(NAME, NAME, {
  metadata: { recipient_id: "doctor" },
});
await client.channels.attach(NAME, desk);

await client.events.send({
  roomId: NAME,
  channelId: desk,
  content: text("Room 4, please"),
});
while (attempts < 2) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const answer = {
  channelId: NAME,
  senderId: "doctor",
  content: text("on my way"),
};
const { event } = await client.events.processInbound(answer, {
  roomId: NAME,
  wait: Wait.DELIVERED,
});
console.log(`the room reads: ${textOf(event)}`);
