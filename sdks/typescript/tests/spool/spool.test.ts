import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { spool as constants } from "../../src/generated/spool.js";
import { Directory } from "../../src/spool/directory.js";
import { readRecords } from "../../src/spool/record.js";
import { Segment } from "../../src/spool/segment.js";
import { parseName } from "../../src/spool/segmentName.js";
import {
  destination,
  entry,
  fastTuning,
  files,
  key,
  leaveSegment,
  spoolIn,
  temporaryDirectory,
} from "../support/spooled.js";
import { eventually } from "../support/waiting.js";

const offsets = { fenced: 224, acked: 216 };
const big = "x".repeat(200_000);

/** Damages a header, so that its destination is wrong. */
function damageDestination(bytes: Buffer): void {
  bytes.fill(1, 48, 56);
}

/** Returns the texts in the only segment. */
function texts(path: string): string[] {
  const [name = expect.fail("no segment")] = files(path);
  const { origin = "" } = parseName(name) ?? {};
  const { records } = readRecords(readFileSync(join(path, name)), Buffer.from(origin, "hex"));
  return records.map(({ value }) => value.toString());
}

describe("a segment", () => {
  test("a segment is preallocated, and only its user may read it", () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path);
    spool.append(entry("one"));
    const [name = ""] = files(directory.path);
    expect(statSync(join(directory.path, name))).toMatchObject({ size: constants.segmentBytes });
    expect(statSync(join(directory.path, name)).mode & 0o777).toBe(0o600);
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    expect(texts(directory.path)).toEqual(["one"]);
    spool.release();
  });

  test("a segment never gets the name of another, as one of a copy of the process", () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path);
    const left = leaveSegment(directory.path, ["left"]);
    const name = parseName(left) ?? expect.fail("no name");
    const owner = "b".repeat(32);
    const taken = join(directory.path, left.replace(/[^.]*$/, owner));
    writeFileSync(taken, "taken");
    const folder = new Directory(directory.path);
    expect(Segment.adopt(folder, name, owner)).toBeUndefined();
    expect(Segment.create(folder, name, Buffer.alloc(0))).toBeUndefined();
    expect(readFileSync(taken, "utf8")).toBe("taken");
    expect(files(directory.path)).toHaveLength(2);
    rmSync(taken);
    Segment.adopt(folder, name, owner)?.close();
    expect(files(directory.path)).toEqual([left.replace(/[^.]*$/, owner)]);
    spool.release();
  });

  test("a full segment is followed by another, and removed once all of it is delivered", async () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path);
    const groups = Array.from({ length: 7 }, () => spool.append(entry(big)));
    expect(files(directory.path)).toHaveLength(2);
    groups.slice(0, 5).map((group) => group.markAcked());
    await eventually(() => expect(files(directory.path)).toHaveLength(1));
    spool.release();
    expect(files(directory.path)).toHaveLength(1);
  });

  test("the acked offset of a segment moves by whole groups", () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path, { tuning: { ...fastTuning, heartbeatMs: 60_000 } });
    const groups = Array.from({ length: 600 }, (_, n) => spool.append(entry(`event ${n}`)));
    const acked = () => {
      const [name = ""] = files(directory.path);
      const bytes = readFileSync(join(directory.path, name));
      const upTo = Number(bytes.readBigUInt64LE(offsets.acked));
      const { records } = readRecords(bytes, Buffer.from(parseName(name)?.origin ?? "", "hex"));
      return records.filter(({ end }) => end <= upTo).length;
    };
    groups.slice(1).map((group) => group.markAcked());
    expect(acked()).toBe(0);
    groups[0]?.markAcked();
    expect(acked()).toBe(2 * constants.groupEvents);
    spool.release();
    expect(files(directory.path)).toEqual([]);
  });

  test("a segment that was fenced meanwhile is left alone, and the record goes to another", () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path, { tuning: { ...fastTuning, heartbeatMs: 60_000 } });
    spool.append(entry("before"));
    const [name = ""] = files(directory.path);
    const bytes = readFileSync(join(directory.path, name));
    bytes[offsets.fenced] = 1;
    writeFileSync(join(directory.path, name), bytes);
    spool.append(entry("after"));
    expect(files(directory.path)).toHaveLength(2);
    spool.release();
    expect(files(directory.path).filter((file) => file !== name)).toHaveLength(1);
  });
});

describe("a full disk", () => {
  test("a full disk rejects events, until there is room", async () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path, { maxBytes: 2 * constants.segmentBytes });
    const groups = Array.from({ length: 10 }, () => spool.append(entry(big)));
    expect(() => spool.append(entry(big))).toThrow(/has reached its limit of 2097152 bytes/);
    groups.map((group) => group.markAcked());
    await eventually(() => expect(() => spool.append(entry(big))).not.toThrow());
    spool.release();
  });
});

describe("the backlog", () => {
  test("the backlog is replayed in order once memory is empty, and later events after it", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    kafka.drained = false;
    ["a", "b"].map((text) => spool.spill(entry(text)));
    expect(spool.hasBacklog).toBe(true);
    expect(spool.stats()).toMatchObject({ spooled: 2 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(kafka.delivered).toEqual([]);
    spool.spill(entry("c"));
    kafka.drained = true;
    spool.wake();
    await eventually(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "b", "c"]);
    expect(kafka.replayedOwn).toBe(3);
    expect(spool.stats()).toMatchObject({ spooled: 0, oldestSpooledMs: 0 });
    spool.release();
    expect(files(directory.path)).toEqual([]);
  });

  test("the backlog is retried until Kafka accepts it, one event at first", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    let attempts = 0;
    kafka.fault = () => (++attempts <= 4 ? "unreachable" : undefined);
    kafka.drained = false;
    ["a", "b", "c"].map((text) => spool.spill(entry(text)));
    kafka.drained = true;
    spool.wake();
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b", "c"]));
    expect(kafka.windows).toEqual([3, 1, 1, 2]);
    spool.release();
  });

  test("a permanently rejected event becomes a dead letter, and the rest is replayed", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    kafka.fault = (text) => (text === "b" ? "too large!" : undefined);
    ["a", "b", "c"].map((text) => spool.spill(entry(text)));
    await eventually(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "c"]);
    expect(kafka.rejections).toEqual([{ text: "b", reason: "too large!", isOwn: true }]);
    expect(spool.stats()).toMatchObject({ spooled: 0, deadLettered: 1 });
    spool.release();
    const [name = ""] = files(directory.path, "dead");
    expect(name).toMatch(/\.0{32}$/);
    expect(readFileSync(join(directory.path, name)).includes("b")).toBe(true);
  });

  test("the backlog is left to the next client on release, in a truncated segment", () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    kafka.drained = false;
    ["a", "b"].map((text) => spool.spill(entry(text)));
    expect(spool.release()).toBe(2);
    expect(spool.stats().spooled).toBe(2);
    const [name = ""] = files(directory.path);
    expect(name).toMatch(/\.0{32}$/);
    expect(statSync(join(directory.path, name)).size).toBeLessThan(400);
    expect(() => spool.append(entry("late"))).toThrow("shut down");
  });
});

describe("a disk that fails after an append", () => {
  test("a disk that fails after an append does no harm: events are sent once, and the error is reported", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    const broken = () => {
      throw new Error("input/output error");
    };
    const marks = [
      vi.spyOn(Segment.prototype, "writeAckedOffset"),
      vi.spyOn(Segment.prototype, "writeHeartbeat"),
    ];
    marks.map((mark) => mark.mockImplementation(broken));
    spool.append(entry("from memory")).markAcked();
    ["a", "b"].map((text) => spool.spill(entry(text)));
    await eventually(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "b"]);
    await eventually(() => expect(kafka.warnings.join()).toContain(": input/output error"));
    marks.map((mark) => mark.mockRestore());
    spool.release();
    expect(files(directory.path)).toEqual([]);
  });
});

describe("adoption", () => {
  test("a released segment is adopted at once, but not replayed without capacity", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["a", "b"]);
    const { spool, kafka } = spoolIn(directory.path);
    kafka.capacity = false;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(kafka.delivered).toEqual([]);
    kafka.capacity = true;
    await eventually(() => expect(files(directory.path)).toEqual([]));
    expect(kafka.delivered).toEqual(["a", "b"]);
    expect(kafka.replayedOwn).toBe(0);
    expect(spool.stats()).toMatchObject({ adopted: 2, replayed: 2, spooled: 0 });
    spool.release();
  });

  test("a segment without heartbeats is adopted after the lease, and not before", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["a"], undefined, { owner: "b".repeat(32) });
    const started = performance.now();
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a"]));
    expect(performance.now() - started).toBeGreaterThan(fastTuning.leaseMs);
    spool.release();
  });

  test("one lease is enough for all segments of an owner", async () => {
    using directory = temporaryDirectory();
    const owner = "b".repeat(32);
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const number of numbers) {
      leaveSegment(directory.path, [`${number}`], undefined, { owner, firstSeq: number, number });
    }
    const leaseMs = 1500;
    const started = performance.now();
    const { spool, kafka } = spoolIn(directory.path, { tuning: { ...fastTuning, leaseMs } });
    await eventually(() => expect(kafka.delivered).toEqual(numbers.map(String)));
    expect(performance.now() - started).toBeLessThan(numbers.length * leaseMs);
    spool.release();
  });

  test("the segments of a live owner are not adopted", async () => {
    using directory = temporaryDirectory();
    const one = spoolIn(directory.path);
    one.kafka.drained = false;
    one.spool.spill(entry("mine"));
    const two = spoolIn(directory.path);
    await new Promise((resolve) => setTimeout(resolve, 4 * fastTuning.leaseMs));
    expect(two.kafka.delivered).toEqual([]);
    one.spool.release();
    await eventually(() => expect(two.kafka.delivered).toEqual(["mine"]));
    two.spool.release();
  });

  test("adopted segments are replayed in the order in which they were written", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["c"], undefined, { firstSeq: 10, number: 2 });
    leaveSegment(directory.path, ["a", "b"], undefined, { firstSeq: 9, number: 1 });
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b", "c"]));
    spool.release();
  });

  test("an adopted segment is replayed from its acked offset", async () => {
    using directory = temporaryDirectory();
    const done = 256 + 14 + key.length + 1;
    const marked = (bytes: Buffer) => void bytes.writeBigUInt64LE(BigInt(done), offsets.acked);
    leaveSegment(directory.path, ["a", "b"], marked);
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["b"]));
    spool.release();
  });

  test("an adopted segment is replayed from the start if its acked offset is not that of a record", async () => {
    using directory = temporaryDirectory();
    leaveSegment(
      directory.path,
      ["a", "b"],
      (bytes) => void bytes.writeBigUInt64LE(260n, offsets.acked),
    );
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b"]));
    spool.release();
  });

  test("a damaged segment is replayed beyond the damage, which is reported", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["a", "b", "c"], (bytes) => {
      const place = bytes.indexOf("b", 256 + 20);
      bytes[place] = 0;
      bytes[20] = 0;
    });
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a", "c"]));
    expect(kafka.warnings).toEqual([
      expect.stringContaining("is damaged in 2 places; the other events are sent"),
    ]);
    spool.release();
  });

  test("a segment with a damaged header has the destination of its siblings", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["a"], damageDestination, { number: 1 });
    leaveSegment(directory.path, ["b"], undefined, { firstSeq: 2, number: 2 });
    const tuning = { ...fastTuning, orphanTimeoutMs: 60_000 };
    const { spool, kafka } = spoolIn(directory.path, { tuning });
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b"]));
    spool.release();
  });

  test("a segment with a damaged header is left alone if its siblings have another destination", async () => {
    using directory = temporaryDirectory();
    const elsewhere = Buffer.alloc(8, 1);
    const here = (bytes: Buffer) => void destination.copy(bytes, 48);
    leaveSegment(directory.path, ["a"], here, { destination: elsewhere, number: 1 });
    leaveSegment(directory.path, ["b"], undefined, {
      destination: elsewhere,
      firstSeq: 2,
      number: 2,
    });
    const { spool, kafka } = spoolIn(directory.path, {
      tuning: { ...fastTuning, orphanTimeoutMs: 0 },
    });
    await new Promise((resolve) => setTimeout(resolve, 3 * fastTuning.heartbeatMs));
    expect(kafka.delivered).toEqual([]);
    expect(files(directory.path)).toHaveLength(2);
    spool.release();
  });

  test("a segment with a damaged header and no siblings is adopted after the orphan timeout", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["a"], damageDestination);
    const started = performance.now();
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a"]));
    expect(performance.now() - started).toBeGreaterThan(fastTuning.orphanTimeoutMs);
    spool.release();
  });

  test("a segment of another destination or a newer version is left alone, and so are other files", async () => {
    using directory = temporaryDirectory();
    const { spool: first } = spoolIn(directory.path);
    first.release();
    const other = leaveSegment(directory.path, ["a"], undefined, {
      destination: Buffer.alloc(8, 1),
    });
    const { crc32 } = await import("node:zlib");
    const newer = leaveSegment(
      directory.path,
      ["b"],
      (bytes) => {
        bytes.writeUInt32LE(3, 8);
        bytes.writeUInt32LE(crc32(bytes.subarray(16, 208), crc32(bytes.subarray(0, 12))), 12);
      },
      { origin: Buffer.alloc(16, 0xb2) },
    );
    writeFileSync(join(directory.path, "notes.txt"), "mine");
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.warnings).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 3 * fastTuning.heartbeatMs));
    expect(kafka.warnings).toEqual([expect.stringContaining("has a newer format version")]);
    expect(kafka.delivered).toEqual([]);
    expect(files(directory.path).sort()).toEqual([other, newer].sort());
    spool.release();
  });

  test("a segment that was never written to is removed", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, [], (bytes) => void bytes.fill(0));
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(files(directory.path)).toEqual([]));
    expect(kafka.warnings).toEqual([]);
    spool.release();
  });

  test("each segment is adopted by one of several clients", async () => {
    using directory = temporaryDirectory();
    for (let number = 1; number <= 20; number += 1) {
      leaveSegment(directory.path, [`event ${number}`], undefined, { firstSeq: number, number });
    }
    const adopters = [spoolIn(directory.path), spoolIn(directory.path)];
    await eventually(() => expect(files(directory.path)).toEqual([]));
    const all = adopters.flatMap(({ kafka }) => kafka.delivered);
    expect(new Set(all).size).toBe(20);
    expect(all).toHaveLength(20);
    adopters.map(({ spool }) => spool.release());
  });
});
