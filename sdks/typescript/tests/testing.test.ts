import "../src/testing/vitest.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { EkaClient } from "../src/index.js";
import { InMemoryProducer } from "../src/testing/index.js";

function setUp() {
  const producer = new InMemoryProducer();
  const client = new EkaClient({ serviceName: "tests", producer, onError: () => undefined });
  return { client, producer };
}

describe("the in-memory producer", () => {
  test("the in-memory producer has each event before record() returns", () => {
    const { client, producer } = setUp();
    const eventId = client.record("ws-1", "api", "api_call", 3);
    expect(producer.events.map(({ event_id, quantity }) => [event_id, quantity])).toEqual([
      [eventId, 3],
    ]);
    producer.clear();
    expect(producer.events).toEqual([]);
  });

  test("the in-memory producer fails deliveries while a fault is set", async () => {
    const { client, producer } = setUp();
    producer.fault = "no disk";
    client.record("ws-1", "api", "api_call");
    await client.flush();
    expect(client.stats()).toMatchObject({ delivered: 0, failed: 1 });
    expect(producer.events).toEqual([]);
  });
});

describe("the matchers", () => {
  const { client, producer } = setUp();
  client.record("ws-1", "api", "api_call", 3, "ok", null, { model: "m-1", region: "in" });
  client.record("ws-2", "comms", "sms");

  test("the matchers find an event by some of its fields and metadata keys", () => {
    expect(producer).toHaveRecorded({ workspace_id: "ws-1", metric_type: "api_call", quantity: 3 });
    expect(producer).toHaveRecorded({ metadata: { model: expect.stringMatching(/^m-/) } });
    expect(producer).toHaveRecorded({ event_id: expect.any(String) });
    expect(producer).not.toHaveRecorded({ workspace_id: "ws-1", metric_type: "sms" });
    expect(producer).not.toHaveRecorded({ metadata: { model: "m-2" } });
  });

  test("the matchers count events", () => {
    expect(producer).toHaveRecordedTimes(2);
    expect(producer).toHaveRecordedTimes(1, { product: "comms" });
    expect(producer).not.toHaveRecordedTimes(1);
  });

  test("the matchers report what is wrong", () => {
    expect(() => expect(producer).toHaveRecorded({ quantity: 4 })).toThrow(
      "Expected an event to have these fields",
    );
    expect(() => expect(producer).not.toHaveRecorded({ quantity: 3 })).toThrow(
      /Expected no event to have these fields, got: [\s\S]*"ws-1"/,
    );
    expect(() => expect(producer).toHaveRecordedTimes(3, { quantity: 3 })).toThrow(
      "Expected 3 events to have these fields, got 1",
    );
    expect(() => expect([]).toHaveRecorded({})).toThrow(
      "Expected the value to be an InMemoryProducer",
    );
  });
});

describe("a client without a producer", () => {
  const withoutProducer = (disabled?: boolean) =>
    new EkaClient({ serviceName: "tests", spool: "off", disabled });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("a client without a producer sends nothing to the brokers of the environment", async () => {
    vi.stubEnv("EKA_KAFKA_BROKERS", "127.0.0.1:1");
    const client = withoutProducer();
    expect(client.record("ws-1", "api", "api_call")).toBeDefined();
    expect(await client.shutdown()).toBe(0);
    expect(client.stats()).toMatchObject({ disabled: true, accepted: 1, delivered: 1, failed: 0 });
  });

  test("a client without a producer is enabled by its option or the variable", async () => {
    vi.stubEnv("EKA_KAFKA_BROKERS", "127.0.0.1:1");
    const byOption = withoutProducer(false);
    vi.stubEnv("EKA_DISABLED", "false");
    const byVariable = withoutProducer();
    for (const client of [byOption, byVariable]) {
      expect(client.stats().disabled).toBe(false);
      await client.shutdown(0);
    }
  });
});
