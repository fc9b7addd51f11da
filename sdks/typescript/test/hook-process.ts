/**
 * A worker in a process of its own, to be killed: serves what is stored under the name `ts-gate`
 * until SIGTERM. It blocks what says "ts", and takes its time over what says "slow".
 */
import { setTimeout as delay } from "node:timers/promises";

import { allow, block, connect, textOf } from "roomd";

await using client = connect(process.env["ROOMD_ADDRESS"]!, {
  apiKey: process.env["ROOMD_API_KEY"]!,
});
const worker = client.worker({ workerId: process.argv[2] ?? "" });
const registration = worker.onStored("ts-gate", async (payload, call) => {
  const words = payload.kind.case === "event" ? textOf(payload.kind.value) : "";
  console.log(`took ${words} attempt ${call.attempt}`);
  if (words.startsWith("slow")) {
    await delay(600);
  }
  return words.includes("ts") ? block("ts says no") : allow();
});
void registration.attached.then(() => console.log("serving"));
await worker.run();
console.log("done");
