import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeliveryError, EkaClient, type EkaClientOptions } from "../src/index.js";
import { resolveSettings } from "../src/settings.js";
import { KafkaTransport } from "../src/transports/kafka.js";
import { Workspaces } from "../src/workspace.js";
import { Broker } from "./support/broker.js";
import { Heard } from "./support/collector.js";
import { busy, holds } from "./support/waiting.js";

let shared: Broker;
beforeAll(async () => {
  shared = await Broker.start();
});
afterAll(async () => await shared[Symbol.asyncDispose]());

const nobody = "127.0.0.1:1";

function setUp(kafkaBrokers: string, options: Partial<EkaClientOptions> = {}) {
  const heard = new Heard();
  const { onError } = heard;
  return {
    client: new EkaClient({ serviceName: "tests", kafkaBrokers, onError, ...options }),
    heard,
  };
}

function record(client: EkaClient, times: number, workspaceId = "ws-1"): string[] {
  return Array.from({ length: times }, () => client.record(workspaceId, "api", "api_call") ?? "");
}

async function assertOnceEach(broker: Broker, client: EkaClient, ids: string[]): Promise<void> {
  const events = await broker.events(client.instanceId, ids.length);
  expect(events.map(({ event_id }) => event_id).sort()).toEqual([...ids].sort());
  const numbers = events.map(({ seq }) => Number(seq)).sort((a, b) => a - b);
  expect(numbers).toEqual(ids.map((_, index) => index + 1));
}

describe("events", () => {
  test.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "arrive once each, compressed by %s",
    async (compression) => {
      const { client, heard } = setUp(shared.bootstrap, { compression });
      const ids = ["ws-1", "ws-2", "ws-3"].flatMap((workspace) => record(client, 50, workspace));
      expect(await client.flush()).toBe(0);
      expect(client.stats()).toMatchObject({
        accepted: 150,
        delivered: 150,
        failed: 0,
        queued: 0,
        rejected: {},
      });
      await assertOnceEach(shared, client, ids);
      expect(heard.all).toEqual([]);
      expect(await client.shutdown()).toBe(0);
    },
  );

  test("arrive in the order of their workspace, with acks of all brokers too", async () => {
    const { client } = setUp(shared.bootstrap, { acks: "all", flushIntervalMs: 0 });
    for (let round = 0; round < 20; round += 1) {
      record(client, 100);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await client.flush()).toBe(0);
    const events = await shared.events(client.instanceId, 2000);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    await client.shutdown();
  });

  test("that come together need few requests", async () => {
    await using broker = await Broker.start();
    const { client } = setUp(broker.bootstrap, { flushIntervalMs: 50 });
    record(client, 500);
    await client.flush();
    expect(await broker.requests()).toBeLessThanOrEqual(5);
    await client.shutdown();
  });
});

describe("a broker", () => {
  test("that is absent at the start, and then gone for a while, loses nothing", async () => {
    await using broker = await Broker.start();
    await broker.kill();
    const { client, heard } = setUp(broker.bootstrap);
    const ids = record(client, 100);
    expect(await client.flush(300)).toBe(100);
    await broker.restart();
    expect(await client.flush(20_000)).toBe(0);
    await broker.kill();
    ids.push(...record(client, 100));
    expect(await client.flush(300)).toBe(100);
    await broker.restart();
    expect(await client.flush(20_000)).toBe(0);
    await assertOnceEach(broker, client, ids);
    expect(heard.all).toEqual([]);
    await client.shutdown();
  });

  test("that dies in the middle of it all leaves exact books", async () => {
    await using broker = await Broker.start();
    const { client } = setUp(broker.bootstrap, { flushIntervalMs: 1 });
    const ids: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      ids.push(...record(client, 50, `ws-${round % 7}`));
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (round === 10) {
        await broker.kill();
      }
      if (round === 20) {
        await broker.restart();
      }
      const { accepted, delivered, failed, queued } = client.stats();
      expect(accepted).toBe(delivered + failed + queued);
    }
    expect(await client.flush(20_000)).toBe(0);
    expect(client.stats()).toMatchObject({ accepted: 1500, delivered: 1500, failed: 0 });
    const events = await broker.events(client.instanceId, 1500);
    expect(new Set(events.map(({ event_id }) => event_id))).toEqual(new Set(ids));
    await client.shutdown();
  });

  test.each(["1", "all"] as const)(
    "that refuses for a moment is asked again, with acks %s",
    async (acks) => {
      await using broker = await Broker.start();
      const { client, heard } = setUp(broker.bootstrap, { acks });
      await broker.fail("NOT_ENOUGH_REPLICAS", 2);
      const ids = record(client, 20);
      expect(await client.flush(20_000)).toBe(0);
      await assertOnceEach(broker, client, ids);
      expect(heard.all).toEqual([]);
      await client.shutdown();
    },
  );

  test("that always refuses is asked as often as the settings say", async () => {
    await using broker = await Broker.start();
    const { client, heard } = setUp(broker.bootstrap, { retries: 2 });
    await broker.fail("NOT_ENOUGH_REPLICAS", -1);
    record(client, 5);
    expect(await client.flush(20_000)).toBe(0);
    expect(heard.messages).toEqual(
      Array(5).fill(expect.stringMatching(/^delivery failed: .*\[NOT_ENOUGH_REPLICAS\]$/)),
    );
    expect(await broker.requests()).toBe(3);
    await client.shutdown();
  });

  test("that refuses for good is not asked again", async () => {
    await using broker = await Broker.start();
    const { client, heard } = setUp(broker.bootstrap);
    await broker.fail("MESSAGE_TOO_LARGE", -1);
    record(client, 5);
    expect(await client.flush(20_000)).toBe(0);
    expect(heard.messages[0]).toContain("[MESSAGE_TOO_LARGE]");
    expect(await broker.requests()).toBe(1);
    await client.shutdown();
  });
});

describe("nobody there", () => {
  test("fails events at their delivery timeout, and says why", async () => {
    const { client, heard } = setUp(nobody, { deliveryTimeoutMs: 1000 });
    record(client, 2);
    expect(await client.flush(10_000)).toBe(0);
    expect(heard.messages[0]).toMatch(
      /^delivery failed: not delivered within 1000 ms: Connection to 127\.0\.0\.1:1 failed\. .*ECONNREFUSED/,
    );
    expect(client.stats()).toMatchObject({ accepted: 2, failed: 2, queued: 0 });
    await client.shutdown();
  });

  test("is what connect() says, a full queue, and shutdown of what it gives up", async () => {
    const { client, heard } = setUp(nobody, { maxQueueSize: 2 });
    const refused = client.connect();
    await expect(refused).rejects.toBeInstanceOf(DeliveryError);
    await expect(refused).rejects.toThrow("ECONNREFUSED");
    record(client, 2);
    await holds(() => {
      record(client, 1);
      expect(heard.messages.at(-1)).toMatch(/^queue full: .*ECONNREFUSED/);
    });
    expect(await client.shutdown(0)).toBe(2);
    expect(heard.messages.at(-1)).toMatch(/^shutdown timed out: .*ECONNREFUSED/);
  });
});

test("connect() resolves when Kafka can be reached", async () => {
  const { client } = setUp(shared.bootstrap);
  await expect(client.connect()).resolves.toBeUndefined();
  await client.shutdown();
});

test("a topic that does not exist is named, and waited for", async () => {
  const settings = resolveSettings({ kafkaBrokers: shared.bootstrap }, {}, []);
  const transport = new KafkaTransport(settings, {}, "no.such.topic");
  const event = {
    workspace: new Workspaces().get("ws-1"),
    value: Buffer.from("{}"),
    acceptedAt: 0,
  };
  await expect(transport.send([event])).rejects.toMatchObject({
    message: "unknown topic 'no.such.topic': create it first",
    retry: "always",
  });
  await transport.close();
});

test("the event loop is never held for long", async () => {
  const { client } = setUp(shared.bootstrap, { maxQueueSize: 200_000 });
  await client.connect();
  let longest = 0;
  let spent = busy();
  const timer = setInterval(() => {
    longest = Math.max(longest, spent());
    spent = busy();
  }, 1);
  for (let round = 0; round < 100; round += 1) {
    record(client, 200, `ws-${round}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.flush();
  clearInterval(timer);
  expect(client.stats().delivered).toBe(20_000);
  expect(longest).toBeLessThan(100);
  await client.shutdown();
});

test("a client that is at rest has no timers", async () => {
  const { client } = setUp(shared.bootstrap);
  record(client, 1);
  await client.flush();
  await holds(() => expect(process.getActiveResourcesInfo()).not.toContain("Immediate"));
  await client.shutdown();
});
