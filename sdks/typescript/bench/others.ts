/**
 * For scale: what other clients cost a caller in Node, against the same floor as record().
 *
 * Both post JSON to the given address, where a null server counts it.
 */

import { Analytics } from "@segment/analytics-node";
import { PostHog } from "posthog-node";
import { burst, bursts, compare, samples, stringifying, workspace } from "./measure.ts";

const address = process.argv[2] as string;
const events = 2 * burst;
const few = { warmUps: 1, rounds: 5 };
const floor = "JSON.stringify() and push()";
const properties = { product: "api", metric_type: "api_call", quantity: 1, status: "ok" };

type Client = readonly [call: (userId: string) => unknown, flush: () => Promise<unknown>];

function calls(call: Client[0]): void {
  for (let number = 0; number < burst; number += 1) {
    call(workspace(number));
  }
}

const posthog = new PostHog("key", {
  host: address,
  maxQueueSize: burst,
  disableCompression: true,
});
const segment = new Analytics({ writeKey: "key", host: address });
const clients: Readonly<Record<string, Client>> = {
  "PostHog capture()": [
    (distinctId) => posthog.capture({ distinctId, event: "usage", properties }),
    () => posthog.flush(),
  ],
  "Segment track()": [
    (userId) => segment.track({ userId, event: "usage", properties }),
    () => segment.flush(),
  ],
};

const event: unknown = JSON.parse(String(await samples(1)));
for (const [what, [call, flush]] of Object.entries(clients)) {
  await compare(
    { what: `${what}: caller`, floor },
    () => bursts(() => calls(call), flush, events),
    () => stringifying(event, events),
    few,
  );
}
await posthog.shutdown();
await segment.closeAndFlush();
const received = ((await (await fetch(address)).json()) as { events: number }).events;
const expected = 2 * events * (few.warmUps + few.rounds);
if (received !== expected) {
  throw new Error(`Expected ${expected} events, got ${received}`);
}
