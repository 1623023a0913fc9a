/**
 * What the built package costs beside its floors, in one run: `node --expose-gc bench.ts`.
 *
 * record() beside JSON.stringify of the finished event and a push, and events to Kafka beside raw
 * batches of the client library with its own Java-compatible partitioner. Ratios are medians over
 * pairs of runs; microseconds are there for scale.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import type * as sdk from "../src/index.js";

const built = "../dist/index.js";
const { EkaClient, usageTopic } = (await import(built)) as typeof sdk;
const broker = fileURLToPath(new URL("../../../.cache/bin/devbroker", import.meta.url));

const events = 100_000;
const rounds = 7;
const rawBatch = 1000;
const workspaces = Array.from({ length: 50 }, (_, number) => `workspace-${number}`);
const metadata = { model: "m-1", n: 3, cached: true };
const room = { maxQueueSize: events + 2, maxQueueBytes: 2 ** 30 };

const collect = globalThis.gc ?? (() => undefined);
const workspace = (number: number) => workspaces[number % workspaces.length] as string;

/** The events that the package writes for so many calls. */
async function samples(count: number, details?: sdk.Metadata): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  const producer: sdk.ProducerLike = {
    immediate: true,
    send: async ({ messages }) => void taken.push(...messages.map(({ value }) => value)),
  };
  const client = new EkaClient({ serviceName: "bench", producer });
  for (let number = 0; number < count; number += 1) {
    client.record(workspace(number), "api", "api_call", 1, "ok", null, details);
  }
  await client.shutdown();
  return taken;
}

/** Microseconds an event of work on all events. */
async function timed(work: () => unknown): Promise<number> {
  collect();
  const started = performance.now();
  await work();
  return ((performance.now() - started) / events) * 1000;
}

/** Records all events. */
function recordAll(client: sdk.EkaClient, details?: sdk.Metadata): void {
  for (let number = 0; number < events; number += 1) {
    client.record(workspace(number), "api", "api_call", 1, "ok", null, details);
  }
}

/** A client that only queues: its batches are never due. */
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

async function recording(details?: sdk.Metadata): Promise<number> {
  const client = queueing();
  const took = await timed(() => recordAll(client, details));
  await client.shutdown();
  return took;
}

async function stringifying(details?: sdk.Metadata): Promise<number> {
  const event: unknown = JSON.parse(String(await samples(1, details)));
  const queue: string[] = [];
  return await timed(() => {
    for (let number = 0; number < events; number += 1) {
      queue.push(JSON.stringify(event));
    }
  });
}

/** Bytes of memory for each event that waits. */
async function queuedBytes(): Promise<number> {
  const client = queueing();
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  recordAll(client);
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
  const client = new EkaClient({ serviceName: "bench", kafkaBrokers: bootstrap, ...room });
  client.record("warm-up", "api", "api_call");
  await client.flush();
  const took = await timed(async () => {
    recordAll(client);
    await client.flush(60_000);
  });
  const { delivered } = client.stats();
  if (delivered !== events + 1) {
    throw new Error(`${delivered} events were delivered of ${events + 1}`);
  }
  await client.shutdown();
  return took;
}

async function withBroker<T>(work: (bootstrap: string) => Promise<T>): Promise<T> {
  const child = spawn(broker, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return await work((JSON.parse(line.toString()) as { bootstrap: string }).bootstrap);
  } finally {
    child.kill();
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

async function compare(
  name: string,
  ours: () => Promise<number>,
  floor: () => Promise<number>,
): Promise<void> {
  await ours();
  await floor();
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round += 1) {
    pairs.push([await ours(), await floor()]);
  }
  const ratio = median(pairs.map(([a, b]) => a / b));
  const [a, b] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))];
  console.log(
    `${name.padEnd(34)}${a.toFixed(2).padStart(8)}${b.toFixed(2).padStart(8)}${ratio.toFixed(2).padStart(8)}`,
  );
}

console.log(
  `\nTypeScript: ${events.toLocaleString("en")} events of ${String(await samples(1)).length} bytes, ${rounds} rounds; µs an event`,
);
console.log(`${"".padEnd(34)}${"ours".padStart(8)}${"floor".padStart(8)}${"ratio".padStart(8)}`);
await compare(
  "record() to stringify and push",
  () => recording(),
  () => stringifying(),
);
await compare(
  "the same, 3 metadata keys",
  () => recording(metadata),
  () => stringifying(metadata),
);
const queued = await queuedBytes();
await withBroker(async (bootstrap) => {
  const finished = await samples(events);
  await compare(
    "delivered, to raw batches",
    () => delivering(bootstrap),
    () => raw(bootstrap, finished),
  );
});
console.log(`aims: record() ≤ 1.0, delivered ≤ 1.0`);
console.log(`a queued event takes ${queued.toFixed(0)} bytes (aim ≤ 700)`);
