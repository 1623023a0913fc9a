/** Measures what counting takes of an event, alone in a loop: `node --expose-gc counting.ts`. */

import { Registry } from "prom-client";
import type * as counting from "../src/counting.js";
import type * as sdk from "../src/index.js";
import type * as prometheus from "../src/prometheus.js";
import { burst, bursts, compare, EkaClient, metrics, print, room } from "./measure.ts";

const built = "../dist/counting.js";
const { EventCounts } = (await import(built)) as typeof counting;

const adapter = "../dist/prometheus.js";
const { register } = (await import(adapter)) as typeof prometheus;

const rounds = 21;
const perBurst = 200_000;
const counts = new EventCounts();
const names = { product: "api", metricType: "api_call", status: "ok", count: undefined };
const kinds = [names, { ...names, status: "error" }];

function count(): void {
  for (let number = 0; number < perBurst; number += 1) {
    counts.accept(kinds[number % 2] as counting.Kind, number % 7);
  }
}

const found: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const microseconds = await bursts(count, () => undefined, 2000);
  found.push((microseconds * 1000 * 2000) / perBurst);
}
found.sort((a, b) => a - b);
const measured = found[rounds >> 1] as number;
print({ what: "counting for metrics, alone in a loop", measured, unit: "ns", at_most: 60 });

const producer = { send: async () => undefined };
const [plain, counted] = [0, 1].map(
  () => new EkaClient({ serviceName: "bench", producer, ...room }),
) as [sdk.EkaClient, sdk.EkaClient];
register(counted, { registry: new Registry() });

/** Measures record() with a client whose producer keeps nothing. */
async function recording(client: sdk.EkaClient): Promise<number> {
  const record = () => {
    for (let number = 0; number < burst; number += 1) {
      client.record("ws-1", metrics.api.api_call);
    }
  };
  return await bursts(record, () => client.flush());
}

await compare(
  { what: "record(), counted: caller", floor: "record()" },
  () => recording(counted),
  () => recording(plain),
);
await Promise.all([plain.shutdown(), counted.shutdown()]);
