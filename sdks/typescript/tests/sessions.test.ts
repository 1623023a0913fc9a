import { describe, expect, test } from "vitest";
import { EkaClient, type EkaClientOptions, metrics } from "../src/index.js";
import { unitsIn } from "../src/session.js";
import { Collector, Reported } from "./support/collector.js";

const start = Date.parse("2026-01-31T09:30:00.000Z");
const minutes = metrics.ekascribe.transcription_minute;

function setUp(options: Partial<EkaClientOptions> = {}) {
  const producer = new Collector();
  const reported = new Reported();
  const clocks = { wall: start, monotonic: 5 };
  const client = new EkaClient({
    serviceName: "tests",
    producer,
    onError: reported.onError,
    clock: () => clocks.wall,
    monotonicClock: () => clocks.monotonic,
    ...options,
  });
  const pass = (monotonic: number, wall = monotonic) => {
    clocks.monotonic += monotonic;
    clocks.wall += wall;
  };
  // biome-ignore lint/suspicious/noExplicitAny: these are calls that do not compile
  return { client, producer, reported, pass, loose: client as any };
}

describe("session", () => {
  test("a session records one event at its end, of the time that passed", () => {
    const { client, producer, pass } = setUp();
    {
      using session = client.session("ws-1", minutes, { metadata: { room: 1 }, runId: "r" });
      pass(90_000);
      expect(producer.sent).toEqual([]);
      expect(session).toBeDefined();
    }
    expect(producer.events).toMatchObject([
      {
        quantity: 1.5,
        status: "ok",
        occurred_at: "2026-01-31T09:30:00.000Z",
        ts: "2026-01-31T09:31:30.000Z",
        metadata: '{"room":1}',
        run_id: "r",
      },
    ]);
    expect(producer.events[0]).not.toHaveProperty("session_id");
  });

  test("sessions may overlap, and the first end of each counts", () => {
    const { client, producer, pass } = setUp();
    const outer = client.session("ws-1", minutes);
    pass(60_000);
    const inner = client.session("ws-2", minutes);
    pass(30_000);
    const id = inner.end();
    expect(inner.end()).toBeUndefined();
    pass(30_000);
    outer.end();
    expect(producer.events).toMatchObject([
      { event_id: id, workspace_id: "ws-2", quantity: 0.5 },
      { workspace_id: "ws-1", quantity: 2 },
    ]);
  });

  test("a session that fails has the status of errors, unless its end says otherwise", () => {
    const { client, producer } = setUp();
    const [failed, ended, given] = [1, 2, 3].map(() => client.session("ws-1", minutes));
    failed?.fail();
    failed?.end();
    ended?.end("error");
    given?.fail();
    given?.end("ok");
    const statuses = producer.events.map(({ status, is_billable }) => [status, is_billable]);
    expect(statuses).toEqual([
      ["error", 0],
      ["error", 0],
      ["ok", 1],
    ]);
  });

  test.each([
    ["a machine that slept", 60_000, 600_000, 1, start],
    ["a clock that was set forward less than the time", 60_000, 30_000, 0.5, start],
    ["a clock that was set back", 60_000, -3_600_000, 1, start - 3_600_000],
    ["a clock that stands still", 60_000, 0, 1, start],
  ])("%s: the time is never more than what both clocks allow", (_, monotonic, wall, units, at) => {
    const { client, producer, pass } = setUp();
    const session = client.session("ws-1", minutes);
    pass(monotonic, wall);
    session.end();
    expect(producer.events).toMatchObject([
      { quantity: units, occurred_at: new Date(at).toISOString() },
    ]);
  });

  test("a session that never ended is reported at shutdown, and not charged", async () => {
    const { client, producer, reported } = setUp();
    const session = client.session("ws-1", minutes);
    client.session("ws-2", minutes).end();
    await client.shutdown();
    expect(reported.all.map(({ context }) => context)).toMatchObject([
      { code: "session.unfinished", workspaceId: "ws-1", metricType: "transcription_minute" },
    ]);
    expect(session.end()).toBeUndefined();
    expect(reported.codes).toEqual(["session.unfinished"]);
    expect(producer.sent).toHaveLength(1);
  });

  test.each([
    ["session.invalid", metrics.comms.sms, undefined],
    ["metric_type.unknown", { product: "comms", metricType: "x" }, undefined],
    ["product.unknown", null, undefined],
    ["options.invalid", minutes, { quantity: 1 }],
  ])("%s: a session of %j with %j records nothing", (code, metric, details) => {
    const { reported, producer, loose } = setUp();
    const session = loose.session("ws-1", metric, details);
    expect(reported.codes).toEqual([code]);
    session.fail();
    expect(session.end()).toBeUndefined();
    expect(reported.codes).toEqual([code]);
    expect(producer.sent).toEqual([]);
  });

  test("a session is measured by a real clock of its own", () => {
    const { client, producer } = setUp({ monotonicClock: undefined });
    client.session("ws-1", minutes).end();
    const [{ quantity } = {}] = producer.events;
    expect(quantity).toBeGreaterThanOrEqual(0);
    expect(quantity).toBeLessThan(10);
  });

  test.each([
    [0, 6e10, "0e-12"],
    [90_000, 6e10, "1500000000000e-12"],
    [0.000_001, 6e10, "17e-12"],
    [0.000_001, 4e11, "2e-12"],
    [0.000_003, 4e11, "8e-12"],
    [0.000_001, 2e12, "0e-12"],
    [0.000_003, 2e12, "2e-12"],
  ])("%d ms are, in units of %d ns, %s, half to even", (milliseconds, unit, text) => {
    expect(unitsIn(milliseconds, unit)).toBe(text);
  });
});

describe("the boundaries of a session", () => {
  test("boundaries are events of quantity 0 with the session's id", () => {
    const { client, producer } = setUp();
    const at = start - 60_000;
    const ids = [
      client.sessionStart("ws-1", minutes, "s-1", { at, metadata: { room: 1 }, vendor: "v" }),
      client.sessionBeat("ws-1", minutes, 7, { at: new Date(at + 1000), eventId: "beat" }),
      client.sessionEnd("ws-1", minutes, "s-1", { status: "error" }),
    ];
    expect(ids).toEqual(producer.events.map(({ event_id }) => event_id));
    expect(ids[1]).toBe("beat");
    expect(producer.events).toMatchObject([
      {
        quantity: 0,
        session_id: "s-1",
        boundary: "start",
        occurred_at: "2026-01-31T09:29:00.000Z",
        metadata: '{"room":1}',
        vendor: "v",
        status: "ok",
      },
      { session_id: "7", boundary: "beat", occurred_at: "2026-01-31T09:29:01.000Z" },
      {
        session_id: "s-1",
        boundary: "end",
        occurred_at: "2026-01-31T09:30:00.000Z",
        status: "error",
      },
    ]);
  });

  test.each([
    ["session.invalid", metrics.comms.sms, "s-1", {}],
    ["product.unknown", {}, "s-1", {}],
    ["session_id.invalid", minutes, " ", {}],
    ["session_id.invalid", minutes, null, {}],
    ["session_id.invalid", minutes, "x".repeat(129), {}],
    ["occurred_at.invalid", minutes, "s-1", { at: start - 36 * 86_400_000 }],
    ["occurred_at.invalid", minutes, "s-1", { at: start + 0.5 }],
    ["options.invalid", minutes, "s-1", { status: "ok" }],
    ["options.invalid", minutes, "s-1", { sessionId: "s-2" }],
  ])("%s: a boundary of %j with the id %j and %j is rejected", (code, metric, id, details) => {
    const { reported, producer, loose } = setUp();
    expect(loose.sessionStart("ws-1", metric, id, details)).toBeUndefined();
    expect(reported.codes).toEqual([code]);
    expect(producer.sent).toEqual([]);
  });

  test("record() takes no boundary", () => {
    const { reported, loose } = setUp();
    loose.record("ws-1", minutes, { sessionId: "s", boundary: "start" });
    loose.record("ws-1", minutes, { voids: "id" });
    expect(reported.codes).toEqual(["options.invalid", "options.invalid"]);
  });
});

describe("void", () => {
  test("void() records an event that takes another back", () => {
    const { client, producer } = setUp();
    const taken = client.record("ws-1", metrics.comms.sms) ?? "";
    const id = client.void("ws-1", metrics.comms.sms, taken, "sent twice");
    expect(id).not.toBe(taken);
    expect(producer.events[1]).toMatchObject({
      event_id: id,
      product: "comms",
      metric_type: "sms",
      status: "void",
      is_billable: 0,
      quantity: 0,
      voids: taken,
      metadata: '{"reason":"sent twice"}',
      seq: 2,
    });
  });

  test("4,096 characters of a reason are kept, in whole characters", () => {
    const { client, producer } = setUp();
    client.void("ws-1", metrics.comms.sms, 7, "😀".repeat(5000));
    expect(producer.events[0]).toMatchObject({
      voids: "7",
      metadata: JSON.stringify({ reason: "😀".repeat(4096) }),
    });
  });

  test.each([
    ["metadata.required", "reason", metrics.comms.sms, "id", " \n"],
    ["metadata.required", "reason", metrics.comms.sms, "id", undefined],
    ["voids.invalid", "voids", metrics.comms.sms, "", "because"],
    ["voids.invalid", "voids", metrics.comms.sms, undefined, "because"],
    ["metric_type.unknown", "metric_type", { product: "comms", metricType: "x" }, "id", "because"],
  ])("%s, of %s, rejects a void", (code, field, metric, eventId, reason) => {
    const { reported, producer, loose } = setUp();
    expect(loose.void("ws-1", metric, eventId, reason)).toBeUndefined();
    expect(reported.all.map(({ error }) => [error.code, error.field])).toEqual([[code, field]]);
    expect(producer.sent).toEqual([]);
  });

  test("record() refuses the status of a void, and names void()", () => {
    const { client, reported } = setUp();
    client.record("ws-1", "api", "api_call", 1, "void" as "ok");
    expect(reported.codes).toEqual(["status.unknown"]);
    expect(reported.messages[0]).toContain("void()");
  });
});
