/** What the benchmarks of this folder share: events, bursts, pairs of rounds, rows of the table. */

import type * as sdk from "../src/index.js";

const built = "../dist/index.js";
export const { EkaClient, metrics, usageTopic } = (await import(built)) as typeof sdk;

export const events = 50_000;
export const burst = 2000;
export const room = { maxQueueSize: events + 2, maxQueueBytes: 2 ** 30 };
export const workspaces = Array.from({ length: 50 }, (_, number) => `workspace-${number}`);
// V8 recompiles hot code several times; a running service has that behind it.
const stride = { warmUps: 10, rounds: 15 };

export const collect = globalThis.gc ?? (() => undefined);
export const workspace = (number: number) => workspaces[number % workspaces.length] as string;

/** Returns the events that the package encodes for `count` calls. */
export async function samples(count: number, details?: sdk.Metadata): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  const keep = ({ value }: sdk.ProducerMessage) => taken.push(Buffer.from(value));
  const producer: sdk.ProducerLike = { send: async ({ messages }) => messages.forEach(keep) };
  const client = new EkaClient({ serviceName: "bench", producer, ...room });
  for (let number = 0; number < count; number += 1) {
    client.record(workspace(number), "api", "api_call", 1, "ok", null, details);
  }
  await client.shutdown();
  return taken;
}

/** Returns the microseconds per call, in bursts, with the events of one sent before the next. */
export async function bursts(
  work: () => unknown,
  drain: () => unknown,
  total = events,
): Promise<number> {
  collect();
  let took = 0;
  for (let done = 0; done < total; done += burst) {
    const started = performance.now();
    work();
    took += performance.now() - started;
    await drain();
  }
  return (took / total) * 1000;
}

/** The floor of a caller: a finished event is encoded and pushed. */
export async function stringifying(event: unknown, total = events): Promise<number> {
  let queue: string[] = [];
  const push = () => {
    for (let number = 0; number < burst; number += 1) {
      queue.push(JSON.stringify(event));
    }
  };
  return await bursts(
    push,
    () => {
      queue = [];
    },
    total,
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Prints one row of the table. */
export function print(row: {
  what: string;
  measured: number;
  unit: string;
  [more: string]: unknown;
}): void {
  console.log(JSON.stringify({ language: "TypeScript", ...row }));
}

/** Measures `ours` and `floor` in turns, and prints the medians of time and ratio. */
export async function compare(
  names: { what: string; floor: string; at_most?: number },
  ours: () => Promise<number>,
  floor: () => Promise<number>,
  { warmUps, rounds } = stride,
): Promise<void> {
  const pairs: [number, number][] = [];
  for (let round = -warmUps; round < rounds; round += 1) {
    const pair: [number, number] = [await ours(), await floor()];
    if (round >= 0) {
      pairs.push(pair);
    }
  }
  const measured = median(pairs.map(([one]) => one));
  const ratio = median(pairs.map(([one, other]) => one / other));
  print({ ...names, measured, unit: "µs", ratio });
}
