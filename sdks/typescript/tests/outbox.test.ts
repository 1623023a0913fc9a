import { describe, expect, test } from "vitest";
import type { Arrival, QueuedEvent } from "../src/eventQueue.js";
import { Outbox } from "../src/outbox.js";
import type { OutboxSettings } from "../src/outboxSettings.js";
import { SendError, type Transport } from "../src/transports/transport.js";
import { Workspaces } from "../src/workspace.js";
import { eventually } from "./support/waiting.js";

/** A transport whose batches a test ends by hand. */
class Manual implements Transport {
  readonly immediate = false;
  readonly lanes: number;
  readonly batches: { texts: string[]; end: (error?: Error) => void }[] = [];
  closed = 0;

  constructor(lanes = 1) {
    this.lanes = lanes;
  }

  async send(batch: readonly QueuedEvent[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const texts = batch.map(({ value }) => value.toString());
    this.batches.push({ texts, end: (error) => (error ? reject(error) : resolve()) });
    await promise;
  }

  async connect(): Promise<void> {}

  async close(): Promise<void> {
    this.closed += 1;
  }

  async batch(number: number): Promise<{ texts: string[]; end: (error?: Error) => void }> {
    await eventually(() => expect(this.batches.length).toBeGreaterThanOrEqual(number));
    return this.batches[number - 1] ?? expect.fail("no batch");
  }
}

function setUp(settings: Partial<OutboxSettings> = {}, lanes = 1) {
  const { clock = Date.now } = settings;
  const transport = new Manual(lanes);
  const ended: string[] = [];
  const workspaces = new Workspaces();
  const outbox = new Outbox(
    transport,
    {
      lingerMs: 5,
      batchBytes: 1000,
      lateBatchBytes: 4000,
      retries: 2,
      retryDelayMs: 100,
      deliveryTimeoutMs: 60_000,
      clock,
      maxEvents: 100,
      maxBytes: 100_000,
      ...settings,
    },
    {
      delivered: (events) => ended.push(`delivered ${events}`),
      failed: (event, reason, isGivenUp) =>
        ended.push(`${isGivenUp ? "given up" : "failed"} ${event}: ${reason}`),
      adoptedFailed: (event, reason) => ended.push(`failed elsewhere ${event}: ${reason}`),
      warn: (text) => ended.push(text),
    },
  );
  const put = (json: string, workspaceId = "ws-1"): void => {
    const event: Arrival = {
      workspace: workspaces.get(workspaceId),
      acceptedAt: clock(),
      json,
    };
    const reason = outbox.rejectReason();
    if (reason !== undefined) {
      throw reason;
    }
    outbox.put(event);
  };
  return { transport, outbox, ended, put };
}

describe("events", () => {
  test("events put together are sent together, in order", async () => {
    const { transport, put, outbox, ended } = setUp();
    ["a", "b", "c"].map((text) => put(text));
    expect(transport.batches).toEqual([]);
    const { texts, end } = await transport.batch(1);
    expect(texts).toEqual(["a", "b", "c"]);
    expect(outbox.queued).toBe(3);
    end();
    await eventually(() => expect(ended).toEqual(["delivered 3"]));
    expect(outbox.queued).toBe(0);
  });

  test("events that fill a batch are sent without lingering", async () => {
    const { transport, put } = setUp({ lingerMs: 900_000, batchBytes: 10, lateBatchBytes: 10 });
    ["aaaa", "bbbb", "cccc"].map((text) => put(text));
    expect((await transport.batch(1)).texts).toEqual(["aaaa", "bbbb"]);
  });

  test("events that had to wait are sent in a larger batch", async () => {
    const { transport, put } = setUp({ batchBytes: 4, lateBatchBytes: 8 });
    put("aaaa");
    const first = await transport.batch(1);
    ["bbbb", "cccc", "dddd"].map((text) => put(text));
    first.end();
    expect((await transport.batch(2)).texts).toEqual(["bbbb", "cccc"]);
  });

  test("events wait for the batch before theirs, also while that is retried", async () => {
    const { transport, put, ended } = setUp();
    put("a");
    const first = await transport.batch(1);
    put("b");
    first.end(new SendError("unreachable", "always"));
    const again = await transport.batch(2);
    expect(again.texts).toEqual(["a"]);
    again.end();
    expect((await transport.batch(3)).texts).toEqual(["b"]);
    expect(ended).toEqual(["delivered 1"]);
  });

  test("events of other lanes do not wait for a batch in flight", async () => {
    const { transport, put } = setUp({ lingerMs: 0 }, 50);
    ["ws-1", "ws-2", "ws-3"].map((id) => put(`of ${id}`, id));
    await transport.batch(3);
    expect(transport.batches.flatMap(({ texts }) => texts).sort()).toEqual([
      "of ws-1",
      "of ws-2",
      "of ws-3",
    ]);
  });

  test("batches are sent one per turn of the event loop", async () => {
    const { transport, put } = setUp({ lingerMs: 0 }, 50);
    ["ws-1", "ws-2", "ws-3"].map((id) => put(`of ${id}`, id));
    await transport.batch(1);
    const seen = transport.batches.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.batches.length - seen).toBeLessThanOrEqual(1);
  });
});

describe("a batch", () => {
  test("a rejected batch is retried as often as the settings allow", async () => {
    const { transport, put, ended } = setUp({ retries: 2 });
    put("a");
    for (const number of [1, 2, 3]) {
      (await transport.batch(number)).end(new SendError(`no ${number}`, "counted"));
    }
    await eventually(() => expect(ended).toEqual(["failed a: no 3"]));
    expect(transport.batches).toHaveLength(3);
  });

  test("a batch that would fail again is not retried", async () => {
    const { transport, put, ended } = setUp();
    put("a");
    (await transport.batch(1)).end(new SendError("too large", "never"));
    await eventually(() => expect(ended).toEqual(["failed a: too large"]));
  });

  test("a batch drops only the events that have reached their delivery timeout", async () => {
    let now = 0;
    const { transport, put, ended } = setUp({ deliveryTimeoutMs: 1000, clock: () => now });
    put("old");
    now = 400;
    put("new");
    const first = await transport.batch(1);
    now = 1000;
    first.end(new SendError("unreachable", "always"));
    expect((await transport.batch(2)).texts).toEqual(["new"]);
    expect(ended).toEqual(["failed old: not delivered within 1000 ms: unreachable"]);
  });
});

describe("a full queue", () => {
  test("a full queue rejects by count, until there is room", async () => {
    const { transport, put, outbox, ended } = setUp({ maxEvents: 2 });
    ["a", "b"].map((text) => put(text));
    expect(() => put("c")).toThrow(
      "queue full: the limit is 2 events or 100000 bytes; is Kafka reachable?",
    );
    (await transport.batch(1)).end();
    await eventually(() => expect(ended).toEqual(["delivered 2"]));
    put("c");
    expect(outbox.queued).toBe(1);
  });

  test("a full queue rejects by bytes, and reports the last error", async () => {
    const { transport, put } = setUp({ maxBytes: 10 });
    put("x".repeat(10));
    (await transport.batch(1)).end(new SendError("unreachable", "always"));
    await transport.batch(2);
    expect(() => put("a")).toThrow("or 10 bytes (unreachable)");
  });
});

describe("flush", () => {
  test("flush() sends without lingering, and resolves once all is delivered", async () => {
    const { transport, put, outbox } = setUp({
      lingerMs: 900_000,
      batchBytes: 2,
      lateBatchBytes: 2,
    });
    ["a", "b", "c"].map((text) => put(text));
    const flushed = outbox.flush(5000);
    (await transport.batch(1)).end();
    (await transport.batch(2)).end();
    expect(await flushed).toBe(0);
  });

  test("flush() resolves at its timeout, and the rest is still delivered", async () => {
    const { transport, put, outbox, ended } = setUp();
    put("a");
    expect(await outbox.flush(20)).toBe(1);
    (await transport.batch(1)).end();
    await eventually(() => expect(ended).toEqual(["delivered 1"]));
  });

  test.each([0, -5, Number.NaN])(
    "flush() resolves at once for a timeout of %s",
    async (timeout) => {
      const { put, outbox } = setUp();
      put("a");
      expect(await outbox.flush(timeout)).toBe(1);
    },
  );
});

describe("close", () => {
  test("close() gives up what is not delivered in time, each event once", async () => {
    const { transport, put, outbox, ended } = setUp();
    put("a");
    const { end } = await transport.batch(1);
    put("b");
    expect(await outbox.close(10)).toBe(2);
    end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual([
      "given up a: Kafka has not acknowledged the event in time",
      "given up b: Kafka has not acknowledged the event in time",
    ]);
    expect(outbox.queued).toBe(0);
    expect(transport.closed).toBe(1);
    expect(() => put("c")).toThrow("client closed");
  });

  test("close() does not wait for a transport that never closes", async () => {
    const { transport, outbox } = setUp();
    transport.close = () => new Promise(() => undefined);
    expect(await outbox.close(0)).toBe(0);
  });
});
