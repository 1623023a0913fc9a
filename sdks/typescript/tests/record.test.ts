import { describe, expect, test, vi } from "vitest";
import {
  ClientClosedError,
  EkaClient,
  type EkaClientOptions,
  EkaError,
  metrics,
  ValidationError,
} from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";

function setUp(options: Partial<EkaClientOptions> = {}) {
  const producer = new Collector();
  const reported = new Reported();
  const { onError } = reported;
  const client = new EkaClient({ serviceName: "tests", producer, onError, ...options });
  return { client, producer, reported };
}

// biome-ignore lint/suspicious/noExplicitAny: these are calls that do not compile
type Loose = { record(...values: any[]): string | undefined; recordMetric(...values: any[]): any };

function explodingProxy(): object {
  const explode = () => {
    throw new Error("boom");
  };
  return new Proxy({}, { get: explode, ownKeys: explode });
}

describe("record", () => {
  test("record() returns the id of the event that it sends", () => {
    const { client, producer } = setUp();
    const eventId = client.record("ws-1", "api", "api_call", 3, "ok", 0.5, { model: "m" });
    expect(producer.events).toEqual([
      expect.objectContaining({
        event_id: eventId,
        workspace_id: "ws-1",
        quantity: 3,
        unit_cost: 0.5,
        metadata: '{"model":"m"}',
        seq: 1,
        instance_id: client.instanceId,
      }),
    ]);
  });

  test("record() accepts one of metrics, and everything else by name", () => {
    const { client, producer } = setUp();
    class Call {
      readonly model = "m";
    }
    const details = { unitCost: 0.5, metadata: new Call(), eventId: "order-7" };
    expect(client.record("ws-1", metrics.comms.sms, { quantity: 2n, ...details })).toBe("order-7");
    client.record("ws-1", metrics.api.api_call);
    client.record("ws-1", metrics.api.api_call, { status: "error", occurredAt: null });
    expect(producer.events).toMatchObject([
      {
        product: "comms",
        metric_type: "sms",
        quantity: 2,
        unit_cost: 0.5,
        metadata: '{"model":"m"}',
        event_id: "order-7",
      },
      { product: "api", quantity: 1, status: "ok", unit_cost: null },
      { status: "error" },
    ]);
  });

  const unreadable = {
    get eventId() {
      throw new Error("boom");
    },
  };

  test.each([
    ["invalid options 'event_id': did you mean 'eventId'?", { event_id: "order-7" }],
    ["invalid options 'occuredAt': did you mean 'occurredAt'?", { occuredAt: new Date() }],
    ["invalid options 'order-7': expected an object with any of eventId, occurredAt", "order-7"],
    ["invalid options of type Array: expected an object with any of eventId", ["order-7"]],
    ["invalid options of type Object: it cannot be read: boom", unreadable],
  ])("mistaken options are rejected, not ignored: %s", (message, options) => {
    const { client, producer, reported } = setUp();
    const loose = client as unknown as Loose;
    expect(loose.record("ws", "api", "api_call", 1, "ok", null, {}, options)).toBeUndefined();
    expect(loose.recordMetric("ws", metrics.api.api_call, 1, "ok", null, {}, options)).toBe(
      undefined,
    );
    expect(reported.codes).toEqual(["options.invalid", "options.invalid"]);
    expect(reported.messages[0]).toContain(message);
    expect(producer.events).toEqual([]);
    expect(client.stats()).toMatchObject({ accepted: 0, rejected: { "options.invalid": 2 } });
  });

  test.each([
    ["invalid details 'qty': ", { qty: 3 }],
    ["invalid details 'event_id': did you mean 'eventId'?", { event_id: "order-7" }],
    ["invalid details 3: expected an object with any of quantity, status, unitCost, metadata", 3],
    ["invalid details of type Object: it cannot be read: boom", unreadable],
  ])("mistaken details are rejected, not ignored: %s", (message, details) => {
    const { client, producer, reported } = setUp();
    const loose = client as unknown as Loose;
    expect(loose.record("ws", metrics.api.api_call, details)).toBeUndefined();
    expect(reported.codes).toEqual(["options.invalid"]);
    expect(reported.messages[0]).toContain(message);
    expect(producer.events).toEqual([]);
  });

  test("recordMetric() accepts a constant in place of product and metric type", () => {
    const { client, producer } = setUp();
    client.recordMetric("ws-1", metrics.comms.sms, 2n);
    expect(producer.events[0]).toMatchObject({ product: "comms", metric_type: "sms", quantity: 2 });
  });

  test("an error names the parameter and suggests the closest name", () => {
    const { client, reported } = setUp();
    (client as unknown as Loose).record("ws-1", "api", "api_cal");
    const [{ error, context } = expect.fail()] = reported.all;
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toBe(
      "invalid metricType 'api_cal' for product 'api': did you mean 'api_call'?",
    );
    expect(context).toEqual({
      code: "metric_type.unknown",
      reason: "metric_type.unknown",
      field: "metric_type",
      topic: "eka.usage.events",
      workspaceId: "ws-1",
      product: "api",
      metricType: "api_cal",
      status: "ok",
      eventId: undefined,
    });
  });

  test.each([
    [
      [" ", "api", "api_call"],
      "invalid workspaceId ' ': expected a non-blank string of 1 to 256 characters",
    ],
    [["ws", "api", "api_call", true], "invalid quantity true: expected a finite number from 0 to"],
    [["ws", "api", "api_call", 1, "ok", "1"], "invalid unitCost '1': expected a finite number"],
    [["ws", "api", "api_call", 1, "ok", 1, []], "invalid metadata of type Array: expected an obj"],
    [["ws", "api", "api_call", 1, "ok", 1, {}, { eventId: "" }], "invalid eventId '': expected"],
    [
      ["ws", "api", "api_call", 1, "ok", 1, {}, { occurredAt: new Date(0) }],
      "invalid occurredAt '1970-01-01T00:00:00.000Z': expected an RFC 3339 time with an offset, at most 5m ahead and 35d behind; import older work by `usage-sink import`",
    ],
    [["ws", "aip", "api_call"], "invalid product 'aip': did you mean 'api'?"],
    [["ws", "api", "api_call", 1, "okay"], "invalid status 'okay': did you mean 'ok'?"],
  ])("record() reports what is wrong with %j", (values, message) => {
    const { client, reported } = setUp();
    expect((client as unknown as Loose).record(...values)).toBeUndefined();
    expect(reported.messages[0]).toContain(message);
  });

  test("accepted events are numbered without gaps, whatever is rejected in between", () => {
    const { client, producer } = setUp();
    for (let number = 0; number < 50; number += 1) {
      client.record(number % 3 === 0 ? "" : "ws", "api", "api_call");
    }
    const numbers = producer.events.map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(client.stats()).toMatchObject({
      accepted: 33,
      rejected: { "workspace_id.invalid": 17 },
    });
  });

  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  test.each([
    ["a proxy that throws", explodingProxy()],
    ["a proxy that was revoked", revoked.proxy],
    ["a symbol", Symbol("s")],
    ["a function", () => 1],
  ])("record() never throws, whichever argument is %s", (_, value) => {
    const { client, reported } = setUp();
    const call = ["ws", "api", "api_call", 1, "ok", null, {}, { eventId: "e" }];
    for (let index = 0; index < call.length; index += 1) {
      (client as unknown as Loose).record(...call.with(index, value));
    }
    (client as unknown as Loose).recordMetric("ws", value);
    (client as unknown as Loose).record("ws", metrics.api.api_call, value);
    (client as unknown as Loose).record("ws", metrics.api.api_call, { metadata: value });
    expect(reported.all.length).toBeGreaterThanOrEqual(7);
    expect(reported.all.every(({ error }) => error instanceof EkaError)).toBe(true);
  });

  test("record() is rejected after shutdown()", async () => {
    const { client, reported } = setUp();
    await client.shutdown();
    expect(client.record("ws", "api", "api_call")).toBeUndefined();
    expect(reported.all[0]?.error).toBeInstanceOf(ClientClosedError);
  });

  test("clock, ids and host name can be injected", () => {
    const ids = ["instance", "event"];
    const { producer, client } = setUp({
      clock: () => 1_769_851_800_123.9,
      newId: () => ids.shift() ?? "more",
      hostname: "machine",
    });
    client.record("ws", "api", "api_call");
    expect(producer.events[0]).toMatchObject({
      event_id: "event",
      instance_id: "instance",
      hostname: "machine",
      ts: "2026-01-31T09:30:00.123Z",
    });
  });

  test("accepted events are logged with debug", () => {
    const debug = vi.spyOn(console, "debug").mockImplementation(() => undefined);
    const { client, producer } = setUp({ debug: true });
    client.record("ws", "api", "api_call");
    const { event_id, workspace_id, product, metric_type, status } = JSON.parse(
      String(producer.texts[0]),
    ) as Record<string, unknown>;
    const ids = { event_id, workspace_id, product, metric_type, status };
    expect(debug).toHaveBeenCalledExactlyOnceWith(`[usage-sdk] accepted ${event_id}`, ids);
    debug.mockRestore();
  });

  test("a client accepts more workspaces than it caches", () => {
    const { client, producer } = setUp();
    for (let number = 0; number < 10_050; number += 1) {
      client.record(`ws-${number}`, "api", "api_call");
    }
    expect(producer.events.at(-1)).toMatchObject({ workspace_id: "ws-10049", seq: 10_050 });
  });
});

describe("log", () => {
  test("log() records an event with the status of errors, its level and its message", () => {
    const { client, producer } = setUp();
    client.log("ws", "api", "api_error", "it broke", "warning", { level: "mine", attempt: 2 });
    expect(producer.events[0]).toMatchObject({
      status: "error",
      is_billable: 0,
      metadata: '{"level":"warning","attempt":2,"message":"it broke"}',
    });
  });

  class Failure {
    toJSON = () => ({ level: "mine", attempt: 2 });
  }

  test.each([
    [
      "a class with a toJSON()",
      new Failure(),
      '{"level":"error","attempt":2,"message":"it broke"}',
    ],
    [
      "an object of an interface",
      Object.create({ toJSON: () => ({ a: 1 }) }),
      '{"a":1,"level":"error","message":"it broke"}',
    ],
  ])("log() keeps level and message beside the metadata of %s", (_, metadata, expected) => {
    const { client, producer, reported } = setUp();
    client.log("ws", "api", "api_error", "it broke", "error", metadata);
    expect(producer.events[0]?.["metadata"]).toBe(expected);
    expect(reported.all).toEqual([]);
  });

  test.each([
    ["it could not be read: Error", explodingProxy()],
    ["its toJSON() does not return an object", { toJSON: () => "text" }],
    [
      "it could not be read: Error",
      {
        toJSON: () => {
          throw new Error("boom");
        },
      },
    ],
  ])("log() never throws, and keeps level and message: %s", (lost, metadata) => {
    const { client, producer, reported } = setUp();
    client.log("ws", "api", "api_error", "it broke", "error", metadata);
    expect(producer.events[0]?.["metadata"]).toBe('{"level":"error","message":"it broke"}');
    expect(reported.messages).toEqual([`degraded metadata: ${lost}`]);
  });

  test("log() falls back to the default level, and reports it", () => {
    const { client, producer, reported } = setUp();
    client.log("ws", "api", "api_error", "it broke", "warn" as "warning");
    expect(producer.events[0]?.["metadata"]).toBe('{"level":"error","message":"it broke"}');
    expect(reported.messages).toEqual(["degraded metadata: level 'warn': did you mean 'warning'?"]);
  });
});

describe("disposal", () => {
  test("disposal shuts the client down", async () => {
    const { client } = setUp();
    {
      await using used = client;
      used.record("ws", "api", "api_call");
    }
    expect(client.record("ws", "api", "api_call")).toBeUndefined();
  });
});
