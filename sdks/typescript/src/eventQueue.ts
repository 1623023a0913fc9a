/**
 * Encoded events in the order in which they were accepted.
 *
 * Their bytes lie side by side in slabs: an event costs little more than its own length, however
 * many wait, and there is next to nothing for the garbage collector to trace.
 */

import type { Workspace } from "./workspace.js";

/** One encoded event on its way. */
export interface QueuedEvent {
  readonly workspace: Workspace;
  readonly value: Buffer;
  /** When it was accepted, by `performance.now()`. */
  readonly acceptedAt: number;
}

/** Small enough that a queue that is nearly empty costs nearly nothing. */
const slabBytes = 16_384;
/** UTF-8 takes at most three bytes for a character of a string. */
const widest = 3;

interface Slab {
  readonly bytes: Buffer;
  readonly workspaces: Workspace[];
  readonly ends: number[];
  readonly times: number[];
}

/** A first-in, first-out queue of events. */
export class EventQueue {
  #slabs: Slab[] = [];
  #last: Slab | undefined;
  #taken = 0;
  #length = 0;
  #bytes = 0;

  /** How many events wait. */
  get length(): number {
    return this.#length;
  }

  /** How many bytes they have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the event that waits longest was accepted. */
  get oldest(): number | undefined {
    return this.#slabs[0]?.times[this.#taken];
  }

  /** Appends an event, and returns how many bytes it has. */
  push(workspace: Workspace, json: string, acceptedAt: number): number {
    let slab = this.#last;
    let start = slab?.ends.at(-1) ?? 0;
    if (slab === undefined || slab.bytes.length - start < json.length * widest) {
      const needed = Buffer.byteLength(json);
      if (slab === undefined || slab.bytes.length - start < needed) {
        slab = this.#open(needed);
        start = 0;
      }
    }
    const written = slab.bytes.write(json, start);
    slab.workspaces.push(workspace);
    slab.ends.push(start + written);
    slab.times.push(acceptedAt);
    this.#length += 1;
    this.#bytes += written;
    return written;
  }

  /** Removes the first events, up to so many bytes but at least one. */
  take(mostBytes: number): QueuedEvent[] {
    const events: QueuedEvent[] = [];
    let bytes = 0;
    for (let slab = this.#slabs[0]; slab !== undefined; slab = this.#slabs[0]) {
      for (; this.#taken < slab.ends.length; this.#taken += 1) {
        const at = this.#taken;
        const value = slab.bytes.subarray(slab.ends[at - 1] ?? 0, slab.ends[at]);
        if (events.length > 0 && bytes + value.length > mostBytes) {
          return this.#removed(events, bytes);
        }
        bytes += value.length;
        const workspace = slab.workspaces[at] as Workspace;
        events.push({ workspace, value, acceptedAt: slab.times[at] as number });
      }
      this.#slabs.shift();
      this.#taken = 0;
    }
    this.#last = undefined;
    return this.#removed(events, bytes);
  }

  #removed(events: QueuedEvent[], bytes: number): QueuedEvent[] {
    this.#length -= events.length;
    this.#bytes -= bytes;
    return events;
  }

  /** A large event gets a slab of its own length. */
  #open(needed: number): Slab {
    const size = needed > slabBytes / 4 ? needed : slabBytes;
    const bytes = Buffer.allocUnsafeSlow(size);
    const slab = { bytes, workspaces: [], ends: [], times: [] };
    this.#slabs.push(slab);
    this.#last = slab;
    return slab;
  }
}
