import { describe, expect, test } from "vitest";
import { EkaClient, type ProducerMessage } from "../src/index.js";
import { Reported } from "./support/collector.js";

function setUp() {
  const calls: string[] = [];
  const events: { instance_id: string; seq: number }[] = [];
  const reported = new Reported();
  const { onError } = reported;
  const producer = {
    connect: async () => void calls.push("connect"),
    disconnect: async () => void calls.push("disconnect"),
    send: async ({ messages }: { messages: ProducerMessage[] }) => {
      events.push(...messages.map(({ value }) => JSON.parse(value.toString())));
    },
  };
  const client = new EkaClient({ serviceName: "tests", producer, onError });
  return { client, events, calls, reported };
}

const record = (client: EkaClient) => client.record("ws-1", "api", "api_call");

describe("resetAfterRestore()", () => {
  test("the client is another instance, and what was queued is delivered", async () => {
    const { client, events, calls, reported } = setUp();
    const before = client.instanceId;
    record(client);
    record(client);
    expect(await client.resetAfterRestore()).toBe(0);
    expect(client.stats()).toMatchObject({ accepted: 0, queued: 0 });
    record(client);
    await client.shutdown();
    expect(client.instanceId).not.toBe(before);
    expect(events.map(({ instance_id, seq }) => [instance_id, seq])).toEqual([
      [before, 1],
      [before, 2],
      [client.instanceId, 1],
    ]);
    expect(calls).toEqual(["connect", "disconnect"]);
    expect(reported.all).toEqual([]);
  });

  test("a client that was shut down stays so", async () => {
    const { client, reported } = setUp();
    await client.shutdown();
    expect(await client.resetAfterRestore()).toBe(0);
    expect(record(client)).toBeUndefined();
    expect(reported.all[0]?.context).toMatchObject({ code: "client.closed" });
  });
});
