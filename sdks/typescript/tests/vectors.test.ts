import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { usageTopicPartitions } from "../src/generated/constants.js";
import { EkaClient, usageTopic } from "../src/index.js";
import { murmur2 } from "../src/murmur2.js";
import { Collector, Heard } from "./support/collector.js";
import { loadVectors, type Vector } from "./support/vectors.js";

const vectors = loadVectors();

afterAll(() => {
  const path = process.env["CONFORMANCE_REPORT"];
  if (path !== undefined && path !== "") {
    const lines = vectors.map(({ id, cannot }) => (cannot === undefined ? id : `${id}\tcannot`));
    writeFileSync(path, `${lines.sort().join("\n")}\n`);
  }
});

function client({ given }: Vector, producer: Collector, { onError }: Heard): EkaClient {
  const now = Date.parse(given.clock);
  const ids = [given.instance_id];
  return new EkaClient({
    serviceName: given.service_name,
    producer,
    onError,
    clock: () => now,
    newId: () => ids.shift() ?? given.event_id,
    hostname: given.hostname,
  });
}

type Arguments = Parameters<EkaClient["record"]>;

function record(recording: EkaClient, call: Vector["arguments"]): string | undefined {
  const { event_id, occurred_at } = call;
  const positional = [
    call["workspace_id"],
    call["product"],
    call["metric_type"],
    call["quantity"],
    call["status"],
    call["unit_cost"],
    call["metadata"],
    { eventId: event_id, occurredAt: occurred_at },
  ];
  return recording.record(...(positional as unknown as Arguments));
}

describe("a call becomes what the vector says", () => {
  test.each(vectors.filter(({ cannot }) => cannot === undefined))("$id", async (vector) => {
    const producer = new Collector();
    const heard = new Heard();
    const recording = client(vector, producer, heard);
    const eventId = record(recording, vector.arguments);
    await recording.shutdown();
    const { expect: wanted } = vector;
    if ("code" in wanted) {
      expect(producer.texts).toEqual([]);
      expect(eventId).toBeUndefined();
      expect(heard.all.map(({ error }) => [error.code, error.field])).toEqual([
        [wanted.code, wanted.field],
      ]);
      return;
    }
    expect(producer.texts).toEqual([wanted.json]);
    expect(eventId).toBe(producer.events[0]?.["event_id"]);
    expect(producer.sent[0]?.key.toString()).toBe(vector.arguments["workspace_id"]);
    expect(heard.codes).toEqual(wanted.degraded ? ["metadata.degraded"] : []);
  });
});

describe("a workspace has the partition that the vector says", () => {
  const placed = vectors.filter(({ partition }) => partition !== undefined);
  test(`of ${usageTopic}, in more than one case`, () => expect(placed.length).toBeGreaterThan(1));
  test.each(placed)("$id", ({ arguments: call, partition }) => {
    const key = Buffer.from(String(call["workspace_id"]));
    expect(murmur2(key) % usageTopicPartitions).toBe(partition);
  });
});
