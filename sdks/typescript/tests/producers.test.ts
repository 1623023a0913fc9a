import { describe, expect, test, vi } from "vitest";
import { EkaClient, type ProducerLike, type ProducerMessage } from "../src/index.js";
import { Reported } from "./support/collector.js";

function setUp(producer: ProducerLike, options = {}) {
  const reported = new Reported();
  const { onError } = reported;
  const client = new EkaClient({ serviceName: "tests", producer, onError, ...options });
  return { client, reported };
}

const record = (client: EkaClient) => client.record("ws-1", "api", "api_call");

describe("an injected producer", () => {
  test("an injected producer receives batches, with the workspace as key", async () => {
    const sent: { topic: string; messages: ProducerMessage[] }[] = [];
    const { client } = setUp({ send: async (batch) => void sent.push(batch) });
    const ids = [record(client), record(client)];
    expect(await client.flush()).toBe(0);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.topic).toBe("eka.usage.events");
    expect(sent[0]?.messages.map(({ key }) => key.toString())).toEqual(["ws-1", "ws-1"]);
    const values = sent[0]?.messages.map(({ value }) => JSON.parse(value.toString()).event_id);
    expect(values).toEqual(ids);
  });

  test("an injected producer that rejects or throws fails its events, and each is reported", async () => {
    for (const send of [
      async () => Promise.reject(new Error("disk full")),
      () => {
        throw new Error("disk full");
      },
    ]) {
      const { client, reported } = setUp({ send });
      const id = record(client);
      expect(await client.flush()).toBe(0);
      expect(reported.messages).toEqual(["delivery failed: disk full"]);
      expect(reported.all[0]?.context).toMatchObject({
        code: "delivery.failed",
        eventId: id,
        workspaceId: "ws-1",
        metricType: "api_call",
      });
      expect(client.stats()).toMatchObject({ accepted: 1, delivered: 0, failed: 1, queued: 0 });
    }
  });

  test("an injected producer is connected once, and disconnected by shutdown()", async () => {
    const calls: string[] = [];
    const { client } = setUp({
      connect: async () => void calls.push("connect"),
      send: async () => void calls.push("send"),
      disconnect: async () => void calls.push("disconnect"),
    });
    for (let round = 0; round < 2; round += 1) {
      record(client);
      await client.flush();
    }
    await client.shutdown();
    await client.shutdown();
    expect(calls).toEqual(["connect", "send", "send", "disconnect"]);
  });

  test("an injected producer is connected again if that failed", async () => {
    const connect = vi.fn().mockRejectedValueOnce(new Error("not yet")).mockResolvedValue(1);
    const { client, reported } = setUp({ connect, send: async () => undefined });
    record(client);
    await client.flush();
    record(client);
    await client.flush();
    expect(reported.messages).toEqual(["delivery failed: not yet"]);
    expect(client.stats()).toMatchObject({ delivered: 1, failed: 1 });
    await expect(client.connect()).resolves.toBeUndefined();
  });

  test("shutdown() gives up an injected producer that never settles", async () => {
    const { client, reported } = setUp({ send: () => new Promise(() => undefined) });
    record(client);
    expect(await client.shutdown(20)).toBe(1);
    expect(reported.codes).toEqual(["shutdown.timeout"]);
    expect(client.stats()).toMatchObject({ accepted: 1, failed: 1, queued: 0 });
  });

  test("an immediate producer receives events within record()", async () => {
    const sent: number[] = [];
    const send = async ({ messages }: { messages: unknown[] }) => void sent.push(messages.length);
    const { client } = setUp({ immediate: true, send });
    record(client);
    record(client);
    expect(sent).toEqual([1, 1]);
    expect(client.stats().queued).toBe(2);
    await client.flush();
    expect(client.stats()).toMatchObject({ delivered: 2, queued: 0 });
  });
});
