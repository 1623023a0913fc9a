/**
 * Records: the key and the bytes of one event each, framed so that damage is detected. A group has
 * several events in one record, of which a reader finds all or none.
 */

import { crc32 } from "node:zlib";
import { spool } from "../generated/spool.js";

const frameBytes = 12;
const keyAt = frameBytes + 2;
const memberFrameBytes = 4;
// UTF-8 takes at most three bytes for one UTF-16 code unit.
const maxBytesPerUnit = 3;
const initialBytes = 65_536;

const marker = Buffer.alloc(4);
marker.writeUInt32LE(spool.marker);

/** What a record holds of one event. */
export interface Entry {
  readonly key: Buffer;
  readonly value: string | Buffer;
}

/** An event as it was read. */
export interface SpooledRecord {
  /** Where its record begins in the segment, which the other members of a group share. */
  readonly start: number;
  /** Where the next record begins. */
  readonly end: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Frames records of one origin, one after another in the same buffer. */
export class Framer {
  readonly #seed: number;
  #bytes = emptyFrame(initialBytes);

  constructor(origin: Buffer) {
    this.#seed = crc32(origin);
  }

  /** The buffer, which begins with the record framed last. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Frames a record, of one event or of a group, and returns its length. */
  frame(entries: readonly Entry[]): number {
    this.#reserve(entries);
    const [first] = entries;
    const end =
      entries.length === 1 && first !== undefined
        ? this.#put(first, frameBytes)
        : this.#putGroup(entries);
    const bytes = this.#bytes;
    bytes.writeUInt32LE(end - frameBytes, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(frameBytes, end), this.#seed), 8);
    return end;
  }

  #reserve(entries: readonly Entry[]): void {
    let most = keyAt;
    for (const { key, value } of entries) {
      const unit = typeof value === "string" ? maxBytesPerUnit : 1;
      most += memberFrameBytes + 2 + key.length + value.length * unit;
    }
    if (most > this.#bytes.length) {
      this.#bytes = emptyFrame(most);
    }
  }

  #putGroup(members: readonly Entry[]): number {
    let end = this.#bytes.writeUInt16LE(spool.groupKey, frameBytes);
    for (const member of members) {
      const start = end + memberFrameBytes;
      const after = this.#put(member, start);
      this.#bytes.writeUInt32LE(after - start, end);
      end = after;
    }
    return end;
  }

  /** Writes the body of one event, and returns where it ends. */
  #put({ key, value }: Entry, start: number): number {
    const bytes = this.#bytes;
    const at = bytes.writeUInt16LE(key.length, start) + key.length;
    bytes.set(key, at - key.length);
    if (typeof value === "string") {
      return at + bytes.write(value, at);
    }
    bytes.set(value, at);
    return at + value.length;
  }
}

/** Reads the events of a segment from an offset on, and counts the damaged places between records. */
export function readRecords(
  segment: Buffer,
  origin: Buffer,
  from: number = spool.headerBytes,
): { records: SpooledRecord[]; damaged: number } {
  const reader = new Reader(segment, crc32(origin));
  const records: SpooledRecord[] = [];
  let damaged = 0;
  for (let at = from; ; ) {
    const found = reader.recordAt(at) ?? reader.search(at + 1);
    const [first] = found ?? [];
    const isDamaged = first === undefined ? reader.gaveUp : first.start !== at;
    damaged += Number(isDamaged);
    if (found === undefined || first === undefined) {
      return { records, damaged };
    }
    for (const record of found) {
      records.push(record);
    }
    at = first.end;
  }
}

/** Finds the records of a segment. */
class Reader {
  readonly #segment: Buffer;
  readonly #seed: number;
  // How many bytes of bodies may still be checked in vain: a segment in which each marker announces a
  // long record would take seconds.
  #budget: number = spool.searchBytes;

  constructor(segment: Buffer, seed: number) {
    this.#segment = segment;
    this.#seed = seed;
  }

  /** Whether so much was checked in vain that the rest counts as damaged. */
  get gaveUp(): boolean {
    return this.#budget <= 0;
  }

  /**
   * Returns the events of the next record; undefined if there is none, or too much has to be checked
   * for it.
   */
  search(from: number): SpooledRecord[] | undefined {
    const segment = this.#segment;
    for (
      let at = segment.indexOf(marker, from);
      at !== -1 && !this.gaveUp;
      at = segment.indexOf(marker, at + 1)
    ) {
      const record = this.recordAt(at);
      if (record !== undefined) {
        return record;
      }
    }
    return undefined;
  }

  /** Returns the events of the record at an offset; undefined if there is none. */
  recordAt(start: number): SpooledRecord[] | undefined {
    if (!this.#hasMarker(start)) {
      return undefined;
    }
    const segment = this.#segment;
    const body = start + frameBytes;
    const length = segment.readUInt32LE(start + 4);
    const end = body + length;
    const keyLength = segment.readUInt16LE(body);
    const isPossible = keyLength === spool.groupKey || keyAt + keyLength <= frameBytes + length;
    if (!isPossible || end > segment.length) {
      return undefined;
    }
    if (crc32(segment.subarray(body, end), this.#seed) !== segment.readUInt32LE(start + 8)) {
      this.#budget -= length;
      return undefined;
    }
    return keyLength === spool.groupKey
      ? this.#members(start, end)
      : [this.#event(start, end, body, end)];
  }

  /** Returns the members of a group; undefined if their lengths do not add up to that of the record. */
  #members(start: number, end: number): SpooledRecord[] | undefined {
    const segment = this.#segment;
    const members: SpooledRecord[] = [];
    for (let at = start + keyAt; at < end; ) {
      const from = at + memberFrameBytes;
      at = from + (from <= end ? segment.readUInt32LE(at) : 0);
      const isPossible = from + 2 <= at && at <= end;
      if (!isPossible || from + 2 + segment.readUInt16LE(from) > at) {
        return undefined;
      }
      members.push(this.#event(start, end, from, at));
    }
    return members.length > 0 ? members : undefined;
  }

  /** Returns the event of a record, whose body is at `from` and ends before `to`. */
  #event(start: number, end: number, from: number, to: number): SpooledRecord {
    const segment = this.#segment;
    const key = from + 2;
    const value = key + segment.readUInt16LE(from);
    return { start, end, key: segment.subarray(key, value), value: segment.subarray(value, to) };
  }

  #hasMarker(start: number): boolean {
    const isInside = start + keyAt <= this.#segment.length;
    return isInside && this.#segment.readUInt32LE(start) === spool.marker;
  }
}

function emptyFrame(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  marker.copy(bytes);
  return bytes;
}
