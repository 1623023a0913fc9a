/** Records: the key and the bytes of one event each, framed so that damage is detected. */

import { crc32 } from "node:zlib";
import { spool } from "../generated/spool.js";

const frameBytes = 12;
const keyAt = frameBytes + 2;
// UTF-8 takes at most three bytes for one UTF-16 code unit.
const maxBytesPerUnit = 3;
const initialBytes = 65_536;

const marker = Buffer.alloc(4);
marker.writeUInt32LE(spool.marker);

/** A record as it was read. */
export interface SpooledRecord {
  /** Where it begins in the segment. */
  readonly start: number;
  /** Where the next one begins. */
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

  /** Frames a record, and returns its length. */
  frame(key: Buffer, value: string | Buffer): number {
    const start = keyAt + key.length;
    const most = start + value.length * (typeof value === "string" ? maxBytesPerUnit : 1);
    if (most > this.#bytes.length) {
      this.#bytes = emptyFrame(most);
    }
    const bytes = this.#bytes;
    bytes.writeUInt16LE(key.length, frameBytes);
    bytes.set(key, keyAt);
    const end = start + (typeof value === "string" ? bytes.write(value, start) : value.length);
    if (typeof value !== "string") {
      bytes.set(value, start);
    }
    bytes.writeUInt32LE(end - frameBytes, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(frameBytes, end), this.#seed), 8);
    return end;
  }
}

/** Reads the records of a segment from an offset on, and counts the damaged places between them. */
export function readRecords(
  segment: Buffer,
  origin: Buffer,
  from: number = spool.headerBytes,
): { records: SpooledRecord[]; damaged: number } {
  const reader = new Reader(segment, crc32(origin));
  const records: SpooledRecord[] = [];
  let damaged = 0;
  for (let at = from; ; ) {
    const record = reader.recordAt(at) ?? reader.search(at + 1);
    const isDamaged = record === undefined ? reader.gaveUp : record.start !== at;
    damaged += Number(isDamaged);
    if (record === undefined) {
      return { records, damaged };
    }
    records.push(record);
    at = record.end;
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

  /** Returns the next record; undefined if there is none, or too much has to be checked for it. */
  search(from: number): SpooledRecord | undefined {
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

  recordAt(start: number): SpooledRecord | undefined {
    if (!this.#hasMarker(start)) {
      return undefined;
    }
    const segment = this.#segment;
    const body = start + frameBytes;
    const length = segment.readUInt32LE(start + 4);
    const end = body + length;
    const value = start + keyAt + segment.readUInt16LE(body);
    if (value > end || end > segment.length) {
      return undefined;
    }
    if (crc32(segment.subarray(body, end), this.#seed) !== segment.readUInt32LE(start + 8)) {
      this.#budget -= length;
      return undefined;
    }
    return {
      start,
      end,
      key: segment.subarray(start + keyAt, value),
      value: segment.subarray(value, end),
    };
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
