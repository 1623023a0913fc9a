import { describe, expect, test, vi } from "vitest";
import { EkaClient, type ProducerLike, type ProducerMessage } from "../src/index.js";
import { Heard } from "./support/collector.js";

function setUp(producer: ProducerLike, options = {}) {
  const heard = new Heard();
  const { onError } = heard;
  const client = new EkaClient({ serviceName: "tests", producer, onError, ...options });
  return { client, heard };
}

const record = (client: EkaClient) => client.record("ws-1", "api", "api_call");

describe("an injected producer", () => {
  test("is given batches, with the workspace as their key", async () => {
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

  test("that rejects, or throws, fails its events, each of which is heard of", async () => {
    for (const send of [
      async () => Promise.reject(new Error("disk full")),
      () => {
        throw new Error("disk full");
      },
    ]) {
      const { client, heard } = setUp({ send });
      const id = record(client);
      expect(await client.flush()).toBe(0);
      expect(heard.messages).toEqual(["delivery failed: disk full"]);
      expect(heard.all[0]?.context).toMatchObject({
        code: "delivery.failed",
        eventId: id,
        workspaceId: "ws-1",
        metricType: "api_call",
      });
      expect(client.stats()).toMatchObject({ accepted: 1, delivered: 0, failed: 1, queued: 0 });
    }
  });

  test("is connected once before, and disconnected by shutdown", async () => {
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

  test("is asked to connect again where that failed", async () => {
    const connect = vi.fn().mockRejectedValueOnce(new Error("not yet")).mockResolvedValue(1);
    const { client, heard } = setUp({ connect, send: async () => undefined });
    record(client);
    await client.flush();
    record(client);
    await client.flush();
    expect(heard.messages).toEqual(["delivery failed: not yet"]);
    expect(client.stats()).toMatchObject({ delivered: 1, failed: 1 });
    await expect(client.connect()).resolves.toBeUndefined();
  });

  test("that never answers is given up by shutdown", async () => {
    const { client, heard } = setUp({ send: () => new Promise(() => undefined) });
    record(client);
    expect(await client.shutdown(20)).toBe(1);
    expect(heard.codes).toEqual(["shutdown.timeout"]);
    expect(client.stats()).toMatchObject({ accepted: 1, failed: 1, queued: 0 });
  });

  test("may be told of events from within record()", async () => {
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
