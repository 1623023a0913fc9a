/** Measures what counting takes of an event, alone in a loop: `node --expose-gc counting.ts`. */

import type * as counting from "../src/counting.js";
import { bursts, print } from "./measure.ts";

const built = "../dist/counting.js";
const { EventCounts } = (await import(built)) as typeof counting;

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
