/** Has the disk keep what was written, a while later. */

import type { Directory } from "./directory.js";
import type { SegmentWriter } from "./segmentWriter.js";

/** Bounds what a loss of power may take. */
export class Syncer {
  readonly #directory: Directory;
  readonly #afterMs: number;
  readonly #trouble: (error: unknown) => void;
  readonly #known = new WeakSet<SegmentWriter>();
  readonly #dirty = new Set<SegmentWriter>();
  #timer: NodeJS.Timeout | undefined;

  /** Waits so many milliseconds; with 0 for the disk itself. */
  constructor(directory: Directory, afterMs: number, trouble: (error: unknown) => void) {
    this.#directory = directory;
    this.#afterMs = afterMs;
    this.#trouble = trouble;
  }

  /** A record was written. */
  wrote(writer: SegmentWriter): void {
    if (this.#afterMs === 0) {
      this.#dirty.add(writer);
      this.now();
    } else if (!this.#dirty.has(writer)) {
      this.#dirty.add(writer);
      this.#timer ??= setTimeout(this.#later, this.#afterMs).unref();
    }
  }

  /** Waits for the disk. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { segment } of this.#taken(() => this.#directory.syncNow())) {
      segment.syncNow();
    }
  }

  readonly #later = (): void => {
    this.#timer = undefined;
    try {
      for (const { segment } of this.#taken(() => this.#directory.sync())) {
        segment.sync(this.#trouble);
      }
    } catch (error) {
      this.#trouble(error);
    }
  };

  /** Those to be synced; what was not synced before has a name that the folder has to keep. */
  #taken(syncFolder: () => void): SegmentWriter[] {
    const all = [...this.#dirty].filter(({ segment, isAcked }) => segment.isOpen && !isAcked);
    this.#dirty.clear();
    if (all.some((writer) => !this.#known.has(writer))) {
      syncFolder();
    }
    for (const writer of all) {
      this.#known.add(writer);
    }
    return all;
  }
}
