/** A segment that was taken over from a client that is gone. */

import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { decodeHeader, type Header } from "./header.js";
import { readRecords, type SpooledRecord } from "./record.js";
import { Segment } from "./segment.js";
import { type SegmentName, unowned } from "./segmentName.js";

/** What is left to do of it. */
export class Inherited {
  readonly name: SegmentName;
  /** When its writer made it, by his clock; 0 where the header does not say. */
  readonly createdAt: number;
  /** Where its last record ends. */
  readonly end: number;
  /** At how many places it was damaged. */
  readonly damaged: number;
  readonly hasBadHeader: boolean;
  readonly #segment: Segment;
  readonly #records: readonly SpooledRecord[];
  #heartbeats: bigint;
  #ackedOffset: number;

  private constructor(segment: Segment) {
    segment.fence();
    const bytes = segment.read();
    const { state, createdAt, ackedOffset, heartbeat }: Header = decodeHeader(bytes);
    const { records, damaged } = readRecords(bytes, Buffer.from(segment.name.origin, "hex"));
    const isMark = records.some(({ start, end }) => start === ackedOffset || end === ackedOffset);
    this.#segment = segment;
    this.#records = records;
    this.#heartbeats = heartbeat;
    this.#ackedOffset = state === "good" && isMark ? ackedOffset : 0;
    this.name = segment.name;
    this.createdAt = state === "good" ? createdAt : 0;
    this.end = records.at(-1)?.end ?? spool.headerBytes;
    this.damaged = damaged;
    this.hasBadHeader = state === "bad" || (state === "blank" && records.length > 0);
  }

  /** Takes over a segment; undefined where somebody else was first. */
  static adopt(directory: Directory, name: SegmentName, owner: string): Inherited | undefined {
    const segment = Segment.adopt(directory, name, owner);
    return segment && new Inherited(segment);
  }

  /** The records that are not done yet. */
  get left(): readonly SpooledRecord[] {
    return this.#records.filter(({ start }) => start >= this.#ackedOffset);
  }

  heartbeat(): void {
    this.#heartbeats += 1n;
    this.#segment.writeHeartbeat(BigInt.asUintN(64, this.#heartbeats));
  }

  /** Marks all records before this as done. */
  markAcked(upTo: number): void {
    this.#ackedOffset = upTo;
    this.#segment.writeAckedOffset(upTo);
  }

  /** Leaves the rest to whoever comes first. */
  release(): void {
    this.#segment.transferTo(unowned);
  }

  /** Everything in it is done. */
  remove(): void {
    this.#segment.remove();
  }
}
