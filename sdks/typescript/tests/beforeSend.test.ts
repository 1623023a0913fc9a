import { describe, expect, test } from "vitest";
import { type BeforeSend, EkaClient, metrics } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";

function setUp(beforeSend: BeforeSend) {
  const producer = new Collector();
  const reported = new Reported();
  const client = new EkaClient({
    serviceName: "tests",
    producer,
    onError: reported.onError,
    beforeSend,
  });
  const metadata = () => producer.events.map((event) => JSON.parse(String(event["metadata"])));
  return { client, producer, reported, metadata };
}

const { api_call } = metrics.api;

describe("beforeSend", () => {
  test("it sees the metadata of every call, and decides what is sent", () => {
    const seen: unknown[] = [];
    const { client, producer, reported, metadata } = setUp(({ name, ...rest }) => {
      seen.push({ name, ...rest });
      return { ...rest, kept: true };
    });
    const given = Object.freeze({ name: "Asha", a: 1 });
    client.record("ws-1", api_call);
    client.record("ws-1", api_call, { metadata: given });
    client.recordMany([{ workspaceId: "ws-1", ...api_call, metadata: given }]);
    client.bind({ metadata: given }).record("ws-1", api_call, { metadata: { b: 2 } });
    client.log("ws-1", "api", "api_error", "no", "error", given);
    expect(seen.slice(0, 3)).toEqual([{}, given, given]);
    expect(producer.texts.join()).not.toContain("Asha");
    expect(metadata()).toEqual([
      { kept: true },
      { a: 1, kept: true },
      { a: 1, kept: true },
      { a: 1, b: 2, kept: true },
      { a: 1, level: "error", message: "no", kept: true },
    ]);
    expect(reported.codes).toEqual([]);
  });

  test("it may change the object that it is given, which is not the caller's", () => {
    const { client, metadata } = setUp((metadata) => {
      delete metadata["name"];
      return metadata;
    });
    const given = { name: "Asha", a: 1 };
    client.record("ws-1", api_call, { metadata: given });
    client.record("ws-1", api_call, { metadata: { toJSON: () => given } });
    expect(metadata()).toEqual([{ a: 1 }, { a: 1 }]);
    expect(given).toEqual({ name: "Asha", a: 1 });
  });

  test.each<[string, () => unknown]>([
    ["throws", () => expect.fail("Asha")],
    ["returns nothing", () => undefined],
    ["returns a text", () => "Asha"],
    ["is asynchronous", () => Promise.reject(new Error("Asha"))],
  ])("if it %s, all metadata is dropped, and nothing leaks", (_, fails) => {
    const { client, reported, metadata } = setUp(fails as BeforeSend);
    const id = client.record("ws-1", api_call, { metadata: { name: "Asha" } });
    expect(id).toBeDefined();
    expect(metadata()).toEqual([{ _before_send_failed: true }]);
    expect(reported.codes).toEqual(["metadata.degraded"]);
    expect(reported.messages[0]).not.toContain("Asha");
  });

  test("what is no metadata is rejected before", () => {
    const { client, reported } = setUp((metadata) => metadata);
    client.record("ws-1", api_call, { metadata: ["Asha"] as unknown as object });
    expect(reported.codes).toEqual(["metadata.invalid"]);
  });
});
