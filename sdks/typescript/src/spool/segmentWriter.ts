/** A segment that this client writes, and what of it is done. */

import { spool } from "../generated/spool.js";
import type { Segment } from "./segment.js";

/** Records in a row that are marked as done together. */
export class AckGroup {
  readonly #writer: SegmentWriter;
  /** Where the last of them ends. */
  end: number;
  records = 0;
  pending = 0;

  constructor(writer: SegmentWriter, end: number) {
    this.#writer = writer;
    this.end = end;
  }

  /** One of its events is delivered, or kept elsewhere. */
  markAcked(): void {
    this.pending -= 1;
    if (this.pending === 0) {
      this.#writer.advanceAckedOffset();
    }
  }
}

/** Appends records, and moves the mark before which all are done. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly createdAt: number;
  /** How many of its records are in no memory, and not done. */
  backlog = 0;
  #used: number = spool.headerBytes;
  #ackedOffset: number = spool.headerBytes;
  #groups: AckGroup[] = [];
  #open: AckGroup | undefined;
  #heartbeats = 0n;
  #isSealed = false;
  #isLost = false;

  constructor(segment: Segment, createdAt: number) {
    this.segment = segment;
    this.createdAt = createdAt;
  }

  /** Where the next record goes. */
  get used(): number {
    return this.#used;
  }

  /** All records before this are done. */
  get ackedOffset(): number {
    return this.#ackedOffset;
  }

  get isAcked(): boolean {
    return this.#ackedOffset === this.#used;
  }

  /** Whether another client has taken it over, who delivers what is in it. */
  get isLost(): boolean {
    return this.#isLost;
  }

  hasRoom(length: number): boolean {
    return !this.#isSealed && !this.#isLost && this.#used + length <= spool.segmentBytes;
  }

  /** Writes a record; false where the segment is another client's by now. */
  append(bytes: Buffer, length: number): boolean {
    this.segment.write(bytes, length, this.#used);
    // Only a look after the write tells whether he who took the segment over has read the record.
    if (this.segment.isFenced) {
      this.#isLost = true;
      return false;
    }
    this.#used += length;
    return true;
  }

  /** Counts the last record as one that is delivered from memory. */
  track(): AckGroup {
    let group = this.#open;
    if (group === undefined || group.records === spool.groupEvents) {
      group = new AckGroup(this, this.#used);
      this.#groups.push(group);
      this.#open = group;
    }
    group.records += 1;
    group.pending += 1;
    group.end = this.#used;
    return group;
  }

  /** Has the last group end here, though it may not be full. */
  closeGroup(): void {
    this.#open = undefined;
    this.advanceAckedOffset();
  }

  /** Moves the mark past the groups that are done. */
  advanceAckedOffset(): void {
    const before = this.#ackedOffset;
    for (let group = this.#groups[0]; group?.pending === 0; group = this.#groups[0]) {
      if (group === this.#open && group.records < spool.groupEvents) {
        break;
      }
      this.#groups.shift();
      this.#ackedOffset = group.end;
    }
    if (this.#ackedOffset > before) {
      this.#mark();
    }
  }

  /** Marks all records before this as done. */
  markAcked(upTo: number): void {
    this.#ackedOffset = upTo;
    this.#mark();
  }

  /** Shows that its owner is alive, and notices where the segment is another client's by now. */
  heartbeat(): void {
    if (!this.#isLost) {
      this.#heartbeats += 1n;
      this.segment.writeHeartbeat(this.#heartbeats);
      this.#isLost = !this.segment.isThere || (!this.#isSealed && this.segment.isFenced);
    }
  }

  /** Has nothing more written to it. */
  seal(): void {
    if (!this.#isSealed && !this.#isLost) {
      this.#isSealed = true;
      this.segment.fence();
      this.segment.cut(this.#used);
      this.closeGroup();
    }
  }

  #mark(): void {
    if (this.#isLost) {
      return;
    }
    try {
      this.segment.writeAckedOffset(this.#ackedOffset);
    } catch {
      // What is not marked is sent twice. The next heartbeat says what is wrong with the disk.
    }
  }
}
