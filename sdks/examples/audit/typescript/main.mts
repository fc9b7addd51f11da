/**
 * Audit: an observer that writes down what was said.
 *
 * The hook is stored and durable: nothing is missed, also while no worker is there. An invocation
 * may come twice, after a crash for example, and has the same id then: the id is the key of the
 * entry. Such a hook stays on the server when the program ends, which is what it is for; here it is
 * deleted at the end, or it would go on collecting.
 */
import {
  ChannelType,
  connect,
  HookDelivery,
  HookMode,
  HookTrigger,
  Lifetime,
  text,
  textOf,
} from "roomd";

const NAME = `audit-${crypto.randomUUID()}`;

const address = process.env.ROOMD_ADDRESS ?? "127.0.0.1:7777";
await using client = connect(address, { apiKey: process.env.ROOMD_API_KEY });

const channelId = `${NAME}-web`;
await client.channels.register({ channelId, type: ChannelType.WEBSOCKET });
await client.rooms.create({ roomId: NAME });
await client.channels.attach(NAME, channelId);
await client.hooks.create(NAME, {
  triggers: [HookTrigger.AFTER_BROADCAST],
  mode: HookMode.OBSERVE,
  lifetime: Lifetime.PERSISTENT,
  delivery: HookDelivery.DURABLE,
  filter: { roomIds: [NAME] },
});

const entries = new Map<string, string>();
let written = () => {};
const worker = client.worker();
worker.onStored(NAME, ({ kind }, call) => {
  if (kind.case === "event") {
    entries.set(
      call.invocationId,
      `${kind.value.source?.participantId}: ${textOf(kind.value)}`,
    );
    written();
  }
});
await worker.start();

for (const [who, words] of [
  ["ann", "please close my account"],
  ["bob", "done"],
] as const) {
  const before = entries.size;
  const next = new Promise<void>((resolve) => (written = resolve));
  await client.events.send({
    roomId: NAME,
    channelId,
    participantId: who,
    content: text(words),
  });
  if (entries.size === before) await next;
}
for (const entry of entries.values()) {
  console.log(entry);
}
await worker.close();
await client.hooks.delete(NAME);
