/**
 * Chat: two people on live connections.
 *
 * Each prints what reaches them; an event is acknowledged when the loop asks for the next one.
 */
import type { LiveConnection } from "roomd";
import { ChannelType, connect, EphemeralType, text, textOf } from "roomd";

const ROOM = `chat-${crypto.randomUUID()}`;

const address = process.env.ROOMD_ADDRESS ?? "127.0.0.1:7777";
await using client = connect(address, { apiKey: process.env.ROOMD_API_KEY });

async function join(name: string): Promise<LiveConnection> {
  const channelId = `${ROOM}-${name}`;
  await client.channels.register({ channelId, type: ChannelType.WEBSOCKET });
  await client.channels.attach(ROOM, channelId, { participantId: name });
  return await client
    .connection({ channelId, participantId: name, ephemeral: true })
    .open();
}

/** Reads until somebody else has said something; typing is shown on the way. */
async function hear(name: string, connection: LiveConnection): Promise<void> {
  for await (const item of connection) {
    if (item.case === "ephemeral") {
      const { type, userId } = item.value;
      if (type === EphemeralType.TYPING_START && userId !== name) {
        console.log(`${name} sees that ${userId} types`);
      }
    } else if (item.case === "event" && textOf(item.value.event)) {
      console.log(`${name} reads: ${textOf(item.value.event)}`);
      return;
    }
  }
}

await client.rooms.create({ roomId: ROOM });
const ann = await join("ann");
const bob = await join("bob");

const bobHears = hear("bob", bob);
await ann.signal(ROOM, EphemeralType.TYPING_START);
await ann.send({ roomId: ROOM, content: text("Hi Bob, lunch?") });
await bobHears;

const annHears = hear("ann", ann);
await bob.send({ roomId: ROOM, content: text("Gladly.") });
await annHears;
