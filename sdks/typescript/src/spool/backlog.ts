/** A client's own events that wait on disk, in no memory, and go from there. */

import { readRecords } from "./record.js";
import type { FailedRecord, ReplayBatch } from "./replayer.js";
import type { SegmentLog } from "./segmentLog.js";
import type { SegmentWriter } from "./segmentWriter.js";

/** Hears how they end. */
export interface BacklogListener {
  delivered(events: number): void;
  rejected(failed: FailedRecord): void;
}

/** Once something waits here, everything later does too, so that the order is kept. */
export class Backlog {
  readonly log: SegmentLog;
  readonly #origin: Buffer;
  readonly #listener: BacklogListener;
  #isBehind = false;

  constructor(log: SegmentLog, origin: Buffer, listener: BacklogListener) {
    this.log = log;
    this.#origin = origin;
    this.#listener = listener;
  }

  /** Whether anything waits. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** The record that was just written to this segment waits. */
  add(writer: SegmentWriter): void {
    writer.backlog += 1;
    this.#isBehind = true;
  }

  /** What waits in the first segment; undefined where nothing waits any more. */
  next(): ReplayBatch | undefined {
    const writers = this.log.writers;
    for (const writer of writers) {
      writer.closeGroup(); // what came from memory is done, or nobody would ask
    }
    const writer = writers.find(({ isAcked, isLost }) => !isAcked && !isLost);
    if (writer === undefined) {
      this.#isBehind = false;
      this.log.tidy();
      return undefined;
    }
    const end = writer.used;
    const { records } = readRecords(writer.segment.read(end), this.#origin, writer.ackedOffset);
    return {
      records,
      end,
      markAcked: (delivered, offset) => {
        writer.backlog -= delivered;
        writer.markAcked(offset);
        this.#listener.delivered(delivered);
      },
      rejected: (failed) => {
        writer.backlog -= 1;
        this.#listener.rejected(failed);
      },
    };
  }
}
