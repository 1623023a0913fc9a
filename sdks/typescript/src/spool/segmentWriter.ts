/** The writer's state of one segment: what is appended, and how much of it is acknowledged. */

import { spool } from "../generated/spool.js";
import type { Segment } from "./segment.js";

/** Consecutive records that are acknowledged together, so that few writes move the acked offset. */
export class AckGroup {
  readonly #writer: SegmentWriter;
  /** Where the last of them ends. */
  end: number;
  /** How many events they have. */
  events = 0;
  unacked = 0;

  constructor(writer: SegmentWriter, end: number) {
    this.#writer = writer;
    this.end = end;
  }

  /** Whether its events are on no disk any more. */
  get isLost(): boolean {
    return this.#writer.isUnrestored;
  }

  /** Acknowledges one event: it is delivered, or recorded elsewhere. */
  markAcked(): void {
    this.unacked -= 1;
    if (this.unacked === 0) {
      this.#writer.advanceAckedOffset();
    }
  }
}

/** Appends records to a segment, and moves the offset before which all are acknowledged. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly createdAt: number;
  /** How many of its records are to be replayed from disk. */
  pending = 0;
  #used: number = spool.headerBytes;
  #ackedOffset: number = spool.headerBytes;
  #groups: AckGroup[] = [];
  #open: AckGroup | undefined;
  #heartbeats = 0n;
  #isSealed = false;
  #isLost = false;
  #isUnrestored = false;

  constructor(segment: Segment, createdAt: number) {
    this.segment = segment;
    this.createdAt = createdAt;
  }

  /** Where the next record goes. */
  get used(): number {
    return this.#used;
  }

  /** All records before this offset are acknowledged. */
  get ackedOffset(): number {
    return this.#ackedOffset;
  }

  /** Whether all records are acknowledged. */
  get isAcked(): boolean {
    return this.#ackedOffset === this.#used;
  }

  /** Whether another client has adopted the segment, and delivers what is in it. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether its file was removed, and could not be written anew. */
  get isUnrestored(): boolean {
    return this.#isUnrestored;
  }

  hasRoom(length: number): boolean {
    const isUsable = !this.#isSealed && !this.#isLost && !this.#isUnrestored;
    return isUsable && this.#used + length <= spool.segmentBytes;
  }

  /** Appends a record; false if another client has adopted the segment meanwhile. */
  append(bytes: Buffer, length: number): boolean {
    this.segment.write(bytes, length, this.#used);
    // An adopter fences before it reads: if there is no fence after the write, it reads the record.
    if (this.#isFenced()) {
      this.#isLost = true;
      return false;
    }
    this.#used += length;
    return true;
  }

  /**
   * Adds the last record to an acknowledgement group, as one that is delivered from memory; `events`
   * is how many it has.
   */
  track(events: number): AckGroup {
    let group = this.#open;
    if (group === undefined || group.events >= spool.groupEvents) {
      group = new AckGroup(this, this.#used);
      this.#groups.push(group);
      this.#open = group;
    }
    group.events += events;
    group.unacked += events;
    group.end = this.#used;
    return group;
  }

  /** Ends the current group, though it may not be full. */
  endGroup(): void {
    this.#open = undefined;
    this.advanceAckedOffset();
  }

  /** Moves the acked offset past the groups that are acknowledged. */
  advanceAckedOffset(): void {
    const before = this.#ackedOffset;
    for (let group = this.#groups[0]; group?.unacked === 0; group = this.#groups[0]) {
      if (group === this.#open && group.events < spool.groupEvents) {
        break;
      }
      this.#groups.shift();
      this.#ackedOffset = group.end;
    }
    if (this.#ackedOffset > before) {
      this.#writeAckedOffset();
    }
  }

  /** Marks all records before `offset` as acknowledged. */
  markAcked(offset: number): void {
    this.#ackedOffset = offset;
    this.#writeAckedOffset();
  }

  /** Writes a heartbeat, and detects whether another client has adopted the segment. */
  heartbeat(): void {
    if (!this.#isLost) {
      this.#heartbeats += 1n;
      this.segment.writeHeartbeat(this.#heartbeats);
      this.#isLost =
        !this.#isRemoved && (!this.segment.isThere || (!this.#isSealed && this.segment.isFenced));
    }
  }

  /** Writes the segment anew if its file was removed, and returns whether it was. */
  restore(): boolean {
    if (!this.#isRemoved) {
      return false;
    }
    this.#isUnrestored = true; // unless that succeeds
    this.segment.restore();
    this.#isUnrestored = false;
    return true;
  }

  get #isRemoved(): boolean {
    return !this.#isLost && this.segment.isRemoved(this.#used);
  }

  /** Ends appending, and cuts the file to its records. */
  seal(): void {
    if (!this.#isSealed && !this.#isLost) {
      this.#isSealed = true;
      this.segment.fence();
      this.segment.truncate(this.#used);
      this.endGroup();
    }
  }

  /** Never throws: the record is written, so that its event cannot be rejected any more. */
  #isFenced(): boolean {
    try {
      return this.segment.isFenced;
    } catch {
      return false; // the next heartbeat detects it, and reports what is wrong with the disk
    }
  }

  #writeAckedOffset(): void {
    if (this.#isLost) {
      return;
    }
    try {
      this.segment.writeAckedOffset(this.#ackedOffset);
    } catch {
      // What is not marked is sent twice. The next heartbeat reports what is wrong with the disk.
    }
  }
}
