/** The segments that one client writes, one after another. */

import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { SpoolFault, spoolFault } from "./fault.js";
import { encodeHeader } from "./header.js";
import { Framer } from "./record.js";
import { Segment } from "./segment.js";
import { type Kind, newName, unowned } from "./segmentName.js";
import { SegmentWriter } from "./segmentWriter.js";

/** What the segments of a client have in common. */
export interface Author {
  readonly origin: Buffer;
  readonly instanceId: string;
  readonly destination: Buffer;
  /** How many bytes all segments of the folder may have. */
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The number of the latest event. */
  readonly seq: () => number;
  /** Counts the segments that it made. */
  readonly count: () => number;
}

/** Appends to the last segment, and makes another when that is full. */
export class SegmentLog {
  readonly #kind: Kind;
  readonly #directory: Directory;
  readonly #author: Author;
  readonly #framer: Framer;
  #writers: SegmentWriter[] = [];
  #refusal: SpoolFault | undefined;
  #entrusted = 0;

  constructor(kind: Kind, directory: Directory, author: Author) {
    this.#kind = kind;
    this.#directory = directory;
    this.#author = author;
    this.#framer = new Framer(author.origin);
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

  /** Writes a record, and says where it is; throws a SpoolFault. */
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
      throw spoolFault(error);
    }
  }

  /** Shows that its owner is alive, and tries again to make a segment where that was refused. */
  heartbeat(): void {
    this.#refusal = undefined;
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
      this.#refusal = undefined;
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
    if (this.#refusal !== undefined) {
      throw this.#refusal; // until the next heartbeat, so that refusing is quick
    }
    try {
      return this.#made();
    } catch (error) {
      this.#refusal = spoolFault(error);
      throw this.#refusal;
    }
  }

  #made(): SegmentWriter {
    const { origin, instanceId, destination, maxBytes, clock, seq, count } = this.#author;
    if (this.#directory.bytes() + spool.segmentBytes > maxBytes) {
      const hint = `the limit of '${this.#directory.path}' is ${maxBytes} bytes; is Kafka reachable?`;
      throw new SpoolFault(hint, true);
    }
    const [createdAt, firstSeq] = [clock(), seq()];
    const header = encodeHeader({ origin, firstSeq, createdAt, destination, instanceId });
    const name = newName(this.#kind, origin.toString("hex"), firstSeq, count());
    const segment = Segment.create(this.#directory, name, header);
    return new SegmentWriter(segment, createdAt);
  }
}
