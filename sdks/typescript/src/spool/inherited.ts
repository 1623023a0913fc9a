/** A segment that was taken over from a client that is gone. */

import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { decodeHeader, type Header } from "./header.js";
import { readRecords, type SpooledRecord } from "./record.js";
import { rename, Segment } from "./segment.js";
import type { SegmentName } from "./segmentName.js";

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
  readonly #file: Segment;
  readonly #records: readonly SpooledRecord[];
  #beats: bigint;
  #ackedOffset: number;

  private constructor(file: Segment) {
    file.fence();
    const bytes = file.read();
    const { state, createdAt, ackedOffset, heartbeat }: Header = decodeHeader(bytes);
    const { records, damaged } = readRecords(bytes, Buffer.from(file.name.origin, "hex"));
    const isMark = records.some(({ start, end }) => start === ackedOffset || end === ackedOffset);
    this.#file = file;
    this.#records = records;
    this.#beats = heartbeat;
    this.#ackedOffset = state === "good" && isMark ? ackedOffset : 0;
    this.name = file.name;
    this.createdAt = state === "good" ? createdAt : 0;
    this.end = records.at(-1)?.end ?? spool.headerBytes;
    this.damaged = damaged;
    this.hasBadHeader = state === "bad" || (state === "blank" && records.length > 0);
  }

  /** Takes over a segment; undefined where somebody else was first. */
  static adopt(directory: Directory, name: SegmentName, owner: string): Inherited | undefined {
    const own = { ...name, owner };
    return rename(directory, name, own) ? new Inherited(Segment.open(directory, own)) : undefined;
  }

  /** The records that are not done yet. */
  get left(): readonly SpooledRecord[] {
    return this.#records.filter(({ start }) => start >= this.#ackedOffset);
  }

  beat(): void {
    this.#beats += 1n;
    this.#file.beat(BigInt.asUintN(64, this.#beats));
  }

  /** Marks all records before this as done. */
  markAcked(upTo: number): void {
    this.#ackedOffset = upTo;
    this.#file.writeAckedOffset(upTo);
  }

  /** Leaves the rest to whoever comes first. */
  release(): void {
    this.#file.release();
  }

  /** Everything in it is done. */
  remove(): void {
    this.#file.remove();
  }
}
