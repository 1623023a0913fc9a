/**
 * Segments in hex, each with its expected content, that every SDK reads. `UPDATE_FIXTURES=1 npm test`
 * writes those of TypeScript again, with the same bytes each time.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { spool as format } from "../../src/generated/spool.js";
import { usageTopic } from "../../src/index.js";
import { decodeHeader, encodeHeader, offsets } from "../../src/spool/header.js";
import { destinationOf } from "../../src/spool/origin.js";
import { Framer, readRecords } from "../../src/spool/record.js";
import { fileName, newName, parseName, unowned } from "../../src/spool/segmentName.js";
import { files, spoolIn, temporaryDirectory } from "../support/spooled.js";
import { eventually } from "../support/waiting.js";

interface Expected {
  readonly header: null | {
    readonly version: number;
    readonly sound: boolean;
    readonly first_seq: number;
    readonly created_at: number;
    readonly destination: string;
    readonly instance_id: string;
    readonly heartbeat: number;
    readonly acked: number;
    readonly closed: boolean;
  };
  readonly events: readonly (readonly [key: string, event: string])[];
  readonly damaged: number;
}

const folder = fileURLToPath(new URL("../../../../tests/spool/fixtures", import.meta.url));
const own = join(folder, "typescript");
const destination = destinationOf(usageTopic, ["Kafka-1:9092", "kafka-0"]);
const origin = Buffer.from("7e57".repeat(8), "hex");
const identity = { origin, firstSeq: 7, createdAt: 1_769_851_800_456, destination };
const instanceId = `${"instance-".repeat(16)}überall`; // longer than a header holds
const events = [
  ["ws-1", '{"event_id":"one","seq":7}'],
  ["ws-😀", '{"event_id":"two","metadata":"{\\"é\\":\\"\\u001eEKA\\"}","seq":8}'],
  ["ws-1", `{"event_id":"${"x".repeat(100)}","seq":9}`],
] as const;

/** Encodes a segment that was sealed and truncated. */
function segment(acked: number): Buffer {
  const header = encodeHeader({ ...identity, instanceId });
  header.writeBigUInt64LE(3n, offsets.heartbeat);
  header.writeBigUInt64LE(BigInt(acked), offsets.ackedOffset);
  header[offsets.fenced] = 1;
  const framer = new Framer(origin);
  const records = events.map(([key, event]) => {
    const length = framer.frame([{ key: Buffer.from(key), value: event }]);
    return Buffer.from(framer.bytes.subarray(0, length));
  });
  return Buffer.concat([header, ...records]);
}

function written(): Map<string, [Buffer, Expected]> {
  const whole = segment(0);
  const [first, second] = readRecords(whole, origin).records;
  const acked = first?.end ?? 0;
  const broken = segment(0);
  broken[(second?.end ?? 0) - 1] = 0;
  const torn = whole.subarray(0, whole.length - 1);
  const header = {
    version: format.version,
    sound: true,
    first_seq: identity.firstSeq,
    created_at: identity.createdAt,
    destination: destination.toString("hex"),
    instance_id: `${"instance-".repeat(16)}übera`.slice(0, 149),
    heartbeat: 3,
    acked: 0,
    closed: true,
  };
  const all: [string, Buffer, Expected][] = [
    [unowned, whole, { header, events, damaged: 0 }],
    [
      unowned,
      segment(acked),
      { header: { ...header, acked }, events: events.slice(1), damaged: 0 },
    ],
    [origin.toString("hex"), broken, { header, events: [events[0], events[2]], damaged: 1 }],
    [unowned, torn, { header, events: events.slice(0, 2), damaged: 0 }],
  ];
  return new Map(
    all.map(([owner, bytes, expected], index) => {
      const name = newName("events", origin.toString("hex"), identity.firstSeq, index + 1);
      return [fileName({ ...name, owner }), [bytes, expected]];
    }),
  );
}

function hex(bytes: Buffer): string {
  return `${bytes
    .toString("hex")
    .match(/.{1,64}/g)
    ?.join("\n")}\n`;
}

if (process.env["UPDATE_FIXTURES"]) {
  mkdirSync(own, { recursive: true });
  const all = [...written()];
  for (const [name, [bytes]] of all) {
    writeFileSync(join(own, `${name}.hex`), hex(bytes));
  }
  const expected = Object.fromEntries(all.map(([name, [, what]]) => [name, what]));
  writeFileSync(join(own, "expected.json"), `${JSON.stringify(expected, null, 2)}\n`);
}

function read(language: string): [name: string, bytes: Buffer, expected: Expected][] {
  const path = join(folder, language);
  const all = JSON.parse(readFileSync(join(path, "expected.json"), "utf8")) as object;
  const names = readdirSync(path).filter((file) => file.endsWith(".hex"));
  expect(names.sort()).toEqual(
    Object.keys(all)
      .map((name) => `${name}.hex`)
      .sort(),
  );
  return Object.entries(all).map(([name, expected]) => {
    const text = readFileSync(join(path, `${name}.hex`), "utf8");
    return [name, Buffer.from(text.replaceAll("\n", ""), "hex"), expected as Expected];
  });
}

test("the committed segments are those that this package writes", () => {
  const committed = read("typescript").map(([name, bytes, expected]) => [name, [bytes, expected]]);
  expect(committed).toEqual([...written()]);
});

describe.each(readdirSync(folder))("the segments in %s", (language) => {
  test.each(read(language))(
    "segment %s has the expected content",
    async (name, bytes, expected) => {
      const { header, damaged } = expected;
      const { state, createdAt, heartbeat, destination: actual } = decodeHeader(bytes);
      const { origin: author = "", firstSeq } = parseName(name) ?? {};
      expect(readRecords(bytes, Buffer.from(author, "hex")).damaged).toBe(damaged);
      if (header === null) {
        expect(state).toBe("blank");
      } else {
        expect(state).toBe(
          header.version > format.version ? "newer" : header.sound ? "good" : "bad",
        );
        expect(Number(firstSeq)).toBe(header.first_seq);
        expect(createdAt).toBe(header.created_at);
        expect(actual.toString("hex")).toBe(header.destination);
        expect(Number(heartbeat)).toBe(header.heartbeat);
      }
    },
  );

  test.each(read(language))("segment %s is replayed", async (name, bytes, expected) => {
    const { header, damaged, events: left } = expected;
    using temp = temporaryDirectory();
    mkdirSync(temp.path, { mode: 0o700 });
    writeFileSync(join(temp.path, name), bytes, { mode: 0o600 });
    const { spool, kafka } = spoolIn(temp.path, { destination });
    const isNewer = (header?.version ?? 1) > format.version;
    await eventually(() => expect(files(temp.path)).toEqual(isNewer ? [name] : []));
    const isReported = isNewer || damaged > 0 || header?.sound === false;
    await eventually(() => expect(kafka.warnings).toHaveLength(isReported ? 1 : 0));
    expect(kafka.delivered).toEqual(isNewer ? [] : left.map(([, event]) => event));
    spool.release();
  });
});
