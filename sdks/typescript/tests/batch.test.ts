import { describe, expect, test } from "vitest";
import { decimal, EkaClient, type EkaClientOptions, metrics } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";
import { temporaryDirectory } from "./support/spooled.js";

function setUp(options: Partial<EkaClientOptions> = {}) {
  const producer = new Collector();
  const reported = new Reported();
  const { onError } = reported;
  const client = new EkaClient({ serviceName: "tests", producer, onError, ...options });
  // biome-ignore lint/suspicious/noExplicitAny: these are calls that do not compile
  return { client, producer, reported, loose: client as any };
}

const call = { workspaceId: "ws-1", ...metrics.api.api_call };
const numbered = (events: Record<string, unknown>[]) => events.map(({ seq }) => seq);

describe("recordMany", () => {
  test("recordMany() records events of any workspaces and metrics, in order", async () => {
    const { client, producer } = setUp();
    client.record("ws-0", "api", "api_call");
    const ids = client.recordMany([
      { ...call, quantity: 2n, metadata: { key: "é" }, runId: "run-1" },
      { workspaceId: 7, ...metrics.comms.sms, eventId: "own", status: "error" },
      { ...call, unitCost: decimal("0.10"), occurredAt: Date.now() - 5000 },
    ]);
    expect(ids).toEqual(producer.events.slice(1).map(({ event_id }) => event_id));
    expect(ids?.[1]).toBe("own");
    expect(new Set(ids).size).toBe(3);
    expect(producer.events.slice(1)).toMatchObject([
      { workspace_id: "ws-1", quantity: 2, metadata: '{"key":"é"}', run_id: "run-1", seq: 2 },
      { workspace_id: "7", product: "comms", metric_type: "sms", status: "error", seq: 3 },
      { workspace_id: "ws-1", unit_cost: 0.1, seq: 4 },
    ]);
    expect(await client.flush()).toBe(0);
    expect(client.stats()).toMatchObject({ accepted: 4, delivered: 4, failed: 0 });
  });

  test("one invalid event rejects all, and is named", () => {
    const { client, producer, reported } = setUp();
    const wrong = { ...call, quantity: -1, eventId: "wrong" };
    expect(client.recordMany([call, call, wrong, { ...call, status: "no" as "ok" }])).toBe(
      undefined,
    );
    expect(reported.all).toHaveLength(1);
    const [{ error, context } = expect.fail()] = reported.all;
    expect(error.message).toMatch(/^event 3 of 4: invalid quantity -1: .*; void\(\) takes/);
    expect(context).toMatchObject({
      code: "quantity.invalid",
      field: "quantity",
      index: 2,
      eventId: "wrong",
      workspaceId: "ws-1",
    });
    expect(client.stats()).toMatchObject({ accepted: 0, rejected: { "quantity.invalid": 4 } });
    client.record("ws-1", "api", "api_call");
    expect(numbered(producer.events)).toEqual([1]);
  });

  test.each([
    ["no event", [], 0],
    ["501 events", Array.from({ length: 501 }, () => call), 501],
    ["no array", "events", 0],
    ["an event that is no object", [call, 5], 2],
  ])("a call with %s is rejected", (_, events, count) => {
    const { client, producer, reported, loose } = setUp();
    expect(loose.recordMany(events)).toBeUndefined();
    expect(reported.codes).toHaveLength(1);
    expect(["batch.invalid", "options.invalid"]).toContain(reported.codes[0]);
    expect(Object.values(client.stats().rejected)).toEqual([count]);
    expect(producer.sent).toEqual([]);
  });

  test("an unknown name, or a property that cannot be read, rejects the call", () => {
    const { reported, loose } = setUp();
    const broken = Object.defineProperty({ ...call }, "quantity", {
      get: () => {
        throw new Error("broken");
      },
    });
    expect(loose.recordMany([{ ...call, quantty: 1 }])).toBeUndefined();
    expect(loose.recordMany([broken])).toBeUndefined();
    expect(reported.messages[0]).toContain("did you mean 'quantity'?");
    expect(reported.codes).toEqual(["options.invalid", "options.invalid"]);
  });

  test("an event that is a proxy rejects the call, whatever the proxy does", () => {
    const { reported, loose } = setUp();
    const throwing = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error("broken");
        },
      },
    );
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(loose.recordMany([throwing])).toBeUndefined();
    expect(loose.recordMany([revoked])).toBeUndefined();
    expect(reported.all).toHaveLength(2);
  });

  test("524,288 bytes are accepted, and one more is not", () => {
    const { client, producer, reported } = setUp();
    const full = { ...call, metadata: { text: "x".repeat(30_000) } };
    const events = (last: number) => [
      ...Array.from({ length: 17 }, () => full),
      { ...call, metadata: { text: `é${"x".repeat(last)}` } },
    ];
    // So that the numbers of all these events have two digits.
    Array.from({ length: 9 }, () => client.record("ws-1", "api", "api_call"));
    const before = producer.sent.length;
    client.recordMany(events(0));
    const bytes = producer.sent.slice(before).reduce((sum, { value }) => sum + value.length, 0);
    const left = 524_288 - bytes;
    expect(client.recordMany(events(left + 1))).toBeUndefined();
    expect(reported.codes).toEqual(["batch.invalid"]);
    expect(client.recordMany(events(left))).toHaveLength(18);
  });

  test("a queue that is too full for all accepts none", () => {
    const { client, reported } = setUp({
      producer: { send: () => new Promise(() => {}) },
      maxQueueSize: 10,
    });
    client.recordMany([call, call, call, call]);
    expect(client.recordMany(Array.from({ length: 7 }, () => call))).toBeUndefined();
    expect(reported.codes).toEqual(["queue.full"]);
    expect(client.recordMany(Array.from({ length: 6 }, () => call))).toHaveLength(6);
    expect(client.stats()).toMatchObject({ accepted: 10, rejected: { "queue.full": 7 } });
  });

  test("a queue whose bytes do not suffice for all accepts none", () => {
    const { client, reported } = setUp({
      producer: { send: () => new Promise(() => {}) },
      maxQueueBytes: 2 ** 20,
    });
    const full = { ...call, metadata: { text: "x".repeat(30_000) } };
    const many = Array.from({ length: 17 }, () => full);
    expect(client.recordMany(many)).toHaveLength(17);
    expect(client.recordMany(many)).toHaveLength(17);
    expect(client.recordMany(many)).toBeUndefined();
    expect(reported.codes).toEqual(["queue.full"]);
    expect(client.recordMany([call])).toHaveLength(1);
  });

  test("a full spool accepts none, and the numbers stay consecutive", async () => {
    using directory = temporaryDirectory();
    const { client, producer, reported } = setUp({
      spool: "durable",
      spoolDir: directory.path,
      spoolMaxBytes: 4 * 2 ** 20,
    });
    const text = "x".repeat(20_000);
    const many = Array.from({ length: 25 }, () => ({ ...call, metadata: { text } }));
    const accepted: string[][] = [];
    for (let ids = client.recordMany(many); ids !== undefined; ids = client.recordMany(many)) {
      accepted.push(ids);
    }
    expect(accepted.length).toBeGreaterThan(2);
    expect(reported.codes).toEqual(["spool.full"]);
    expect(await client.flush(20_000)).toBe(0);
    expect(numbered(producer.events)).toEqual(
      Array.from({ length: 25 * accepted.length }, (_, index) => index + 1),
    );
    await client.shutdown();
  });

  test("events that record others while they are read are rejected", () => {
    const { client, producer, reported } = setUp();
    const metadata = { toJSON: () => ({ id: client.record("ws-2", "api", "api_call") }) };
    expect(client.recordMany([call, { ...call, metadata }])).toBeUndefined();
    expect(reported.codes).toEqual(["batch.invalid"]);
    expect(producer.events).toMatchObject([{ workspace_id: "ws-2", seq: 1 }]);
  });

  test("after shutdown() all are rejected", async () => {
    const { client, reported } = setUp();
    await client.shutdown();
    expect(client.recordMany([call, call])).toBeUndefined();
    expect(reported.codes).toEqual(["client.closed"]);
  });

  test("what each event lost of its metadata is reported", () => {
    const { client, reported } = setUp();
    const ids = client.recordMany([call, { ...call, metadata: { when: Number.NaN } }]);
    expect(reported.all.map(({ context }) => [context.code, context.eventId])).toEqual([
      ["metadata.degraded", ids?.[1]],
    ]);
  });
});

describe("recordAmounts", () => {
  const { input_token, output_token } = metrics.agent;

  test("recordAmounts() records an event per metric with one id, and none for zero", () => {
    const { client, producer } = setUp();
    const amounts = [
      [input_token, 1200, decimal("0.01")],
      [output_token, 0],
      [metrics.agent.tool_call, 2n],
    ] as const;
    const details = { eventId: "work-1", metadata: { model: "m" }, stepId: "step-1" };
    expect(client.recordAmounts("ws-1", amounts, details)).toEqual(["work-1", "work-1"]);
    const common = { event_id: "work-1", metadata: '{"model":"m"}', step_id: "step-1" };
    expect(producer.events).toMatchObject([
      { ...common, metric_type: "input_token", quantity: 1200, cost: 0.01 },
      { ...common, metric_type: "tool_call", quantity: 2 },
    ]);
    expect(producer.events[1]).not.toHaveProperty("cost");
  });

  test("amounts that are all zero record nothing", () => {
    const { client, reported } = setUp();
    expect(client.recordAmounts("ws-1", [[input_token, 0]], { eventId: "work-1" })).toEqual([]);
    expect(client.stats().accepted).toBe(0);
    expect(reported.codes).toEqual([]);
  });

  test.each([
    ["event_id.invalid", [[input_token, 1]], {}],
    ["event_id.invalid", [[input_token, 1]], { eventId: " " }],
    [
      "quantity.invalid",
      [
        [input_token, 1],
        [output_token, -1],
      ],
      { eventId: "e" },
    ],
    [
      "batch.invalid",
      [
        [input_token, 1],
        [input_token, 2],
      ],
      { eventId: "e" },
    ],
    [
      "batch.invalid",
      [
        [input_token, 0],
        [input_token, 2],
      ],
      { eventId: "e" },
    ],
    ["batch.invalid", [input_token], { eventId: "e" }],
    ["metric_type.unknown", [[{ product: "agent", metricType: "x" }, 1]], { eventId: "e" }],
    ["cost.invalid", [[input_token, 1, -1]], { eventId: "e" }],
    ["options.invalid", [[input_token, 1]], { eventId: "e", quantity: 1 }],
    ["batch.invalid", Array(501).fill([input_token, 0]), { eventId: "e" }],
  ])("%s rejects all amounts of %j", (code, amounts, details) => {
    const { producer, reported, loose } = setUp();
    expect(loose.recordAmounts("ws-1", amounts, details)).toBeUndefined();
    expect(reported.codes).toEqual([code]);
    expect(producer.sent).toEqual([]);
  });
});
