/**
 * A queue of encoded events, in the order in which they were accepted.
 *
 * Their bytes are stored side by side in slabs: an event costs little more than its own length, and
 * the garbage collector has next to nothing to trace, however many are queued.
 */

import type { Encoded } from "./event.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import type { Message } from "./transports/transport.js";
import type { Workspace } from "./workspace.js";

/** One encoded event in the queue. */
export interface QueuedEvent extends Message {
  readonly workspace: Workspace;
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedAt: number;
  /** Its acknowledgement group in the spool, if it is on disk. */
  readonly group: AckGroup | undefined;
}

/** An event to be queued. */
export type Arrival = Pick<Encoded, "workspace" | "json" | "acceptedAt">;

// A nearly empty queue costs next to nothing; one that fills up is worth larger slabs.
const smallestSlab = 1_024;
const largestSlab = 65_536;
/** UTF-8 takes at most three bytes for one UTF-16 code unit. */
const maxBytesPerUnit = 3;

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

  /** The number of queued events. */
  get length(): number {
    return this.#length;
  }

  /** Their size in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends an event, and returns its size in bytes. */
  push({ workspace, json, acceptedAt }: Arrival, group?: AckGroup): number {
    let slab = this.#last;
    if (slab === undefined || slab.bytes.length - slab.end < json.length * maxBytesPerUnit) {
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

  /** Appends events as `push()` does, but writes their bytes at once. */
  pushAll(events: readonly Arrival[], group?: AckGroup): number {
    let all = "";
    for (const { json } of events) {
      all += json;
    }
    const slab = this.#slabFor(Buffer.byteLength(all));
    const written = slab.bytes.write(all, slab.end);
    const isAscii = written === all.length;
    for (const { workspace, json, acceptedAt } of events) {
      slab.end += isAscii ? json.length : Buffer.byteLength(json);
      slab.ends.push(slab.end);
      slab.workspaces.push(workspace);
      slab.times.push(acceptedAt);
      slab.groups.push(group);
    }
    this.#length += events.length;
    this.#bytes += written;
    return written;
  }

  /** Removes the first events: at least one, and no more than `mostBytes` if that is possible. */
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

  /** Returns a slab with room for `needed` bytes; a large event gets one of its own length. */
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
