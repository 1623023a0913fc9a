/**
 * Measures the built package against its floors: `node --expose-gc bench.ts`. It prints rows of the
 * table of `make bench`.
 *
 * record() is compared with JSON.stringify of the finished event and a push, and delivery with raw
 * batches of the client library and its Java-compatible partitioner. Ratios are medians over pairs of
 * runs.
 */

import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import type * as sdk from "../src/index.js";
import { withBroker } from "./broker.ts";
import {
  burst,
  bursts,
  collect,
  compare,
  EkaClient,
  events,
  print,
  room,
  samples,
  stringifying,
  usageTopic,
  workspace,
  workspaces,
} from "./measure.ts";

const rawBatch = 1000;
const metadata = { model: "m-1", n: 3, cached: true };

/** Returns the microseconds per event of work on all events. */
async function timed(work: () => unknown): Promise<number> {
  collect();
  const started = performance.now();
  await work();
  return ((performance.now() - started) / events) * 1000;
}

/** Records events; all of them by default. */
function record(client: sdk.EkaClient, details?: sdk.Metadata, count = events): void {
  for (let number = 0; number < count; number += 1) {
    client.record(workspace(number), "api", "api_call", 1, "ok", null, details);
  }
}

/** Creates a client that only queues: its batches are never due. */
function queueing(): sdk.EkaClient {
  return new EkaClient({
    serviceName: "bench",
    producer: { send: async () => undefined },
    flushIntervalMs: 900_000,
    batchSize: 2 ** 31 - 1,
    onError: () => undefined,
    ...room,
  });
}

/** Measures record() with one client, as a service has. */
async function recording(client: sdk.EkaClient, details?: sdk.Metadata): Promise<number> {
  return await bursts(
    () => record(client, details, burst),
    () => client.flush(),
  );
}

/** Returns the bytes of memory per queued event. */
async function queuedBytes(): Promise<number> {
  const client = queueing();
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  record(client);
  const bytes = (used() - before) / events;
  await client.shutdown();
  return bytes;
}

async function raw(bootstrap: string, finished: readonly Buffer[]): Promise<number> {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId: "bench",
    bootstrapBrokers: [bootstrap],
    compression: "lz4",
    partitioner: compatibilityPartitioner,
  });
  const keys = workspaces.map((id) => Buffer.from(id));
  const send = async (first: number, count: number) => {
    const message = (_: unknown, i: number) => {
      const key = keys[(first + i) % keys.length] as Buffer;
      return { topic: usageTopic, key, value: finished[first + i] as Buffer };
    };
    await producer.send({ messages: Array.from({ length: count }, message) });
  };
  await send(0, 1);
  const took = await timed(async () => {
    for (let first = 0; first < events; first += rawBatch) {
      await send(first, rawBatch);
    }
  });
  await producer.close();
  return took;
}

async function delivering(bootstrap: string): Promise<number> {
  const client = new EkaClient({
    serviceName: "bench",
    kafkaBrokers: bootstrap,
    spool: "off",
    ...room,
  });
  client.record("warm-up", "api", "api_call");
  await client.flush();
  const took = await timed(async () => {
    record(client);
    await client.flush(60_000);
  });
  const { delivered } = client.stats();
  if (delivered !== events + 1) {
    throw new Error(`Expected ${events + 1} delivered events, got ${delivered}`);
  }
  await client.shutdown();
  return took;
}

const client = queueing();
const [plain, detailed] = [await samples(1), await samples(1, metadata)].map(
  (event) => JSON.parse(String(event)) as unknown,
);
await compare(
  { what: "record(): caller", floor: "JSON.stringify() and push()", at_most: 1 },
  () => recording(client),
  () => stringifying(plain),
);
await compare(
  { what: "record(), 3 metadata keys: caller", floor: "JSON.stringify() and push()" },
  () => recording(client, metadata),
  () => stringifying(detailed),
);
// First, before the memory of producers disturbs it.
print({ what: "a queued event", measured: await queuedBytes(), unit: "bytes", at_most: 700 });
await withBroker(async (bootstrap) => {
  const finished = await samples(events);
  await compare(
    { what: "record(): delivered", floor: "raw batches", at_most: 1 },
    () => delivering(bootstrap),
    () => raw(bootstrap, finished),
  );
});
