/** The segments that one client writes, one after another. */

import { spool } from "../generated/spool.js";
import type { SpoolConfig } from "./config.js";
import { asSpoolError, type SpoolError, SpoolFullError } from "./directory.js";
import type { Origin } from "./origin.js";
import { Framer } from "./record.js";
import { Segment } from "./segment.js";
import { type Kind, unowned } from "./segmentName.js";
import { SegmentWriter } from "./segmentWriter.js";

/** Appends to the last segment, and makes another when that is full. */
export class SegmentLog {
  readonly #kind: Kind;
  readonly #config: SpoolConfig;
  readonly #origin: Origin;
  readonly #firstSeq: () => number;
  readonly #framer: Framer;
  #writers: SegmentWriter[] = [];
  #lastError: SpoolError | undefined;
  #entrusted = 0;

  /** `firstSeq` returns the number by which a new segment is named, and so ordered. */
  constructor(kind: Kind, config: SpoolConfig, origin: Origin, firstSeq: () => number) {
    this.#kind = kind;
    this.#config = config;
    this.#origin = origin;
    this.#firstSeq = firstSeq;
    this.#framer = new Framer(origin.id);
  }

  /** Those that are not removed yet, oldest first. */
  get writers(): readonly SegmentWriter[] {
    return this.#writers;
  }

  /** How many records are in no memory, and not done. */
  get waiting(): number {
    return this.#writers.reduce((sum, { backlog }) => sum + backlog, 0);
  }

  /** How many were left to other clients. */
  get entrusted(): number {
    return this.#entrusted;
  }

  /** Writes a record, and says where it is; throws a SpoolError. */
  append(key: Buffer, value: string | Buffer): SegmentWriter {
    const length = this.#framer.frame(key, value);
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

  /** Shows that its owner is alive, and tries again to make a segment where that was refused. */
  heartbeat(): void {
    this.#lastError = undefined;
    for (const writer of this.#writers) {
      writer.heartbeat();
      writer.closeGroup();
    }
    this.tidy();
  }

  /** Removes the segments that are done, and forgets those that were taken over. */
  tidy(): void {
    const last = this.#writers.at(-1);
    this.#writers = this.#writers.filter((writer) => {
      if (!writer.isLost && (!writer.isAcked || writer === last)) {
        return true;
      }
      this.#end(writer);
      return false;
    });
  }

  /** Leaves what is not done to whoever comes first, and removes the rest. */
  release(): void {
    for (const writer of this.#writers) {
      writer.seal();
      this.#end(writer);
    }
    this.#writers = [];
  }

  #end({ segment, backlog, isLost, isAcked }: SegmentWriter): void {
    this.#entrusted += backlog;
    if (isLost) {
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
    const made = this.#make();
    this.#writers.push(made);
    last?.seal();
    this.tidy();
    return made;
  }

  #make(): SegmentWriter {
    if (this.#lastError !== undefined) {
      throw this.#lastError; // until the next heartbeat, so that refusing is quick
    }
    try {
      return this.#made();
    } catch (error) {
      this.#lastError = asSpoolError(error);
      throw this.#lastError;
    }
  }

  #made(): SegmentWriter {
    const { directory, maxBytes, clock } = this.#config;
    if (directory.bytes() + spool.segmentBytes > maxBytes) {
      const hint = `the limit of '${directory.path}' is ${maxBytes} bytes; is Kafka reachable?`;
      throw new SpoolFullError(hint);
    }
    const createdAt = clock();
    const { name, header } = this.#origin.newSegment(this.#kind, this.#firstSeq(), createdAt);
    return new SegmentWriter(Segment.create(directory, name, header), createdAt);
  }
}
