import { describe, expect, test } from "vitest";
import { EkaClient, EkaError, metrics } from "../src/index.js";
import { tryRecord } from "../src/recording.js";
import { Collector, Reported } from "./support/collector.js";

function setUp() {
  const producer = new Collector();
  const reported = new Reported();
  const { onError } = reported;
  const client = new EkaClient({ serviceName: "tests", producer, onError });
  // biome-ignore lint/suspicious/noExplicitAny: these are calls that do not compile
  return { client, producer, reported, loose: client as any };
}

describe("bind", () => {
  test("every call of a bound client has its defaults, unless it gives its own", () => {
    const { client, producer } = setUp();
    const bound = client.bind({
      workspaceId: "ws-1",
      serviceName: "other",
      runId: "run-1",
      metadata: { a: 1, b: 1 },
    });
    const { api_call } = metrics.api;
    const minutes = metrics.ekascribe.transcription_minute;
    bound.record(undefined, "api", "api_call");
    bound.record(undefined, api_call, { metadata: { b: 2 } });
    bound.recordMetric(undefined, api_call, 1, "ok", null, { b: 2 });
    bound.log(undefined, "api", "api_error", "no");
    bound.recordMany([{ workspaceId: "ws-2", ...api_call, runId: "run-2", serviceName: "third" }]);
    bound.recordAmounts(undefined, [[api_call, 1]], { eventId: "e" });
    bound.void(undefined, api_call, "e", "because");
    bound.sessionStart(undefined, minutes, "s");
    bound.session(undefined, minutes).end();
    const own = ["ws-1", "other", "run-1"];
    const places = producer.events.map((event) => [
      event["workspace_id"],
      event["service_name"],
      event["run_id"],
    ]);
    expect(places).toEqual([own, own, own, own, ["ws-2", "third", "run-2"], own, own, own, own]);
    expect(producer.events.map(({ metadata }) => JSON.parse(String(metadata)))).toEqual([
      { a: 1, b: 1 },
      { a: 1, b: 2 },
      { a: 1, b: 2 },
      { a: 1, b: 1, level: "error", message: "no" },
      { a: 1, b: 1 },
      { a: 1, b: 1 },
      { a: 1, b: 1, reason: "because" },
      { a: 1, b: 1 },
      { a: 1, b: 1 },
    ]);
  });

  test("a bound client may be bound further, and shares everything else", async () => {
    const { client, producer } = setUp();
    const run = client.bind({ runId: "run-1", metadata: { a: 1 } });
    const step = run.bind({ stepId: "step-1", metadata: { b: 2 }, workspaceId: 7 });
    step.record(undefined, "api", "api_call");
    run.record("ws-1", "api", "api_call");
    expect(producer.events).toMatchObject([
      { workspace_id: "7", run_id: "run-1", step_id: "step-1", metadata: '{"a":1,"b":2}', seq: 1 },
      { workspace_id: "ws-1", run_id: "run-1", metadata: '{"a":1}', seq: 2 },
    ]);
    expect(step.instanceId).toBe(client.instanceId);
    expect(step.stats()).toEqual(client.stats());
    expect(await step.shutdown()).toBe(0);
    expect(client.record("ws-1", "api", "api_call")).toBeUndefined();
  });

  test("defaults that cannot be read are reported, and others stay", () => {
    const { client, producer, reported, loose } = setUp();
    const bound = loose.bind({ workspaceid: "ws-1" });
    expect(reported.codes).toEqual(["options.invalid"]);
    bound.record("ws-1", "api", "api_call");
    expect(producer.sent).toHaveLength(1);
    expect(client.bind({ metadata: null, runId: undefined }).record("w", "api", "api_call")).toBe(
      producer.events[1]?.["event_id"],
    );
  });
});

describe("the service of a call", () => {
  test("one client records for many services, and rejects a name that is none", () => {
    const { client, producer, reported, loose } = setUp();
    const names = Array.from({ length: 200 }, (_, number) => `service-${number % 100}`);
    for (const serviceName of names) {
      client.record("ws-1", "api", "api_call", 1, "ok", null, null, { serviceName });
    }
    client.record("ws-1", "api", "api_call");
    expect(producer.events.map(({ service_name }) => service_name)).toEqual([...names, "tests"]);
    loose.record("ws-1", "api", "api_call", 1, "ok", null, null, { serviceName: " " });
    expect(reported.messages[0]).toContain("serviceName ' '");
    expect(client.stats().accepted).toBe(201);
  });
});

describe("ids", () => {
  test("newEventId() mints ids that no event has", () => {
    const { client } = setUp();
    const ids = Array.from({ length: 100 }, () => [
      client.newEventId(),
      client.record("ws-1", "api", "api_call"),
    ]).flat();
    expect(new Set(ids).size).toBe(200);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("tryRecord", () => {
  test("tryRecord() returns the id, or the error that onError would receive", () => {
    const { client, producer, reported } = setUp();
    const id = tryRecord(client, "ws-1", metrics.api.api_call, { quantity: 2 });
    expect(id).toBe(producer.events[0]?.["event_id"]);
    const error = tryRecord(client, "", metrics.api.api_call);
    expect(error).toBeInstanceOf(EkaError);
    expect((error as EkaError).code).toBe("workspace_id.invalid");
    expect(reported.codes).toEqual([]);
    expect(client.stats().rejected).toEqual({ "workspace_id.invalid": 1 });
  });
});
