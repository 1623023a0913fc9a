import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodeHeader, offsets } from "../../src/spool/header.js";
import { type Entry, Framer, readRecords } from "../../src/spool/record.js";
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

const origin = Buffer.alloc(16, 0x5a);
const group = (...texts: readonly string[]): Entry[] => texts.flatMap(entry);
const identity = { origin, firstSeq: 1, createdAt: 0, destination, instanceId: "tests" };

function framed(entries: readonly Entry[], by: Buffer = origin): Buffer {
  const framer = new Framer(by);
  const length = framer.frame(entries);
  return Buffer.from(framer.bytes.subarray(0, length));
}

function segment(...records: readonly Buffer[]): Buffer {
  return Buffer.concat([encodeHeader(identity), ...records, Buffer.alloc(200)]);
}

function read(bytes: Buffer) {
  const { records, damaged } = readRecords(bytes, origin);
  return { texts: records.map(({ value }) => value.toString()), damaged };
}

/** Returns the texts of the only segment of a kind, and how many are before its acked offset. */
function written(path: string, kind: "events" | "dead" = "events") {
  const [name = expect.fail("no segment")] = files(path, kind);
  const bytes = readFileSync(join(path, name));
  const { records } = readRecords(bytes, Buffer.from(parseName(name)?.origin ?? "", "hex"));
  const upTo = Number(bytes.readBigUInt64LE(offsets.ackedOffset));
  const texts = records.map(({ value }) => value.toString());
  return { texts, acked: records.filter(({ end }) => end <= upTo).length };
}

describe("a group", () => {
  const bytes = segment(framed(entry("one")), framed(group("a", "b ü", "")), framed(entry("two")));
  const [, first, , last] = readRecords(bytes, origin).records;
  const { start, end } = first ?? expect.fail("no group");

  test("a group begins with FF FF, and its members are read in order", () => {
    expect(read(bytes)).toEqual({ texts: ["one", "a", "b ü", "", "two"], damaged: 0 });
    expect(bytes.readUInt16LE(start + 12)).toBe(0xffff);
    expect(first?.key).toEqual(key);
    expect({ ...last, value: 0, key: 0 }).toEqual({ start, end, value: 0, key: 0 });
  });

  test("a torn group has no members", () => {
    for (let cut = start; cut < end; cut += 1) {
      expect(read(bytes.subarray(0, cut))).toEqual({ texts: ["one"], damaged: 0 });
    }
  });

  test("a damaged group is one damaged place, whichever bit is flipped", () => {
    for (let bit = start * 8; bit < end * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(read(flipped)).toEqual({ texts: ["one", "two"], damaged: 1 });
    }
  });

  test.each([
    ["no member", ""],
    ["a member shorter than the length of a key", "01000000ff"],
    ["a member that ends after the record", "0a000000010061"],
    ["a key that is longer than its member", "03000000050061"],
    ["bytes after the last member", "03000000010061ff"],
  ])("a group with %s is damage, though its CRC is valid", (_, members) => {
    const body = Buffer.from(`ffff${members}`, "hex");
    const record = Buffer.concat([framed(entry("x")).subarray(0, 12), body]);
    record.writeUInt32LE(body.length, 4);
    record.writeUInt32LE(crc32(body, crc32(origin)), 8);
    expect(read(segment(record, framed(entry("two"))))).toEqual({ texts: ["two"], damaged: 1 });
  });
});

describe("a group in the spool", () => {
  const slow = { tuning: { ...fastTuning, heartbeatMs: 60_000 } };

  test("the acked offset moves past a group once every member is acknowledged", () => {
    using directory = temporaryDirectory();
    const { spool } = spoolIn(directory.path, slow);
    const acks = spool.append(group(...Array.from({ length: 300 }, String)));
    for (let member = 1; member < 300; member += 1) {
      acks.markAcked();
    }
    expect(written(directory.path).acked).toBe(0);
    acks.markAcked();
    expect(written(directory.path).acked).toBe(300);
    spool.release();
    expect(files(directory.path)).toEqual([]);
  });

  test("a spilled group is replayed, and its members count one by one", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    kafka.drained = false;
    spool.spill(group("a", "b", "c"));
    expect(spool.pending).toBe(3);
    kafka.drained = true;
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b", "c"]));
    expect(kafka.replayedOwn).toBe(3);
    expect(spool.stats().spooled).toBe(0);
    spool.release();
  });

  test("a member that is refused for good becomes a dead letter of its own", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path);
    kafka.fault = (text) => (text === "b" ? "too large!" : undefined);
    spool.spill(group("a", "b", "c"));
    await eventually(() => expect(spool.hasBacklog).toBe(false));
    expect(kafka.delivered).toEqual(["a", "c"]);
    expect(written(directory.path, "dead").texts).toEqual(["b"]);
    spool.release();
  });

  test("a group of which some members were delivered is replayed whole by the next client", async () => {
    using directory = temporaryDirectory();
    const { spool, kafka } = spoolIn(directory.path, slow);
    kafka.fault = (text) => (text === "b" ? "unreachable" : undefined);
    spool.spill(group("a", "b"));
    spool.wake();
    await eventually(() => expect(kafka.delivered).toEqual(["a"]));
    expect(written(directory.path)).toEqual({ texts: ["a", "b"], acked: 0 });
    spool.release();
    const next = spoolIn(directory.path);
    await eventually(() => expect(next.kafka.delivered).toEqual(["a", "b"]));
    expect(next.spool.stats()).toMatchObject({ adopted: 2, replayed: 2 });
    next.spool.release();
  });

  test("a group that another client left is adopted, beside single events", async () => {
    using directory = temporaryDirectory();
    const by = Buffer.alloc(16, 0xa1);
    const grouped = [framed(group("b", "c"), by), framed(entry("d"), by)];
    leaveSegment(directory.path, ["a"], () => undefined, { more: grouped });
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a", "b", "c", "d"]));
    spool.release();
  });
});
