/**
 * Measures the spool: record() in `durable` against the floor of a caller, and against the one write
 * to a file that anything durable needs; in `spill` against `off`; and the replay of what another
 * client left. Node has one thread, so there is one caller.
 */

import { mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type * as sdk from "../src/index.js";
import { withBroker } from "./broker.ts";
import {
  burst,
  bursts,
  compare,
  EkaClient,
  print,
  room,
  samples,
  stringifying,
  workspace,
} from "./measure.ts";

const folder = mkdtempSync(join(tmpdir(), "eka-bench-"));
const replayed = 200_000;

function clientIn(spool: "off" | "spill" | "durable"): sdk.EkaClient {
  return new EkaClient({
    serviceName: "bench",
    producer: { send: async () => undefined },
    flushIntervalMs: 900_000,
    batchSize: 2 ** 31 - 1,
    spool,
    spoolDir: join(folder, spool),
    ...room,
  });
}

function record(client: sdk.EkaClient, count: number): void {
  for (let number = 0; number < count; number += 1) {
    client.record(workspace(number), "api", "api_call");
  }
}

async function recording(client: sdk.EkaClient): Promise<number> {
  return await bursts(
    () => record(client, burst),
    () => client.flush(),
  );
}

const scratch = openSync(join(folder, "scratch"), "w+");

/** The floor of a durable call: a finished event is encoded and written. */
async function writing(finished: unknown): Promise<number> {
  const write = () => {
    for (let offset = 0, number = 0; number < burst; number += 1) {
      offset += writeSync(scratch, JSON.stringify(finished), offset);
    }
  };
  return await bursts(write, () => undefined);
}

/** Returns the events per second at which a client replays what another left. */
async function replay(kafkaBrokers: string): Promise<number> {
  const spoolDir = join(folder, "replay");
  const options = { serviceName: "bench", spool: "spill", spoolDir } as const;
  // Its first events are not due and keep the queue full, so that the others are spilled.
  const stuck = { maxQueueSize: 2, flushIntervalMs: 900_000 };
  const before = new EkaClient({ ...options, kafkaBrokers, ...stuck });
  record(before, replayed);
  await before.shutdown(0);
  const started = performance.now();
  const adopter = new EkaClient({ ...options, kafkaBrokers });
  while (readdirSync(spoolDir).some((name) => name.startsWith("events-"))) {
    await setTimeout(5);
  }
  const took = performance.now() - started;
  const { replayed: actual } = adopter.stats();
  await adopter.shutdown();
  if (actual !== replayed) {
    throw new Error(`Expected ${replayed} replayed events, got ${actual}`);
  }
  return (replayed / took) * 1000;
}

const [durable, spill, off] = [clientIn("durable"), clientIn("spill"), clientIn("off")];
const event: unknown = JSON.parse(String(await samples(1)));
await compare(
  { what: "record(), durable: caller", floor: "JSON.stringify() and push()", at_most: 2.5 },
  () => recording(durable),
  () => stringifying(event),
);
await compare(
  { what: "record(), durable: caller", floor: "JSON.stringify() and writeSync()" },
  () => recording(durable),
  () => writing(event),
);
await compare(
  { what: "record(), spill: caller", floor: "off", at_most: 1.1 },
  () => recording(spill),
  () => recording(off),
);
await Promise.all([durable, spill, off].map((client) => client.shutdown()));
await withBroker(async (bootstrap) => {
  print({ what: "replay", measured: await replay(bootstrap), unit: "events/s", at_least: 50_000 });
});
rmSync(folder, { recursive: true });
