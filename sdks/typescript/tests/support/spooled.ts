/** Spools in temporary directories, and a fake Kafka. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpoolConfig } from "../../src/spool/config.js";
import { Directory } from "../../src/spool/directory.js";
import { encodeHeader, type Identity } from "../../src/spool/header.js";
import { Framer, type SpooledRecord } from "../../src/spool/record.js";
import type { FailedRecord, ReplayTransport } from "../../src/spool/replayer.js";
import { fileName, newName, unowned } from "../../src/spool/segmentName.js";
import { Spool, type SpoolHost } from "../../src/spool/spool.js";
import type { Tuning } from "../../src/spool/tuning.js";

/** Durations that keep tests short. */
export const fastTuning: Tuning = {
  heartbeatMs: 20,
  leaseMs: 100,
  orphanTimeoutMs: 300,
  retryMinMs: 10,
  retryMaxMs: 40,
};

export const key = Buffer.from("ws-1");
/** Returns what a record of one event holds. */
export const entry = (value: string) => [{ key, value }];
export const destination = Buffer.from("8 bytes!");

/** Creates a directory that is removed after the test. */
export function temporaryDirectory(): { path: string; [Symbol.dispose](): void } {
  const parent = mkdtempSync(join(tmpdir(), "eka-usage-"));
  return {
    path: join(parent, "spool"),
    [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** Lists the segments in a directory. */
export function files(path: string, kind = "events"): string[] {
  return readdirSync(path).filter((name) => name.startsWith(`${kind}-`));
}

/** A replay transport and a host that collect what they receive. */
export class FakeKafka implements SpoolHost, ReplayTransport {
  readonly delivered: string[] = [];
  readonly windows: number[] = [];
  readonly rejections: { text: string; reason: string; isOwn: boolean }[] = [];
  readonly warnings: string[] = [];
  replayedOwn = 0;
  closed = 0;
  drained = true;
  capacity = true;
  /** Returns why a text fails; an exclamation mark makes it permanent. */
  fault: (text: string) => string | undefined = () => undefined;

  isDrained = (): boolean => this.drained;
  hasCapacity = (): boolean => this.capacity;
  replayTransport = (): ReplayTransport => this;
  warn = (text: string): void => void this.warnings.push(text);
  lost = (): void => undefined;

  ownDelivered(events: number): void {
    this.replayedOwn += events;
  }

  rejected(event: Buffer, reason: string, isOwn: boolean): void {
    this.rejections.push({ text: event.toString(), reason, isOwn });
  }

  async send(records: readonly SpooledRecord[]): Promise<FailedRecord[]> {
    this.windows.push(records.length);
    return records.flatMap((record) => {
      const reason = this.fault(record.value.toString());
      if (reason === undefined) {
        this.delivered.push(record.value.toString());
        return [];
      }
      return [{ record, reason, isFinal: reason.endsWith("!") }];
    });
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

/** Creates a spool of a client of its own. */
export function spoolIn(path: string, more: Partial<SpoolConfig> = {}) {
  const kafka = new FakeKafka();
  let seq = 0;
  const config: SpoolConfig = {
    directory: more.directory ?? new Directory(path),
    isDurable: true,
    maxBytes: 2 ** 28,
    syncMs: 50,
    destination,
    instanceId: "tests",
    clock: Date.now,
    seq: () => ++seq,
    tuning: fastTuning,
    ...more,
  };
  return { kafka, spool: new Spool(config, kafka) };
}

/** Writes a segment as a client leaves it that is gone. */
export function leaveSegment(
  path: string,
  texts: readonly string[],
  change: (bytes: Buffer) => void = () => undefined,
  rest: Partial<Identity> & { owner?: string; number?: number; more?: readonly Buffer[] } = {},
): string {
  const { owner = unowned, number = 1, more = [], ...identity } = rest;
  const origin = identity.origin ?? Buffer.alloc(16, 0xa1);
  const header = { origin, firstSeq: 1, createdAt: 1_700_000_000_000, destination };
  const framer = new Framer(origin);
  const records = texts.map((text) => {
    const length = framer.frame(entry(text));
    return Buffer.from(framer.bytes.subarray(0, length));
  });
  const full = { ...header, instanceId: "gone", ...identity };
  const bytes = Buffer.concat([encodeHeader(full), ...records, ...more]);
  change(bytes);
  new Directory(path).close();
  const own = newName("events", origin.toString("hex"), full.firstSeq, number);
  const name = fileName({ ...own, owner });
  writeFileSync(join(path, name), bytes, { mode: 0o600 });
  return name;
}
