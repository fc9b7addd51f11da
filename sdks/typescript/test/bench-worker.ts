/** A worker for tests/bench/sdk_hooks.py: one deciding hook that allows everything. */
import { allow, connect, HookTrigger, textOf } from "roomd";

const [address = "", apiKey = ""] = process.argv.slice(2);
await using client = connect(address, { apiKey });
const worker = client.worker();
let characters = 0;
worker.onEvent("bench", { trigger: HookTrigger.BEFORE_BROADCAST }, (event) => {
  characters += textOf(event).length;
  return allow();
});
await worker.run();
console.log(characters);
