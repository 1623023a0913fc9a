import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { spool as constants } from "../../src/generated/spool.js";
import { readRecords } from "../../src/spool/record.js";
import { Segment } from "../../src/spool/segment.js";
import { parseName } from "../../src/spool/segmentName.js";
import {
  destination,
  fastTuning,
  files,
  key,
  leftBehind,
  spoolIn,
  temporary,
} from "../support/spooled.js";
import { holds } from "../support/waiting.js";

const mark = { fenced: 224, acked: 216 };
const big = "x".repeat(200_000);

/** Damages a header so that it seems to be for elsewhere. */
function lost(bytes: Buffer): void {
  bytes.fill(1, 48, 56);
}

/** The texts in the only segment that there is. */
function texts(path: string): string[] {
  const [name = expect.fail("there is no segment")] = files(path);
  const { origin = "" } = parseName(name) ?? {};
  const { records } = readRecords(readFileSync(join(path, name)), Buffer.from(origin, "hex"));
  return records.map(({ value }) => value.toString());
}

describe("a segment", () => {
  test("has its length before there is an event, and is nobody else's to read", () => {
    using folder = temporary();
    const { spool } = spoolIn(folder.path);
    spool.append(key, "one");
    const [name = ""] = files(folder.path);
    expect(statSync(join(folder.path, name))).toMatchObject({ size: constants.segmentBytes });
    expect(statSync(join(folder.path, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    expect(texts(folder.path)).toEqual(["one"]);
    spool.release();
  });

  test("is followed by another when it is full, and removed when all of it is delivered", async () => {
    using folder = temporary();
    const { spool } = spoolIn(folder.path);
    const groups = Array.from({ length: 7 }, () => spool.append(key, big));
    expect(files(folder.path)).toHaveLength(2);
    groups.slice(0, 5).map((group) => group.markAcked());
    await holds(() => expect(files(folder.path)).toHaveLength(1));
    spool.release();
    expect(files(folder.path)).toHaveLength(1);
  });

  test("says before where all is done, a group at a time", () => {
    using folder = temporary();
    const { spool } = spoolIn(folder.path, { tuning: { ...fastTuning, heartbeatMs: 60_000 } });
    const groups = Array.from({ length: 600 }, (_, n) => spool.append(key, `event ${n}`));
    const acked = () => {
      const [name = ""] = files(folder.path);
      const bytes = readFileSync(join(folder.path, name));
      const { origin = "" } = parseName(name) ?? {};
      const upTo = Number(bytes.readBigUInt64LE(mark.acked));
      const { records } = readRecords(bytes, Buffer.from(origin, "hex"));
      return records.filter(({ end }) => end <= upTo).length;
    };
    groups.slice(1).map((group) => group.markAcked());
    expect(acked()).toBe(0);
    groups[0]?.markAcked();
    expect(acked()).toBe(2 * constants.groupEvents);
    spool.release();
    expect(files(folder.path)).toEqual([]);
  });

  test("that somebody has closed meanwhile is left to him, and the record written elsewhere", () => {
    using folder = temporary();
    const { spool } = spoolIn(folder.path, { tuning: { ...fastTuning, heartbeatMs: 60_000 } });
    spool.append(key, "before");
    const [name = ""] = files(folder.path);
    const bytes = readFileSync(join(folder.path, name));
    bytes[mark.fenced] = 1;
    writeFileSync(join(folder.path, name), bytes);
    spool.append(key, "after");
    expect(files(folder.path)).toHaveLength(2);
    spool.release();
    expect(files(folder.path).filter((file) => file !== name)).toHaveLength(1);
  });
});

describe("a full disk", () => {
  test("refuses, until there is room", async () => {
    using folder = temporary();
    const { spool } = spoolIn(folder.path, { maxBytes: 2 * constants.segmentBytes });
    const groups = Array.from({ length: 10 }, () => spool.append(key, big));
    expect(() => spool.append(key, big)).toThrow(/the limit of .* is 2097152 bytes/);
    groups.map((group) => group.markAcked());
    await holds(() => expect(() => spool.append(key, big)).not.toThrow());
    spool.release();
  });
});

describe("what waits on disk", () => {
  test("goes once memory is empty, in its order, and what comes meanwhile after it", async () => {
    using folder = temporary();
    const { spool, kafka } = spoolIn(folder.path);
    kafka.drained = false;
    ["a", "b"].map((text) => spool.spill(key, text));
    expect(spool.hasBacklog).toBe(true);
    expect(spool.stats()).toMatchObject({ spooled: 2 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(kafka.delivered).toEqual([]);
    spool.spill(key, "c");
    kafka.drained = true;
    spool.wake();
    await holds(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "b", "c"]);
    expect(kafka.replayedOwn).toBe(3);
    expect(spool.stats()).toMatchObject({ spooled: 0, oldestSpooledMs: 0 });
    spool.release();
    expect(files(folder.path)).toEqual([]);
  });

  test("is tried again until it is taken, one event at first", async () => {
    using folder = temporary();
    const { spool, kafka } = spoolIn(folder.path);
    let attempts = 0;
    kafka.fault = () => (++attempts <= 4 ? "nobody there" : undefined);
    kafka.drained = false;
    ["a", "b", "c"].map((text) => spool.spill(key, text));
    kafka.drained = true;
    spool.wake();
    await holds(() => expect(kafka.delivered).toEqual(["a", "b", "c"]));
    expect(kafka.windows).toEqual([3, 1, 1, 2]);
    spool.release();
  });

  test("becomes a dead letter where it is refused for good, and the rest goes on", async () => {
    using folder = temporary();
    const { spool, kafka } = spoolIn(folder.path);
    kafka.fault = (text) => (text === "b" ? "too large!" : undefined);
    ["a", "b", "c"].map((text) => spool.spill(key, text));
    await holds(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "c"]);
    expect(kafka.refusals).toEqual([{ text: "b", reason: "too large!", isOwn: true }]);
    expect(spool.stats()).toMatchObject({ spooled: 0, deadLettered: 1 });
    spool.release();
    const [name = ""] = files(folder.path, "dead");
    expect(name).toMatch(/\.0{32}$/);
    expect(readFileSync(join(folder.path, name)).includes("b")).toBe(true);
  });

  test("is left to the next client at the end, cut to what there is", () => {
    using folder = temporary();
    const { spool, kafka } = spoolIn(folder.path);
    kafka.drained = false;
    ["a", "b"].map((text) => spool.spill(key, text));
    expect(spool.release()).toBe(2);
    expect(spool.stats().spooled).toBe(2);
    const [name = ""] = files(folder.path);
    expect(name).toMatch(/\.0{32}$/);
    expect(statSync(join(folder.path, name)).size).toBeLessThan(400);
    expect(() => spool.append(key, "late")).toThrow("shut down");
  });
});

describe("a disk that takes no marks any more", () => {
  test("does no harm: events are sent once, and the trouble is told", async () => {
    using folder = temporary();
    const { spool, kafka } = spoolIn(folder.path);
    const broken = () => {
      throw new Error("input/output error");
    };
    const marks = [
      vi.spyOn(Segment.prototype, "writeAckedOffset"),
      vi.spyOn(Segment.prototype, "writeHeartbeat"),
    ];
    marks.map((mark) => mark.mockImplementation(broken));
    spool.append(key, "from memory").markAcked();
    ["a", "b"].map((text) => spool.spill(key, text));
    await holds(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "b"]);
    await holds(() => expect(kafka.warnings.join()).toContain(": input/output error"));
    marks.map((mark) => mark.mockRestore());
    spool.release();
    expect(files(folder.path)).toEqual([]);
  });
});

describe("what others left behind", () => {
  test("is adopted at once where it was released, and is not sent while there is no time", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a", "b"]);
    const { spool, kafka } = spoolIn(folder.path);
    kafka.quiet = false;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(kafka.delivered).toEqual([]);
    kafka.quiet = true;
    await holds(() => expect(files(folder.path)).toEqual([]));
    expect(kafka.delivered).toEqual(["a", "b"]);
    expect(kafka.replayedOwn).toBe(0);
    expect(spool.stats()).toMatchObject({ adopted: 2, replayed: 2, spooled: 0 });
    spool.release();
  });

  test("is adopted after the lease where its owner shows no sign of life, and not before", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a"], undefined, { owner: "b".repeat(32) });
    const started = performance.now();
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["a"]));
    expect(performance.now() - started).toBeGreaterThan(fastTuning.leaseMs);
    spool.release();
  });

  test("is watched from the start: one lease is enough for all segments of an owner", async () => {
    using folder = temporary();
    const owner = "b".repeat(32);
    const numbers = [1, 2, 3, 4];
    for (const number of numbers) {
      leftBehind(folder.path, [`${number}`], undefined, { owner, firstSeq: number, number });
    }
    vi.useFakeTimers();
    const { spool, kafka } = spoolIn(folder.path);
    await vi.advanceTimersByTimeAsync(fastTuning.leaseMs + 2 * fastTuning.heartbeatMs);
    vi.useRealTimers();
    expect(kafka.delivered).toEqual(numbers.map(String));
    spool.release();
  });

  test("is its owner's while he lives, and so is what he wrote after it", async () => {
    using folder = temporary();
    const one = spoolIn(folder.path);
    one.kafka.drained = false;
    one.spool.spill(key, "mine");
    const two = spoolIn(folder.path);
    await new Promise((resolve) => setTimeout(resolve, 4 * fastTuning.leaseMs));
    expect(two.kafka.delivered).toEqual([]);
    one.spool.release();
    await holds(() => expect(two.kafka.delivered).toEqual(["mine"]));
    two.spool.release();
  });

  test("goes in the order in which it was written", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["c"], undefined, { firstSeq: 10, number: 2 });
    leftBehind(folder.path, ["a", "b"], undefined, { firstSeq: 9, number: 1 });
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["a", "b", "c"]));
    spool.release();
  });

  test("goes on where its writer came to", async () => {
    using folder = temporary();
    const done = 256 + 14 + key.length + 1;
    const marked = (bytes: Buffer) => void bytes.writeBigUInt64LE(BigInt(done), mark.acked);
    leftBehind(folder.path, ["a", "b"], marked);
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["b"]));
    spool.release();
  });

  test("goes from the start where the mark is no record's", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a", "b"], (bytes) => void bytes.writeBigUInt64LE(260n, mark.acked));
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["a", "b"]));
    spool.release();
  });

  test("is kept beyond its damage, which is told", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a", "b", "c"], (bytes) => {
      const place = bytes.indexOf("b", 256 + 20);
      bytes[place] = 0;
      bytes[20] = 0;
    });
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["a", "c"]));
    expect(kafka.warnings).toEqual([
      expect.stringContaining(": its header and 1 gap between records"),
    ]);
    spool.release();
  });

  test("whose header is damaged goes where its neighbours say", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a"], lost, { number: 1 });
    leftBehind(folder.path, ["b"], undefined, { firstSeq: 2, number: 2 });
    const tuning = { ...fastTuning, orphanTimeoutMs: 60_000 };
    const { spool, kafka } = spoolIn(folder.path, { tuning });
    await holds(() => expect(kafka.delivered).toEqual(["a", "b"]));
    spool.release();
  });

  test("whose header is damaged is left alone where its neighbours say elsewhere", async () => {
    using folder = temporary();
    const elsewhere = Buffer.alloc(8, 1);
    const here = (bytes: Buffer) => void destination.copy(bytes, 48);
    leftBehind(folder.path, ["a"], here, { destination: elsewhere, number: 1 });
    leftBehind(folder.path, ["b"], undefined, { destination: elsewhere, firstSeq: 2, number: 2 });
    const { spool, kafka } = spoolIn(folder.path, {
      tuning: { ...fastTuning, orphanTimeoutMs: 0 },
    });
    await new Promise((resolve) => setTimeout(resolve, 3 * fastTuning.heartbeatMs));
    expect(kafka.delivered).toEqual([]);
    expect(files(folder.path)).toHaveLength(2);
    spool.release();
  });

  test("whose header is damaged, and explained by nothing, is anybody's in the end", async () => {
    using folder = temporary();
    leftBehind(folder.path, ["a"], lost);
    const started = performance.now();
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.delivered).toEqual(["a"]));
    expect(performance.now() - started).toBeGreaterThan(fastTuning.orphanTimeoutMs);
    spool.release();
  });

  test("is left alone where it is for elsewhere, of a newer version, or no segment", async () => {
    using folder = temporary();
    const { spool: first } = spoolIn(folder.path);
    first.release();
    const other = leftBehind(folder.path, ["a"], undefined, { destination: Buffer.alloc(8, 1) });
    const { crc32 } = await import("node:zlib");
    const newer = leftBehind(
      folder.path,
      ["b"],
      (bytes) => {
        bytes.writeUInt32LE(2, 8);
        bytes.writeUInt32LE(crc32(bytes.subarray(16, 208), crc32(bytes.subarray(0, 12))), 12);
      },
      { origin: Buffer.alloc(16, 0xb2) },
    );
    writeFileSync(join(folder.path, "notes.txt"), "mine");
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(kafka.warnings).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 3 * fastTuning.heartbeatMs));
    expect(kafka.warnings).toEqual([expect.stringContaining("its format is newer than this SDK")]);
    expect(kafka.delivered).toEqual([]);
    expect(files(folder.path).sort()).toEqual([other, newer].sort());
    spool.release();
  });

  test("is removed where nothing was ever written", async () => {
    using folder = temporary();
    leftBehind(folder.path, [], (bytes) => void bytes.fill(0));
    const { spool, kafka } = spoolIn(folder.path);
    await holds(() => expect(files(folder.path)).toEqual([]));
    expect(kafka.warnings).toEqual([]);
    spool.release();
  });

  test("goes to one of those who want it", async () => {
    using folder = temporary();
    for (let number = 1; number <= 20; number += 1) {
      leftBehind(folder.path, [`event ${number}`], undefined, { firstSeq: number, number });
    }
    const heirs = [spoolIn(folder.path), spoolIn(folder.path)];
    await holds(() => expect(files(folder.path)).toEqual([]));
    const all = heirs.flatMap(({ kafka }) => kafka.delivered);
    expect(new Set(all).size).toBe(20);
    expect(all).toHaveLength(20);
    heirs.map(({ spool }) => spool.release());
  });
});
