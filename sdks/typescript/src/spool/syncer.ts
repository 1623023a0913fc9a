/** Syncs what was written to disk, a while later. */

import type { Directory } from "./directory.js";
import type { SegmentWriter } from "./segmentWriter.js";

/** Bounds what a power failure may lose. */
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
    if (this.#afterMs === 0) {
      this.#dirty.add(writer);
      this.syncNow();
    } else if (!this.#dirty.has(writer)) {
      this.#dirty.add(writer);
      this.#timer ??= setTimeout(this.#sync, this.#afterMs).unref();
    }
  }

  /** Syncs, and blocks until the disk is done. */
  syncNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { segment } of this.#take(() => this.#directory.syncNow())) {
      segment.syncNow();
    }
  }

  readonly #sync = (): void => {
    this.#timer = undefined;
    try {
      for (const { segment } of this.#take(() => this.#directory.sync())) {
        segment.sync(this.#onError);
      }
    } catch (error) {
      this.#onError(error);
    }
  };

  /** Takes what is dirty. A segment's first sync includes the directory, which holds its name. */
  #take(syncDirectory: () => void): SegmentWriter[] {
    const writers = [...this.#dirty].filter(({ segment, isAcked }) => segment.isOpen && !isAcked);
    this.#dirty.clear();
    if (writers.some((writer) => !this.#known.has(writer))) {
      syncDirectory();
    }
    for (const writer of writers) {
      this.#known.add(writer);
    }
    return writers;
  }
}
