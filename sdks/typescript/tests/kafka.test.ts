import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeliveryError, EkaClient, type EkaClientOptions } from "../src/index.js";
import { resolveSettings } from "../src/settings.js";
import { KafkaTransport } from "../src/transports/kafka.js";
import { Workspaces } from "../src/workspace.js";
import { Broker } from "./support/broker.js";
import { Reported } from "./support/collector.js";
import { QuotaBroker } from "./support/quota.js";
import { busy, eventually } from "./support/waiting.js";

let shared: Broker;
beforeAll(async () => {
  shared = await Broker.start();
});
afterAll(async () => await shared[Symbol.asyncDispose]());

const unreachable = "127.0.0.1:1";

function setUp(kafkaBrokers: string, options: Partial<EkaClientOptions> = {}) {
  const reported = new Reported();
  const { onError } = reported;
  return {
    client: new EkaClient({ serviceName: "tests", kafkaBrokers, onError, ...options }),
    reported,
  };
}

function record(client: EkaClient, times: number, workspaceId = "ws-1"): string[] {
  return Array.from({ length: times }, () => client.record(workspaceId, "api", "api_call") ?? "");
}

/** Checks that all arrived. A copy does not count: a broker may respond after the client has sent again. */
async function assertEach(broker: Broker, client: EkaClient, ids: string[]): Promise<void> {
  const events = await broker.events(client.instanceId, ids.length);
  expect(new Set(events.map(({ event_id }) => event_id))).toEqual(new Set(ids));
}

async function assertOnceEach(broker: Broker, client: EkaClient, ids: string[]): Promise<void> {
  const events = await broker.events(client.instanceId, ids.length);
  expect(events.map(({ event_id }) => event_id).sort()).toEqual([...ids].sort());
  const numbers = events.map(({ seq }) => Number(seq)).sort((a, b) => a - b);
  expect(numbers).toEqual(ids.map((_, index) => index + 1));
}

describe("events", () => {
  test.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "each event arrives once, compressed by %s",
    async (compression) => {
      const { client, reported } = setUp(shared.bootstrap, { compression });
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
      expect(reported.all).toEqual([]);
      expect(await client.shutdown()).toBe(0);
    },
  );

  test("events of a workspace arrive in order with acks of all replicas", async () => {
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

  test("events recorded together need few requests", async () => {
    await using broker = await Broker.start();
    const { client } = setUp(broker.bootstrap, { flushIntervalMs: 50 });
    record(client, 500);
    await client.flush();
    expect(await broker.requests()).toBeLessThanOrEqual(5);
    await client.shutdown();
  });
});

describe("a broker", () => {
  test("a broker that is down at first and again later loses nothing", async () => {
    await using broker = await Broker.start();
    await broker.kill();
    const { client, reported } = setUp(broker.bootstrap);
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
    expect(reported.all).toEqual([]);
    await client.shutdown();
  });

  test("the counters stay exact when a broker crashes meanwhile", async () => {
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
    "a batch that a broker rejects for a moment is retried, with acks %s",
    async (acks) => {
      await using broker = await Broker.start();
      const { client, reported } = setUp(broker.bootstrap, { acks });
      await broker.fail("NOT_ENOUGH_REPLICAS", 2);
      const ids = record(client, 20);
      expect(await client.flush(20_000)).toBe(0);
      await assertOnceEach(broker, client, ids);
      expect(reported.all).toEqual([]);
      await client.shutdown();
    },
  );

  test("a batch that a broker always rejects is retried as often as the settings allow", async () => {
    await using broker = await Broker.start();
    const { client, reported } = setUp(broker.bootstrap, { retries: 2 });
    await broker.fail("CORRUPT_MESSAGE", -1);
    record(client, 5);
    expect(await client.flush(20_000)).toBe(0);
    expect(reported.messages).toEqual(
      Array(5).fill(expect.stringMatching(/^delivery failed: .*\[CORRUPT_MESSAGE\]$/)),
    );
    expect(await broker.requests()).toBe(3);
    await client.shutdown();
  });

  test("a batch that a broker rejects permanently is not retried", async () => {
    await using broker = await Broker.start();
    const { client, reported } = setUp(broker.bootstrap);
    await broker.fail("MESSAGE_TOO_LARGE", -1);
    record(client, 5);
    expect(await client.flush(20_000)).toBe(0);
    expect(reported.messages[0]).toContain("[MESSAGE_TOO_LARGE]");
    expect(await broker.requests()).toBe(1);
    await client.shutdown();
  });
});

describe("an unreachable broker", () => {
  test("events fail at their delivery timeout with the reason if no broker is reachable", async () => {
    const { client, reported } = setUp(unreachable, { deliveryTimeoutMs: 1000 });
    record(client, 2);
    expect(await client.flush(10_000)).toBe(0);
    expect(reported.messages[0]).toMatch(
      /^delivery failed: not delivered within 1000 ms: Connection to 127\.0\.0\.1:1 failed\. .*ECONNREFUSED/,
    );
    expect(client.stats()).toMatchObject({ accepted: 2, failed: 2, queued: 0 });
    await client.shutdown();
  });

  test("connect(), a full queue and shutdown() report why no broker is reachable", async () => {
    const { client, reported } = setUp(unreachable, { maxQueueSize: 2 });
    const connecting = client.connect();
    await expect(connecting).rejects.toBeInstanceOf(DeliveryError);
    await expect(connecting).rejects.toThrow("ECONNREFUSED");
    record(client, 2);
    await eventually(() => {
      record(client, 1);
      expect(reported.messages.at(-1)).toMatch(/^queue full: .*ECONNREFUSED/);
    });
    expect(await client.shutdown(0)).toBe(2);
    expect(reported.messages.at(-1)).toMatch(/^shutdown timed out: .*ECONNREFUSED/);
  });
});

describe("a first bootstrap broker that accepts connections and stays silent", () => {
  async function silent() {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return {
      kafkaBrokers: `127.0.0.1:${port},${shared.bootstrap}`,
      kafkaConfig: { requestTimeout: 300 },
      accepted: () => sockets.size,
      [Symbol.dispose]: () => {
        server.close();
        sockets.forEach((socket) => {
          socket.destroy();
        });
      },
    };
  }

  test.each(["1", "all"] as const)(
    "events are delivered by the next, with acks %s",
    async (acks) => {
      using first = await silent();
      const { client, reported } = setUp(first.kafkaBrokers, {
        acks,
        kafkaConfig: first.kafkaConfig,
      });
      const ids = ["ws-1", "ws-2", "ws-3"].flatMap((workspace) => record(client, 20, workspace));
      expect(await client.flush(10_000)).toBe(0);
      expect(first.accepted()).toBeGreaterThan(0);
      await assertEach(shared, client, ids);
      expect(reported.all).toEqual([]);
      await client.shutdown();
    },
  );

  test("connect() resolves", async () => {
    using first = await silent();
    const { client } = setUp(first.kafkaBrokers, { kafkaConfig: first.kafkaConfig });
    await expect(client.connect()).resolves.toBeUndefined();
    expect(first.accepted()).toBe(1);
    await client.shutdown();
  });
});

describe("a broker that enforces a quota", () => {
  test.each(["1", "all"] as const)("gets each batch once, with acks %s", async (acks) => {
    // Longer than a busy machine takes to respond, or the client sends again.
    const requestTimeout = 2000;
    using broker = await QuotaBroker.start(shared.bootstrap, 2 * requestTimeout);
    const { client, reported } = setUp(broker.bootstrap, { acks, kafkaConfig: { requestTimeout } });
    const ids: string[] = [];
    // Its first response announces the throttle time, so the batches of several lanes come after that.
    for (const workspaces of [["ws-1"], ["ws-1", "ws-2", "ws-3"], ["ws-1"]]) {
      ids.push(...workspaces.flatMap((workspace) => record(client, 5, workspace)));
      expect(await client.flush(20_000)).toBe(0);
    }
    expect(broker.batches).toBe(5);
    await assertOnceEach(shared, client, ids);
    expect(reported.all).toEqual([]);
    await client.shutdown();
  });
});

test("connect() resolves once Kafka is reachable", async () => {
  const { client } = setUp(shared.bootstrap);
  await expect(client.connect()).resolves.toBeUndefined();
  await client.shutdown();
});

test("a missing topic is named in the error, and retried", async () => {
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

test("the event loop is never blocked for long", async () => {
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

test("an idle client has no timers", async () => {
  const { client } = setUp(shared.bootstrap);
  record(client, 1);
  await client.flush();
  await eventually(() => expect(process.getActiveResourcesInfo()).not.toContain("Immediate"));
  await client.shutdown();
});
