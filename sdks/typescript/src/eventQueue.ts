/**
 * Encoded events in the order in which they were accepted.
 *
 * Their bytes lie side by side in slabs: an event costs little more than its own length, however
 * many wait, and there is next to nothing for the garbage collector to trace.
 */

import type { Encoded } from "./event.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import type { Message } from "./transports/transport.js";
import type { Workspace } from "./workspace.js";

/** One encoded event on its way. */
export interface QueuedEvent extends Message {
  readonly workspace: Workspace;
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedAt: number;
  /** Where it is on disk, if it is. */
  readonly group: AckGroup | undefined;
}

/** What there is to know of an event that comes. */
export type Arrival = Pick<Encoded, "workspace" | "json" | "acceptedAt">;

// A queue that is nearly empty costs nearly nothing; one that fills up is worth larger slabs.
const smallestSlab = 1_024;
const largestSlab = 65_536;
/** UTF-8 takes at most three bytes for a character of a string. */
const widest = 3;

interface Slab {
  readonly bytes: Buffer;
  end: number;
  readonly workspaces: Workspace[];
  readonly ends: number[];
  readonly times: number[];
  readonly groups: (AckGroup | undefined)[];
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

  /** Appends an event, and returns how many bytes it has. */
  push({ workspace, json, acceptedAt }: Arrival, group?: AckGroup): number {
    let slab = this.#last;
    if (slab === undefined || slab.bytes.length - slab.end < json.length * widest) {
      slab = this.#slabFor(Buffer.byteLength(json));
    }
    const written = slab.bytes.write(json, slab.end);
    slab.end += written;
    slab.ends.push(slab.end);
    slab.workspaces.push(workspace);
    slab.times.push(acceptedAt);
    slab.groups.push(group);
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
        const [acceptedAt, group] = [slab.times[at] as number, slab.groups[at]];
        events.push({ workspace, value, acceptedAt, group });
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

  /** The slab that has room for so many bytes; a large event gets one of its own length. */
  #slabFor(needed: number): Slab {
    const last = this.#last;
    if (last !== undefined && last.bytes.length - last.end >= needed) {
      return last;
    }
    const usual = Math.min(largestSlab, Math.max(smallestSlab, 2 * (last?.bytes.length ?? 0)));
    const bytes = Buffer.allocUnsafeSlow(needed > usual / 2 ? needed : usual);
    const slab: Slab = { bytes, end: 0, ends: [], workspaces: [], times: [], groups: [] };
    this.#slabs.push(slab);
    this.#last = slab;
    return slab;
  }
}
