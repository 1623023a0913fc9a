/** Recovery: finds and adopts the orphaned segments of clients that are gone. */

import { closeSync, constants, readSync } from "node:fs";
import { spool } from "../generated/spool.js";
import { monotonicMs } from "../timers.js";
import { UntrustedFileError } from "./access.js";
import { asSpoolError, type Directory } from "./directory.js";
import { decodeHeader, type Header } from "./header.js";
import type { Origin } from "./origin.js";
import { readRecords, type SpooledRecord } from "./record.js";
import type { FailedRecord, ReplayBatch } from "./replayer.js";
import { Segment } from "./segment.js";
import { fileName, type SegmentName, unowned } from "./segmentName.js";
import type { Tuning } from "./tuning.js";

/** What an adopter reports. */
export interface AdopterListener {
  /** A record that Kafka rejected permanently. */
  rejected(failed: FailedRecord): void;
  warn(text: string): void;
}

/** Adopts one orphaned segment at a time, and counts what becomes of its events. */
export class Adopter {
  readonly #orphans: Orphans;
  readonly #listener: AdopterListener;
  #current: AdoptedSegment | undefined;
  #adopted = 0;
  #replayed = 0;

  constructor(directory: Directory, origin: Origin, tuning: Tuning, listener: AdopterListener) {
    this.#orphans = new Orphans(directory, origin, tuning, (text) => listener.warn(text));
    this.#listener = listener;
  }

  /** How many events were adopted. */
  get adopted(): number {
    return this.#adopted;
  }

  /** How many of these were delivered. */
  get replayed(): number {
    return this.#replayed;
  }

  /** When the current segment was created; undefined if there is none. */
  get createdAt(): number | undefined {
    return this.#current?.createdAt || undefined;
  }

  /** Writes a heartbeat to the current segment, and scans for orphans. */
  heartbeat(): void {
    try {
      this.#current?.heartbeat();
    } finally {
      this.#orphans.scan(this.#current?.name);
    }
  }

  /** Writes the current segment anew if its file was removed. */
  restore(): void {
    this.#current?.restore();
  }

  /** Returns what is left of the current segment if its file was removed, and is not written anew. */
  lostRecords(): readonly SpooledRecord[] {
    return this.#current?.isRemoved === true ? this.#current.left : [];
  }

  /** Returns what is left of the current segment, or the next one; undefined if there is none. */
  next(): ReplayBatch | undefined {
    while (this.#current === undefined || this.#current.left.length === 0) {
      const done = this.#current;
      this.#current = undefined; // or a file that cannot be removed would stop the next
      done?.remove();
      this.#current = this.#orphans.adopt();
      if (this.#current === undefined) {
        return undefined;
      }
      this.#adopted += this.#current.left.length;
    }
    const segment = this.#current;
    return {
      records: segment.left,
      end: segment.end,
      eventsPerSecond: spool.replayEventsPerSecond,
      markAcked: (delivered, offset) => {
        this.#replayed += delivered;
        segment.markAcked(offset);
      },
      rejected: (failed) => this.#listener.rejected(failed),
    };
  }

  /** Leaves the current segment to the next client. */
  release(): void {
    this.#current?.release();
    this.#current = undefined;
  }
}

/** A segment that this client adopted, and what is left to replay of it. */
export class AdoptedSegment {
  readonly name: SegmentName;
  /** When its writer created it, by the writer's clock; 0 if the header is unreadable. */
  readonly createdAt: number;
  /** Where its last record ends. */
  readonly end: number;
  /** The number of damaged places between records. */
  readonly damaged: number;
  readonly hasBadHeader: boolean;
  readonly #segment: Segment;
  readonly #records: readonly SpooledRecord[];
  #heartbeats: bigint;
  #ackedOffset: number;

  /** Fences the segment, so that its writer notices, and only then reads it. */
  constructor(segment: Segment) {
    segment.fence();
    const bytes = segment.read();
    const { state, createdAt, ackedOffset, heartbeat }: Header = decodeHeader(bytes);
    const { records, damaged } = readRecords(bytes, Buffer.from(segment.name.origin, "hex"));
    const isBoundary = records.some(
      ({ start, end }) => start === ackedOffset || end === ackedOffset,
    );
    this.#segment = segment;
    this.#records = records;
    this.#heartbeats = heartbeat;
    this.#ackedOffset = state === "good" && isBoundary ? ackedOffset : 0;
    this.name = segment.name;
    this.createdAt = state === "good" ? createdAt : 0;
    this.end = records.at(-1)?.end ?? spool.headerBytes;
    this.damaged = damaged;
    this.hasBadHeader = state === "bad" || (state === "blank" && records.length > 0);
  }

  /** The records that are not acknowledged yet. */
  get left(): readonly SpooledRecord[] {
    return this.#records.filter(({ start }) => start >= this.#ackedOffset);
  }

  heartbeat(): void {
    this.#heartbeats += 1n;
    this.#segment.writeHeartbeat(BigInt.asUintN(64, this.#heartbeats));
  }

  /** Whether its file was removed before all of it was delivered. */
  get isRemoved(): boolean {
    return this.left.length > 0 && this.#segment.isRemoved(this.end);
  }

  restore(): void {
    if (this.isRemoved) {
      this.#segment.restore();
    }
  }

  /** Marks all records before `offset` as acknowledged. */
  markAcked(offset: number): void {
    this.#ackedOffset = offset;
    this.#segment.writeAckedOffset(offset);
  }

  /** Leaves the rest to the next client. */
  release(): void {
    this.#segment.transferTo(unowned);
  }

  remove(): void {
    this.#segment.remove();
  }
}

interface LastHeartbeat {
  readonly count: bigint;
  /** When it was first read, by `monotonicMs()`. */
  readonly since: number;
}

/** The segments of other clients, and which of them this client may adopt. */
class Orphans {
  readonly #directory: Directory;
  readonly #origin: Origin;
  readonly #tuning: Tuning;
  readonly #warn: (text: string) => void;
  readonly #reported = new Set<string>();
  #heartbeats = new Map<string, LastHeartbeat>();
  #found: SegmentName[] = [];

  constructor(directory: Directory, origin: Origin, tuning: Tuning, warn: (text: string) => void) {
    this.#directory = directory;
    this.#origin = origin;
    this.#tuning = tuning;
    this.#warn = warn;
  }

  /** Looks at every segment once, except for the one that is being replayed. */
  scan(current: SegmentName | undefined): void {
    const heartbeats = new Map<string, LastHeartbeat>();
    const alive = new Set<string>();
    this.#found = [];
    const names = this.#directory.segments();
    const currentFile = current && fileName(current);
    for (const name of names) {
      const file = fileName(name);
      const isMine = name.owner === this.#origin.hex;
      // A segment of another client that is mine already is one whose adoption an error ended.
      const isUnfinished = name.origin !== this.#origin.hex && file !== currentFile;
      if (name.kind !== "events" || (isMine && !isUnfinished)) {
        continue;
      }
      const header = this.#header(file);
      if (header === undefined) {
        continue;
      }
      const before = this.#heartbeats.get(file);
      const isSame = before?.count === header.heartbeat;
      const last = isSame ? before : { count: header.heartbeat, since: monotonicMs() };
      heartbeats.set(file, last);
      const unchangedMs = monotonicMs() - last.since;
      if (!this.#isForUs(name, header, unchangedMs, names)) {
        continue;
      }
      // Later segments of a live origin wait, to keep the order, but their heartbeats are tracked.
      if (name.owner !== unowned && !isMine && unchangedMs < this.#tuning.leaseMs) {
        alive.add(name.origin);
      } else if (!alive.has(name.origin)) {
        this.#found.push(name);
      }
    }
    this.#heartbeats = heartbeats;
  }

  /** Adopts the next orphan; undefined if there is none. One that fails does not stop the next. */
  adopt(): AdoptedSegment | undefined {
    for (let name = this.#found.shift(); name !== undefined; name = this.#found.shift()) {
      try {
        const adopted = this.#adopt(name);
        if (adopted !== undefined) {
          return adopted;
        }
      } catch (error) {
        this.#reportError(fileName(name), error);
      }
    }
    return undefined;
  }

  #adopt(name: SegmentName): AdoptedSegment | undefined {
    const segment = this.#isStillOrphaned(name)
      ? Segment.adopt(this.#directory, name, this.#origin.hex)
      : undefined;
    if (segment === undefined) {
      return undefined;
    }
    try {
      const adopted = new AdoptedSegment(segment);
      this.#reportDamage(adopted);
      return adopted;
    } catch (error) {
      segment.close();
      throw error;
    }
  }

  /** Checks again, as the owner may have resumed since the scan. */
  #isStillOrphaned(name: SegmentName): boolean {
    const file = fileName(name);
    const isSame = this.#header(file)?.heartbeat === this.#heartbeats.get(file)?.count;
    return isSame || name.owner === unowned;
  }

  /** Reports whether the segment's events go where this client's do. */
  #isForUs(
    name: SegmentName,
    { state, destination }: Header,
    unchangedMs: number,
    names: readonly SegmentName[],
  ): boolean {
    if (state === "newer") {
      const file = fileName(name);
      this.#report(file, "has a newer format version; it is left to a newer release of this SDK");
      return false;
    }
    if (state === "blank") {
      return true;
    }
    const known = state === "good" ? destination : this.#destinationOf(name.origin, names);
    const isOurs = (known ?? destination).equals(this.#origin.destination);
    return isOurs || (known === undefined && unchangedMs >= this.#tuning.orphanTimeoutMs);
  }

  /** Returns the destination of an origin, by the first of its segments with a good header. */
  #destinationOf(origin: string, names: readonly SegmentName[]): Buffer | undefined {
    const siblings = names.filter((name) => name.origin === origin);
    const headers = siblings.map((name) => this.#header(fileName(name)));
    return headers.find((header) => header?.state === "good")?.destination;
  }

  #reportDamage({ name, damaged, hasBadHeader }: AdoptedSegment): void {
    const places = damaged + Number(hasBadHeader);
    if (damaged > 0) {
      this.#report(fileName(name), `is damaged in ${places} places; the other events are sent`);
    } else if (hasBadHeader) {
      this.#report(fileName(name), "has a damaged header; its events are sent");
    }
  }

  /** Reports that a segment cannot be used, unless another client has taken it. */
  #reportError(file: string, error: unknown): void {
    if (error instanceof UntrustedFileError) {
      const reason = "is left alone, since another user may have placed or changed it";
      this.#report(file, `${reason}: ${error.message}`);
    } else if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      this.#report(file, `cannot be adopted, retrying: ${asSpoolError(error).message}`);
    }
  }

  #report(file: string, problem: string): void {
    const [segment = file] = file.split("."); // whoever owns it
    if (!this.#reported.has(segment)) {
      this.#reported.add(segment);
      this.#warn(`segment ${file} in ${this.#directory.path} ${problem}`);
    }
  }

  /** Reads the current header; undefined if the file is gone or unreadable. */
  #header(file: string): Header | undefined {
    const bytes = Buffer.alloc(spool.headerBytes);
    try {
      const descriptor = this.#directory.open(file, constants.O_RDONLY);
      try {
        readSync(descriptor, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(descriptor);
      }
      return decodeHeader(bytes);
    } catch (error) {
      this.#reportError(file, error);
      return undefined;
    }
  }
}
