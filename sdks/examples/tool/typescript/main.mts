/**
 * Tool: the weather, for the AIs of all rooms.
 *
 * The server tells AIs of it and checks each call by its schema, so that the handler gets what it
 * describes. This program calls it as an AI does; a call with something else is refused.
 */
import { connect, RoomdError } from "roomd";

const NAME = `weather-${crypto.randomUUID()}`;

const address = process.env.ROOMD_ADDRESS ?? "127.0.0.1:7777";
await using client = connect(address, { apiKey: process.env.ROOMD_API_KEY });

const worker = client.worker();
worker.tool<{ city: string }>(
  NAME,
  {
    description: "The weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
  ({ city }) => {
    console.log(`asked: the weather in ${city}`);
    return `sunny in ${city}`;
  },
);
await worker.start();

const { text } = await client.tools.call(NAME, { city: "Paris" });
console.log(`the AI reads: ${text}`);

try {
  await client.tools.call(NAME, { city: 3 });
} catch (error) {
  if (!RoomdError.is(error, "VALIDATION")) {
    throw error;
  }
  console.log(`refused: ${Object.keys(error.violations)[0]}`);
}
