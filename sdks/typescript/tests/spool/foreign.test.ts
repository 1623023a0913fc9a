import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { spool as constants } from "../../src/generated/spool.js";
import { Directory } from "../../src/spool/directory.js";
import { locate } from "../../src/spool/location.js";
import { Framer, readRecords } from "../../src/spool/record.js";
import { Segment } from "../../src/spool/segment.js";
import { unowned } from "../../src/spool/segmentName.js";
import {
  entry,
  fastTuning,
  files,
  leaveSegment,
  spoolIn,
  temporaryDirectory,
} from "../support/spooled.js";
import { eventually } from "../support/waiting.js";

const isRoot = process.geteuid?.() === 0;
const otherUser = 4_000;
// Sorts first, so that it is looked at before the segment of an honest client.
const forger = Buffer.alloc(16, 0x01);

/** Runs a shell command as another user. */
function asOther(command: string, ...parameters: string[]): void {
  const user = { uid: otherUser, gid: otherUser };
  execFileSync("/bin/sh", ["-ec", command, "sh", ...parameters], user);
}

/** Waits for several scans. */
const scans = () => new Promise((resolve) => setTimeout(resolve, 5 * fastTuning.heartbeatMs));

/** Makes a directory that every user may write, below one that all may enter. */
function sharedVolume(path: string): string {
  mkdirSync(path);
  chmodSync(dirname(path), 0o755);
  chmodSync(path, 0o777);
  return path;
}

describe("a directory", () => {
  test.runIf(isRoot)(
    "a directory that another user moves away stays the one that is used",
    async () => {
      using directory = temporaryDirectory();
      using elsewhere = temporaryDirectory();
      const volume = sharedVolume(directory.path);
      const { spool, kafka } = spoolIn(volume, { directory: locate(volume) });
      kafka.drained = false;
      spool.spill(entry("a"));
      const own = spool.path;
      expect(dirname(own)).toBe(volume);
      asOther('mv "$1" "$1-away"; mkdir "$1"; chmod 777 "$1"', own);
      const forged = leaveSegment(elsewhere.path, ["forged"]);
      renameSync(join(elsewhere.path, forged), join(own, forged)); // as if it were ours
      await scans();
      spool.spill(entry("b"));
      kafka.drained = true;
      spool.wake();
      await eventually(() => expect(kafka.delivered).toEqual(["a", "b"]));
      await scans();
      expect(kafka.delivered).toEqual(["a", "b"]);
      expect(readdirSync(own)).toEqual([forged]);
      expect(kafka.warnings).toEqual([expect.stringContaining("may rename or remove")]);
      spool.release();
      expect(files(`${own}-away`)).toEqual([]);
      expect(() => locate(volume)).toThrow(`belongs to user ${otherUser}`);
    },
  );

  test("without /proc, a directory that was replaced is not used", () => {
    using directory = temporaryDirectory();
    const held = new Directory(directory.path, "/nowhere");
    expect(held.file("name")).toBe(join(directory.path, "name"));
    renameSync(directory.path, `${directory.path}-away`);
    expect(() => held.file("name")).toThrow();
    mkdirSync(directory.path);
    expect(() => held.segments()).toThrow("another directory has the name");
    held.close();
  });

  test("a directory cannot be used once it is closed", () => {
    using directory = temporaryDirectory();
    const held = new Directory(directory.path);
    held.close();
    expect(() => held.segments()).toThrow("shut down");
  });

  test("a volume that was mounted with fsGroup keeps its segments", async () => {
    using directory = temporaryDirectory();
    const name = leaveSegment(directory.path, ["a"]);
    chmodSync(join(directory.path, name), 0o660);
    chmodSync(directory.path, 0o2770);
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["a"]));
    spool.release();
  });
});

describe("a file", () => {
  const place: Record<string, [(path: string, content: Buffer) => void, string]> = {
    "a pipe": [(path) => void execFileSync("mkfifo", [path]), "not a regular file"],
    "a directory": [(path) => void mkdirSync(path), "not a regular file"],
    "a symbolic link": [
      (path, content) => {
        writeFileSync(`${dirname(path)}-target`, content, { mode: 0o600 });
        symlinkSync(`${dirname(path)}-target`, path);
      },
      "a symbolic link",
    ],
    "a file that all may write": [
      (path, content) => {
        writeFileSync(path, content);
        chmodSync(path, 0o606);
      },
      "its mode is 0606",
    ],
    "a link to a file elsewhere": [
      (path, content) => {
        writeFileSync(`${dirname(path)}-target`, content, { mode: 0o600 });
        linkSync(`${dirname(path)}-target`, path);
      },
      "a link outside of the spool",
    ],
    "a file of 3 GB": [
      (path, content) => {
        writeFileSync(path, content, { mode: 0o600 });
        truncateSync(path, 3 * 2 ** 30);
      },
      "longer than a segment",
    ],
  };
  if (isRoot) {
    place["a file that another user owns"] = [
      (path, content) => {
        writeFileSync(path, content, { mode: 0o600 });
        chownSync(path, otherUser, otherUser);
      },
      `belongs to user ${otherUser}`,
    ];
  }

  test.each(Object.entries(place))(
    "%s is left alone and reported once, and the rest is sent",
    async (_, [make, reason]) => {
      using directory = temporaryDirectory();
      using elsewhere = temporaryDirectory();
      const name = leaveSegment(elsewhere.path, ["forged"], undefined, { origin: forger });
      leaveSegment(directory.path, ["good"]);
      const path = join(directory.path, name);
      make(path, readFileSync(join(elsewhere.path, name)));
      const { spool, kafka } = spoolIn(directory.path);
      await eventually(() => expect(kafka.delivered).toEqual(["good"]));
      await scans();
      expect(kafka.delivered).toEqual(["good"]);
      expect(kafka.warnings).toEqual([expect.stringContaining(reason)]);
      expect(existsSync(path)).toBe(true);
      spool.release();
    },
  );

  test("a segment whose adoption fails does not stop the next, and is adopted later", async () => {
    using directory = temporaryDirectory();
    leaveSegment(directory.path, ["first"], undefined, { origin: forger });
    leaveSegment(directory.path, ["good"]);
    let failures = 0;
    const { fence } = Segment.prototype;
    Segment.prototype.fence = function (this: Segment): void {
      if (this.name.origin === forger.toString("hex") && failures++ < 2) {
        throw new Error("input/output error");
      }
      fence.call(this);
    };
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(kafka.delivered).toEqual(["good", "first"]));
    Segment.prototype.fence = fence;
    await eventually(() => expect(files(directory.path)).toEqual([]));
    expect(kafka.warnings).toEqual([expect.stringContaining("retrying: input/output error")]);
    spool.release();
  });

  test("a crash between the two names of a segment loses nothing", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, leaveSegment(directory.path, ["a"]));
    linkSync(path, path.replace(unowned, "b".repeat(32)));
    const { spool, kafka } = spoolIn(directory.path);
    await eventually(() => expect(files(directory.path)).toEqual([]));
    expect(kafka.delivered).toEqual(["a"]);
    expect(kafka.warnings).toEqual([]);
    spool.release();
  });

  test("a file with holes counts as what it takes on disk", () => {
    using directory = temporaryDirectory();
    const name = leaveSegment(directory.path, []).replace("events-", "dead-");
    writeFileSync(join(directory.path, name), "", { mode: 0o600 });
    truncateSync(join(directory.path, name), 2 ** 40);
    const { spool } = spoolIn(directory.path);
    expect(() => spool.append(entry("a"))).not.toThrow();
    spool.release();
  });
});

test("damage that announces long records everywhere is read up to a limit", () => {
  const origin = Buffer.alloc(16, 0x5a);
  const framer = new Framer(origin);
  const good = Buffer.from(framer.bytes.subarray(0, framer.frame(entry("good"))));
  const bytes = Buffer.alloc(constants.segmentBytes);
  good.copy(bytes, constants.headerBytes);
  const step = 16;
  for (let at = constants.headerBytes + good.length; at + step < bytes.length; at += step) {
    bytes.writeUInt32LE(constants.marker, at);
    bytes.writeUInt32LE(bytes.length - at - 12, at + 4);
  }
  good.copy(bytes, bytes.length - good.length); // beyond the limit
  const before = process.cpuUsage();
  const { records, damaged } = readRecords(bytes, origin);
  expect(records.map(({ value }) => value.toString())).toEqual(["good"]);
  expect(damaged).toBe(1);
  // All of it would be 12 GB: seconds.
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});
