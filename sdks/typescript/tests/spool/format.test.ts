import { describe, expect, test } from "vitest";
import { spool } from "../../src/generated/spool.js";
import { decodeHeader, encodeHeader } from "../../src/spool/header.js";
import { destinationOf } from "../../src/spool/origin.js";
import { Framer, readRecords } from "../../src/spool/record.js";
import { fileName, inOrder, newName, parseName } from "../../src/spool/segmentName.js";

const origin = Buffer.alloc(16, 0x5a);
const identity = {
  origin,
  firstSeq: 42,
  createdAt: 1_700_000_000_000,
  destination: destinationOf("topic", ["b"]),
  instanceId: "instance",
};

function segment(...texts: string[]): Buffer {
  const framer = new Framer(origin);
  const records = texts.map((text) => {
    const length = framer.frame([{ key: Buffer.from("ws-ü"), value: text }]);
    return Buffer.from(framer.bytes.subarray(0, length));
  });
  return Buffer.concat([encodeHeader(identity), ...records, Buffer.alloc(500)]);
}

const read = (bytes: Buffer) => {
  const { records, damaged } = readRecords(bytes, origin);
  return { texts: records.map(({ value }) => value.toString()), damaged };
};

describe("a name", () => {
  test("a segment name is parsed to the parts that it was formatted from", () => {
    const name = newName("events", "ab".repeat(16), 42, 3);
    const text = `events-${"ab".repeat(16)}-${"0".repeat(18)}42-000003.${"ab".repeat(16)}`;
    expect(fileName(name)).toBe(text);
    expect(parseName(text)).toEqual(name);
  });

  test.each(["events", ".hidden", "events-x-1-1.y", `dead-${"ab".repeat(16)}-1-1.x`])(
    "a segment name is not %s",
    (text) => expect(parseName(text)).toBeUndefined(),
  );

  test("segment names sort by origin, first event and number", () => {
    const [a, b] = ["aa".repeat(16), "bb".repeat(16)];
    const sorted = [newName("events", a, 9, 9), newName("events", a, 10, 2)];
    const names = [newName("events", b, 1, 1), ...sorted.toReversed()];
    expect(names.sort(inOrder)).toEqual([...sorted, newName("events", b, 1, 1)]);
    expect(inOrder(newName("events", a, 1, 1_000_001), newName("events", a, 1, 999_999))).toBe(1);
  });
});

describe("a header", () => {
  test("a header is decoded to the fields that it was encoded from", () => {
    const { state, createdAt, destination, ackedOffset } = decodeHeader(encodeHeader(identity));
    expect({ state, createdAt, ackedOffset }).toEqual({
      state: "good",
      createdAt: 1.7e12,
      ackedOffset: 0,
    });
    expect(destination).toEqual(identity.destination);
  });

  test("a header holds as much of a long instance id as fits, in whole characters", () => {
    const bytes = encodeHeader({ ...identity, instanceId: `${"x".repeat(149)}ü` });
    expect(bytes.readUInt16LE(56)).toBe(149);
    expect(decodeHeader(bytes).state).toBe("good");
  });

  test("a header is bad after any bit flip in its constant part", () => {
    for (let bit = 0; bit < 208 * 8; bit += 1) {
      const bytes = encodeHeader(identity);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeHeader(bytes).state).toBe("bad");
    }
  });

  test("a header with nothing but a heartbeat is blank", () => {
    const bytes = Buffer.alloc(spool.headerBytes);
    bytes[208] = 3;
    expect(decodeHeader(bytes).state).toBe("blank");
  });
});

describe("records", () => {
  test("records are read as they were written", () => {
    const bytes = segment("one", "two ü", "x".repeat(100_000));
    const { records } = readRecords(bytes, origin);
    expect(read(bytes)).toEqual({ texts: ["one", "two ü", "x".repeat(100_000)], damaged: 0 });
    expect(records[0]?.key.toString()).toBe("ws-ü");
    expect(records[0]?.start).toBe(spool.headerBytes);
  });

  test("a torn last record is skipped, and not counted as damage", () => {
    const whole = segment("one", "two");
    const { end, start } = readRecords(whole, origin).records[1] ?? expect.fail();
    for (let cut = start; cut < end; cut += 1) {
      expect(read(whole.subarray(0, cut))).toEqual({ texts: ["one"], damaged: 0 });
    }
  });

  test("records after a damaged one are read, whichever bit is flipped", () => {
    const whole = segment("one", "two", "three");
    const { end, start } = readRecords(whole, origin).records[1] ?? expect.fail();
    for (let bit = start * 8; bit < end * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(read(bytes)).toEqual({ texts: ["one", "three"], damaged: 1 });
    }
  });

  test("records of another origin are not read", () => {
    expect(readRecords(segment("one"), Buffer.alloc(16, 1)).records).toEqual([]);
  });
});

describe("a destination", () => {
  test("a destination is the same however its brokers are written", () => {
    const one = destinationOf("topic", ["B:9092", "a:1"]);
    expect(destinationOf("topic", ["a:1", "b"])).toEqual(one);
    expect(one).toHaveLength(8);
    expect(destinationOf("topic", ["a:1"])).not.toEqual(one);
    expect(destinationOf("topic", "producer")).not.toEqual(one);
  });
});
