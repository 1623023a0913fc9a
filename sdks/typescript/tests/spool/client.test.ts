import fs, { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { EkaClient, type ProducerMessage } from "../../src/index.js";
import { readRecords, type SpooledRecord } from "../../src/spool/record.js";
import { parseName } from "../../src/spool/segmentName.js";
import { LaneReplayTransport } from "../../src/spoolWiring.js";
import { type Message, SendError, type Transport } from "../../src/transports/transport.js";
import { Reported } from "../support/collector.js";
import { files, temporaryDirectory } from "../support/spooled.js";
import { eventually } from "../support/waiting.js";

const details = { text: "x".repeat(30_000) };

describe("a durable client whose disk is full", () => {
  test("a durable client whose disk is full rejects, reports it, and leaves no gap in seq", async () => {
    using directory = temporaryDirectory();
    const reported = new Reported();
    const sent: ProducerMessage[] = [];
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const client = new EkaClient({
      serviceName: "tests",
      spool: "durable",
      spoolDir: directory.path,
      spoolMaxBytes: 4 * 2 ** 20,
      spoolSyncMs: 0,
      onError: reported.onError,
      producer: {
        send: async ({ messages }) => {
          await answered;
          sent.push(...messages);
        },
      },
    });
    const record = () => client.record("ws-1", "api", "api_call", 1, "ok", null, details);
    const ids = Array.from({ length: 200 }, record).filter((id) => id !== undefined);
    expect(files(directory.path)).toHaveLength(4);
    expect(reported.codes).toHaveLength(200 - ids.length);
    expect(new Set(reported.codes)).toEqual(new Set(["spool.full"]));
    expect(client.stats()).toMatchObject({ accepted: ids.length, queued: ids.length, spooled: 0 });
    answer();
    expect(await client.flush()).toBe(0);
    await eventually(() => expect(record()).toBeDefined());
    expect(await client.shutdown()).toBe(0);
    const seqs = sent.map(({ value }) => JSON.parse(value.toString()).seq as number);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(files(directory.path)).toEqual([]);
  });
});

describe("a durable client whose disk reports errors", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });

  /** Lets a system call of Node fail, once it has passed `calls` times. */
  function failing(name: "fdatasyncSync" | "fsyncSync" | "readSync", calls: number): void {
    const real = fs[name] as (...args: unknown[]) => unknown;
    let left = calls;
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      left -= 1;
      if (left < 0) {
        throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      }
      return real(...args);
    }) as never);
    syncBuiltinESMExports();
  }

  /** Returns the events in all segments, as another process reads them. */
  function onDisk(path: string): Record<string, unknown>[] {
    return files(path).flatMap((name) => {
      const { origin = "" } = parseName(name) ?? {};
      const { records } = readRecords(readFileSync(join(path, name)), Buffer.from(origin, "hex"));
      return records.map(({ value }) => JSON.parse(value.toString()) as Record<string, unknown>);
    });
  }

  test.each([
    ["fdatasyncSync", 2],
    ["fsyncSync", 0],
    ["readSync", 2],
  ] as const)(
    "an event that is written is accepted, and its number and id are its own, if %s fails",
    async (call, calls) => {
      using directory = temporaryDirectory();
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const reported = new Reported();
      const sent: ProducerMessage[] = [];
      const client = new EkaClient({
        serviceName: "tests",
        spool: "durable",
        spoolDir: directory.path,
        spoolSyncMs: 0,
        clock: () => 1_700_000_000_000,
        onError: reported.onError,
        producer: {
          send: async ({ messages }) => void sent.push(...messages),
        },
      });
      failing(call, calls);
      const ids = Array.from({ length: 7 }, () => client.record("ws-1", "api", "api_call"));
      expect(new Set(ids).size).toBe(7);
      const expected = ids.map((event_id, index) => ({ event_id, seq: index + 1 }));
      vi.mocked(fs[call]).mockRestore();
      syncBuiltinESMExports();
      expect(onDisk(directory.path)).toMatchObject(expected);
      expect(client.stats()).toMatchObject({ accepted: 7, queued: 7, rejected: {} });
      expect(await client.flush()).toBe(0);
      expect(sent.map(({ value }) => JSON.parse(value.toString()))).toMatchObject(expected);
      expect(await client.shutdown()).toBe(0);
      expect(files(directory.path)).toEqual([]);
      expect(reported.all).toEqual([]);
      if (call !== "readSync") {
        expect(String(warn.mock.calls[0])).toContain("EIO: i/o error");
      }
    },
  );
});

describe("replay", () => {
  const text = ({ value }: Message) => value.toString();

  /** Sends records of some workspaces over a transport that fails as a test decides. */
  function setUp(keys: string[], failure: (batch: string[]) => SendError | undefined) {
    const batches: string[][] = [];
    const transport: Transport = {
      lanes: 10,
      immediate: false,
      connect: async () => undefined,
      close: async () => undefined,
      send: async (batch) => {
        const texts = batch.map(text);
        const fault = failure(texts);
        if (fault !== undefined) {
          throw fault;
        }
        batches.push(texts);
      },
    };
    const records = keys.map((key, start): SpooledRecord => {
      const value = Buffer.from(`${key}${start}`);
      return { start, end: start + 1, key: Buffer.from(key), value };
    });
    const replay = new LaneReplayTransport(transport, 4);
    return { batches, sent: replay.send(records) };
  }

  test("replay sends batches, in the order of each workspace", async () => {
    const { batches, sent } = setUp(["a", "a", "b", "a"], () => undefined);
    expect(await sent).toEqual([]);
    expect(batches.toSorted()).toEqual([["a0", "a1"], ["a3"], ["b2"]]);
  });

  test("replay does not overtake what has to be sent again", async () => {
    const { batches, sent } = setUp(["a", "a", "b", "a"], ([first]) =>
      first === "a0" ? new SendError("away", "always") : undefined,
    );
    const failed = (await sent).map(({ record, isFinal }) => [record.start, isFinal]);
    expect(failed).toEqual([0, 1, 3].map((start) => [start, false]));
    expect(batches).toEqual([["b2"]]);
  });

  test("replay continues after a permanent rejection", async () => {
    const { batches, sent } = setUp(["a", "a", "a"], ([first]) =>
      first === "a0" ? new SendError("too large", "never", true) : undefined,
    );
    const failed = (await sent).map(({ record, isFinal }) => [record.start, isFinal]);
    expect(failed).toEqual([0, 1].map((start) => [start, true]));
    expect(batches).toEqual([["a2"]]);
  });
});
