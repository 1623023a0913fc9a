import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EkaClient, metrics, type ProducerLike } from "../src/index.js";
import { Broker } from "./support/broker.js";
import { Reported } from "./support/collector.js";

const frozen = "2019-05-17T10:20:30.500Z";

/** A producer that sends in batches, as one of Kafka does. */
class Batches implements ProducerLike {
  readonly sent: Record<string, unknown>[] = [];

  async send({ messages }: Parameters<ProducerLike["send"]>[0]): Promise<void> {
    await Promise.resolve();
    this.sent.push(...messages.map(({ value }) => JSON.parse(value.toString())));
  }
}

describe("with fake timers", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse(frozen) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("events have the time of the test", async () => {
    const producer = new Batches();
    const { onError, codes } = new Reported();
    const client = new EkaClient({ serviceName: "frozen", producer, onError });
    client.record("ws", "api", "api_call", 1, "ok", null, null, { occurredAt: new Date() });
    vi.setSystemTime(Date.parse(frozen) + 60_000);
    client.record("ws", "api", "api_call");
    expect(await client.flush()).toBe(0);
    expect(producer.sent.map(({ ts, occurred_at }) => [ts, occurred_at])).toEqual([
      [frozen, frozen],
      ["2019-05-17T10:21:30.500Z", "2019-05-17T10:21:30.500Z"],
    ]);
    expect(codes).toEqual([]);
    expect(await client.shutdown()).toBe(0);
  });

  test("a session starts at the time of the test, and is measured by a clock that runs", async () => {
    const producer = new Batches();
    const client = new EkaClient({ serviceName: "frozen", producer });
    const session = client.session("ws", metrics.ekascribe.transcription_minute);
    vi.setSystemTime(Date.parse(frozen) + 3_600_000);
    session.end();
    expect(await client.flush()).toBe(0);
    const [{ quantity, occurred_at, ts } = {}] = producer.sent;
    expect([occurred_at, ts]).toEqual([frozen, "2019-05-17T11:20:30.500Z"]);
    expect(quantity).toBeGreaterThan(0);
    expect(quantity).toBeLessThan(60);
    await client.shutdown();
  });

  test("flush() and shutdown() time out", async () => {
    const { onError } = new Reported();
    const producer = { send: () => new Promise(() => undefined) };
    const client = new EkaClient({ serviceName: "frozen", producer, onError });
    client.record("ws", "api", "api_call");
    expect(await client.flush(20)).toBe(1);
    expect(await client.shutdown(20)).toBe(1);
  });
});

describe.each(["off", "spill", "durable"] as const)("on Kafka, with the spool %s", (spool) => {
  const folder = mkdtempSync(join(tmpdir(), "eka-usage-"));
  let broker: Broker;
  beforeEach(async () => {
    broker = await Broker.start();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await broker[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("flush() and shutdown() end with fake timers", async () => {
    const options = { kafkaBrokers: broker.bootstrap, spool, spoolDir: folder };
    const client = new EkaClient({ serviceName: "frozen", ...options });
    vi.useFakeTimers();
    const eventId = client.record("ws", "api", "api_call");
    expect(await client.flush(30_000)).toBe(0);
    expect(await client.shutdown(30_000)).toBe(0);
    vi.useRealTimers();
    const [event] = await broker.events(client.instanceId, 1);
    expect(event?.["event_id"]).toBe(eventId);
  });
});
