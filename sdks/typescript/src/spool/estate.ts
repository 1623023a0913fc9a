/** What other clients left behind, and who of them seems to be dead. */

import { closeSync, constants, openSync, readSync } from "node:fs";
import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { decodeHeader, type Header } from "./header.js";
import { Inherited } from "./inherited.js";
import { fileName, type SegmentName, unowned } from "./segmentName.js";

/** Who looks for segments, and for which. */
export interface Heir {
  /** Owns what it adopts. */
  readonly origin: string;
  readonly destination: Buffer;
  /** How long an owner may show no sign of life. */
  readonly leaseMs: number;
  /** How long a segment lies untouched before anybody takes it, if nothing says where it was going. */
  readonly orphanTimeoutMs: number;
  /** Says something to people. */
  readonly warn: (text: string) => void;
}

interface Sighting {
  readonly heartbeat: bigint;
  /** By `performance.now()`, once it was read. */
  readonly since: number;
}

/** Watches the segments of others, and adopts one at a time. */
export class Estate {
  readonly #directory: Directory;
  readonly #heir: Heir;
  readonly #reported = new Set<string>();
  #seen = new Map<string, Sighting>();
  #mayHave: SegmentName[] = [];

  constructor(directory: Directory, heir: Heir) {
    this.#directory = directory;
    this.#heir = heir;
  }

  /** Looks at everything; called with each heartbeat. */
  look(): void {
    const { origin, leaseMs } = this.#heir;
    const seen = new Map<string, Sighting>();
    const living = new Set<string>();
    this.#mayHave = [];
    const names = this.#directory.segments();
    for (const name of names) {
      if (name.kind !== "events" || name.owner === origin) {
        continue;
      }
      const file = fileName(name);
      const header = this.#header(file);
      if (header === undefined) {
        continue;
      }
      const before = this.#seen.get(file);
      const isSame = before?.heartbeat === header.heartbeat;
      const sighting = isSame ? before : { heartbeat: header.heartbeat, since: performance.now() };
      seen.set(file, sighting);
      const untouched = performance.now() - sighting.since;
      if (!this.#isForMe(name, header, untouched, names)) {
        continue;
      }
      // Later segments of a living origin wait, so that their order is kept, but are watched too.
      if (name.owner !== unowned && untouched < leaseMs) {
        living.add(name.origin);
      } else if (!living.has(name.origin)) {
        this.#mayHave.push(name);
      }
    }
    this.#seen = seen;
  }

  /** Takes over the next segment; undefined where there is none. */
  adopt(): Inherited | undefined {
    for (let name = this.#mayHave.shift(); name !== undefined; name = this.#mayHave.shift()) {
      if (!this.#isStillSo(name)) {
        continue;
      }
      const inherited = Inherited.adopt(this.#directory, name, this.#heir.origin);
      if (inherited !== undefined) {
        this.#reportDamage(inherited);
        return inherited;
      }
    }
    return undefined;
  }

  /** Its owner may have woken up since somebody looked. */
  #isStillSo(name: SegmentName): boolean {
    const file = fileName(name);
    const isSame = this.#header(file)?.heartbeat === this.#seen.get(file)?.heartbeat;
    return isSame || name.owner === unowned;
  }

  #isForMe(
    name: SegmentName,
    { state, destination }: Header,
    untouched: number,
    names: readonly SegmentName[],
  ): boolean {
    if (state === "newer") {
      const file = fileName(name);
      const text = `segment '${file}' is of a newer version of the format: it is left alone`;
      this.#report(file, text);
      return false;
    }
    if (state === "blank") {
      return true;
    }
    const known = state === "good" ? destination : this.#goalOf(name.origin, names);
    const isOurs = (known ?? destination).equals(this.#heir.destination);
    return isOurs || (known === undefined && untouched >= this.#heir.orphanTimeoutMs);
  }

  /** Where an origin's segments were going, by the first whose header is good. */
  #goalOf(origin: string, names: readonly SegmentName[]): Buffer | undefined {
    const beside = names.filter((name) => name.origin === origin);
    const headers = beside.map((name) => this.#header(fileName(name)));
    return headers.find((header) => header?.state === "good")?.destination;
  }

  #reportDamage({ name, damaged, hasBadHeader }: Inherited): void {
    const what = [
      ...(hasBadHeader ? ["its header"] : []),
      ...(damaged > 0 ? [`${damaged} ${damaged === 1 ? "place" : "places"} between events`] : []),
    ];
    if (what.length > 0) {
      const file = fileName(name);
      this.#report(file, `segment '${file}' is damaged: ${what.join(" and ")}; the rest is kept`);
    }
  }

  #report(file: string, text: string): void {
    if (!this.#reported.has(file)) {
      this.#reported.add(file);
      this.#heir.warn(text);
    }
  }

  /** What stands in it now; undefined where it is gone, or not to be read. */
  #header(file: string): Header | undefined {
    const bytes = Buffer.alloc(spool.headerBytes);
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
      const descriptor = openSync(this.#directory.file(file), flags);
      try {
        readSync(descriptor, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(descriptor);
      }
      return decodeHeader(bytes);
    } catch {
      return undefined;
    }
  }
}
