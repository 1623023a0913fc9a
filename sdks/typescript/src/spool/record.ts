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
  const seed = crc32(origin);
  const records: SpooledRecord[] = [];
  let damaged = 0;
  for (let at = from; ; ) {
    const record = recordAt(segment, at, seed) ?? nextRecord(segment, at, seed);
    if (record === undefined) {
      return { records, damaged };
    }
    damaged += record.start === at ? 0 : 1;
    records.push(record);
    at = record.end;
  }
}

function nextRecord(segment: Buffer, from: number, seed: number): SpooledRecord | undefined {
  for (let at = segment.indexOf(marker, from); at !== -1; at = segment.indexOf(marker, at + 1)) {
    const record = recordAt(segment, at, seed);
    if (record !== undefined) {
      return record;
    }
  }
  return undefined;
}

function recordAt(segment: Buffer, start: number, seed: number): SpooledRecord | undefined {
  if (start + keyAt > segment.length || segment.readUInt32LE(start) !== spool.marker) {
    return undefined;
  }
  const body = start + frameBytes;
  const end = body + segment.readUInt32LE(start + 4);
  const value = start + keyAt + segment.readUInt16LE(body);
  if (value > end || end > segment.length) {
    return undefined;
  }
  if (crc32(segment.subarray(body, end), seed) !== segment.readUInt32LE(start + 8)) {
    return undefined;
  }
  return {
    start,
    end,
    key: segment.subarray(start + keyAt, value),
    value: segment.subarray(value, end),
  };
}

function emptyFrame(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  marker.copy(bytes);
  return bytes;
}
