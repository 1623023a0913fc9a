/** A client's own events that are pending on disk, and no longer in memory. */

import { readRecords, type SpooledRecord } from "./record.js";
import type { FailedRecord, ReplayBatch } from "./replayer.js";
import type { SegmentLog } from "./segmentLog.js";
import type { SegmentWriter } from "./segmentWriter.js";

/** What a backlog reports of its events. */
export interface BacklogListener {
  delivered(events: number): void;
  /** Kafka rejected an event permanently. */
  rejected(failed: FailedRecord): void;
}

/** Replays the pending records of one segment log, segment by segment. */
export class Backlog {
  readonly log: SegmentLog;
  readonly #origin: Buffer;
  readonly #listener: BacklogListener;
  #hasPending = false;

  constructor(log: SegmentLog, origin: Buffer, listener: BacklogListener) {
    this.log = log;
    this.#origin = origin;
    this.#listener = listener;
  }

  /** Whether events are pending, so that later ones have to be spilled too, to keep their order. */
  get hasPending(): boolean {
    return this.#hasPending;
  }

  /** Counts the events of the record that was just appended to this segment as pending. */
  add(writer: SegmentWriter, events: number): void {
    writer.pending += events;
    this.#hasPending = true;
  }

  /** Takes what is pending in segments that were removed, and could not be written anew. */
  takeLost(): readonly SpooledRecord[] {
    return this.log.writers.filter(isLost).flatMap((writer) => {
      const { segment, used, ackedOffset, pending } = writer;
      const { records } = readRecords(segment.read(used), this.#origin, ackedOffset);
      writer.pending = 0;
      return records.slice(-pending); // what precedes it is delivered from memory
    });
  }

  /** Returns what is pending in the first segment; undefined once nothing is pending any more. */
  next(): ReplayBatch | undefined {
    const writers = this.log.writers;
    for (const writer of writers) {
      writer.endGroup(); // memory is empty, so what was tracked there is acknowledged
    }
    const writer = writers.find(({ isAcked, isLost }) => !isAcked && !isLost);
    if (writer === undefined) {
      this.#hasPending = false;
      this.log.prune();
      return undefined;
    }
    const end = writer.used;
    const { records } = readRecords(writer.segment.read(end), this.#origin, writer.ackedOffset);
    return {
      records,
      end,
      markAcked: (delivered, offset) => {
        writer.pending -= delivered;
        writer.markAcked(offset);
        this.#listener.delivered(delivered);
      },
      rejected: (failed) => {
        writer.pending -= 1;
        this.#listener.rejected(failed);
      },
    };
  }
}

function isLost({ isUnrestored, pending }: SegmentWriter): boolean {
  return isUnrestored && pending > 0;
}
