import { describe, expect, test } from "vitest";
import { EkaClient, type ProducerMessage } from "../../src/index.js";
import type { SpooledRecord } from "../../src/spool/record.js";
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
