/** The segments that one client writes, one after another. */

import { spool } from "../generated/spool.js";
import type { SpoolConfig } from "./config.js";
import { asSpoolError, type SpoolError, SpoolFullError } from "./directory.js";
import { everyOf } from "./housekeeping.js";
import type { Origin } from "./origin.js";
import { type Entry, Framer } from "./record.js";
import { Segment } from "./segment.js";
import { type Kind, unowned } from "./segmentName.js";
import { SegmentWriter } from "./segmentWriter.js";

/** Appends to the last segment, and rolls to a new one when that is full. */
export class SegmentLog {
  readonly #kind: Kind;
  readonly #config: SpoolConfig;
  readonly #origin: Origin;
  readonly #firstSeq: () => number;
  readonly #framer: Framer;
  #writers: SegmentWriter[] = [];
  #lastError: SpoolError | undefined;
  #released = 0;

  /** `firstSeq` returns the number that a new segment is named after, which orders it. */
  constructor(kind: Kind, config: SpoolConfig, origin: Origin, firstSeq: () => number) {
    this.#kind = kind;
    this.#config = config;
    this.#origin = origin;
    this.#firstSeq = firstSeq;
    this.#framer = new Framer(origin.id);
  }

  /** The writers of the segments that are not removed yet, oldest first. */
  get writers(): readonly SegmentWriter[] {
    return this.#writers;
  }

  /** How many records are to be replayed from disk. */
  get pending(): number {
    return this.#writers.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** How many pending records were left to other clients. */
  get released(): number {
    return this.#released;
  }

  /** Appends one record of all entries, and returns the writer it went to; throws a SpoolError. */
  append(entries: readonly Entry[]): SegmentWriter {
    const length = this.#framer.frame(entries);
    try {
      for (;;) {
        const writer = this.#writerFor(length);
        if (writer.append(this.#framer.bytes, length)) {
          return writer;
        }
      }
    } catch (error) {
      throw asSpoolError(error);
    }
  }

  /** Writes heartbeats, and lets a segment be created again if that failed. */
  heartbeat(): void {
    this.#lastError = undefined;
    try {
      everyOf(this.#writers, (writer) => {
        writer.endGroup();
        writer.heartbeat();
      });
    } finally {
      this.prune();
    }
  }

  /** Writes segments anew whose files were removed, which `written` receives. */
  restore(written: (writer: SegmentWriter) => void): void {
    everyOf(this.#writers, (writer) => {
      if (writer.restore()) {
        written(writer);
      }
    });
  }

  /** Removes the segments that are acknowledged, and drops those that others adopted. */
  prune(): void {
    const last = this.#writers.at(-1);
    this.#writers = this.#writers.filter((writer) => {
      if (!writer.isLost && (!writer.isAcked || writer === last)) {
        return true;
      }
      this.#drop(writer);
      return false;
    });
  }

  /** Leaves what is not acknowledged to the next client, and removes the rest. */
  release(): void {
    for (const writer of this.#writers) {
      writer.seal();
      this.#drop(writer);
    }
    this.#writers = [];
  }

  #drop({ segment, pending, isLost, isAcked, isUnrestored }: SegmentWriter): void {
    this.#released += pending;
    if (isLost || isUnrestored) {
      segment.close();
    } else if (isAcked) {
      segment.remove();
      this.#lastError = undefined;
    } else {
      segment.transferTo(unowned);
    }
  }

  #writerFor(length: number): SegmentWriter {
    const last = this.#writers.at(-1);
    return last?.hasRoom(length) ? last : this.#roll(last);
  }

  #roll(last: SegmentWriter | undefined): SegmentWriter {
    const writer = this.#create();
    this.#writers.push(writer);
    last?.seal();
    this.prune();
    return writer;
  }

  #create(): SegmentWriter {
    if (this.#lastError !== undefined) {
      throw this.#lastError; // until the next heartbeat, so that failing is quick
    }
    try {
      return this.#tryCreate();
    } catch (error) {
      this.#lastError = asSpoolError(error);
      throw this.#lastError;
    }
  }

  #tryCreate(): SegmentWriter {
    const { directory, maxBytes, clock } = this.#config;
    // A directory that was removed is made again.
    const usedBytes = directory.isRemoved ? 0 : directory.bytes();
    if (usedBytes + spool.segmentBytes > maxBytes) {
      const limit = `${directory.path} has reached its limit of ${maxBytes} bytes`;
      throw new SpoolFullError(`${limit}; is Kafka reachable?`);
    }
    const createdAt = clock();
    for (;;) {
      const { name, header } = this.#origin.newSegment(this.#kind, this.#firstSeq(), createdAt);
      const segment = Segment.create(directory, name, header);
      if (segment !== undefined) {
        return new SegmentWriter(segment, createdAt);
      }
    }
  }
}
