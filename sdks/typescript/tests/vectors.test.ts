import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { camel, printable } from "../src/describe.js";
import { usageTopicPartitions } from "../src/generated/constants.js";
import { EkaClient, usageTopic } from "../src/index.js";
import { murmur2 } from "../src/murmur2.js";
import { Collector, Reported } from "./support/collector.js";
import { loadVectors, type Vector } from "./support/vectors.js";

const vectors = loadVectors();

afterAll(() => {
  const path = process.env["CONFORMANCE_REPORT"];
  if (path !== undefined && path !== "") {
    const lines = vectors.map(({ id, cannot }) => (cannot === undefined ? id : `${id}\tcannot`));
    writeFileSync(path, `${lines.sort().join("\n")}\n`);
  }
});

function client(
  { given, client: own }: Vector,
  producer: Collector,
  { onError }: Reported,
): EkaClient {
  const now = Date.parse(given.clock);
  const ids = [given.instance_id];
  return new EkaClient({
    serviceName: given.service_name,
    producer,
    onError,
    clock: () => now,
    newId: () => ids.shift() ?? given.event_id,
    hostname: given.hostname,
    ...camelKeys(own),
  });
}

function camelKeys(named: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [camel(name), value]));
}

function record(recording: EkaClient, call: Vector["arguments"]): string | undefined {
  const { workspace_id, product, metric_type, quantity, status, unit_cost, metadata, ...named } =
    call;
  const positional = [
    workspace_id,
    product,
    metric_type,
    quantity,
    status,
    unit_cost,
    metadata,
    camelKeys(named),
  ];
  const loose = recording as unknown as { record(...all: unknown[]): string | undefined };
  return loose.record(...positional);
}

describe("a call has the outcome of its vector", () => {
  test.each(vectors.filter(({ cannot }) => cannot === undefined))("$id", async (vector) => {
    const producer = new Collector();
    const reported = new Reported();
    const recording = client(vector, producer, reported);
    const eventId = record(recording, vector.arguments);
    await recording.shutdown();
    const { expect: outcome } = vector;
    if ("code" in outcome) {
      expect(producer.texts).toEqual([]);
      expect(eventId).toBeUndefined();
      expect(reported.all.map(({ error }) => [error.code, error.field])).toEqual([
        [outcome.code, outcome.field],
      ]);
      expect(reported.messages.map(printable)).toEqual(reported.messages);
      expect(reported.all[0]?.error.message.endsWith(outcome.says)).toBe(true);
      return;
    }
    expect(producer.texts).toEqual([outcome.json]);
    expect(eventId).toBe(producer.events[0]?.["event_id"]);
    expect(producer.sent[0]?.key.toString()).toBe(producer.events[0]?.["workspace_id"]);
    expect(reported.codes).toEqual(outcome.degraded ? ["metadata.degraded"] : []);
  });
});

describe("a workspace has the partition of its vector", () => {
  const placed = vectors.filter(({ partition }) => partition !== undefined);
  test(`several vectors have a partition of ${usageTopic}`, () =>
    expect(placed.length).toBeGreaterThan(1));
  test.each(placed)("$id", ({ arguments: call, partition }) => {
    const key = Buffer.from(String(call["workspace_id"]));
    expect(murmur2(key) % usageTopicPartitions).toBe(partition);
  });
});
