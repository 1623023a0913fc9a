/** Syncs what was written to disk, a while later. */

import { clearTimeout, setTimeout } from "../timers.js";
import type { Directory } from "./directory.js";
import type { SegmentWriter } from "./segmentWriter.js";

/**
 * Bounds what a power failure may lose.
 *
 * It reports errors and never throws: what it syncs is written already, so that another process may
 * deliver it, and rejecting the event would bill it twice.
 */
export class Syncer {
  readonly #directory: Directory;
  readonly #afterMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #known = new WeakSet<SegmentWriter>();
  readonly #dirty = new Set<SegmentWriter>();
  #timer: NodeJS.Timeout | undefined;

  /** Syncs `afterMs` milliseconds after a write, in the background; with 0 at each write, at once. */
  constructor(directory: Directory, afterMs: number, onError: (error: unknown) => void) {
    this.#directory = directory;
    this.#afterMs = afterMs;
    this.#onError = onError;
  }

  /** Schedules a sync of the segment that a record was appended to. */
  wrote(writer: SegmentWriter): void {
    this.#dirty.add(writer);
    if (this.#afterMs === 0) {
      this.syncNow();
    } else {
      this.#timer ??= setTimeout(this.#sync, this.#afterMs).unref();
    }
  }

  /** Schedules a sync of a segment that was written anew, and of the directory that has its name. */
  wroteAnew(writer: SegmentWriter): void {
    this.#known.delete(writer);
    this.wrote(writer);
  }

  /** Syncs, and blocks until the disk is done. */
  syncNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      for (const writer of this.#take(() => this.#directory.syncNow())) {
        writer.segment.syncNow();
        this.#done(writer);
      }
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #sync = (): void => {
    this.#timer = undefined;
    try {
      for (const writer of this.#take(() => this.#directory.sync())) {
        writer.segment.sync(this.#onError);
        this.#done(writer);
      }
    } catch (error) {
      this.#onError(error);
    }
  };

  /** Returns what is dirty. A segment's first sync includes the directory, which holds its name. */
  #take(syncDirectory: () => void): SegmentWriter[] {
    for (const writer of this.#dirty) {
      if (!writer.segment.isOpen || writer.isAcked) {
        this.#dirty.delete(writer);
      }
    }
    const writers = [...this.#dirty];
    if (writers.some((writer) => !this.#known.has(writer))) {
      syncDirectory();
    }
    return writers;
  }

  #done(writer: SegmentWriter): void {
    this.#known.add(writer);
    this.#dirty.delete(writer);
  }
}
