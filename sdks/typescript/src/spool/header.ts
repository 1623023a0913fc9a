/** The first bytes of a segment. */

import { crc32 } from "node:zlib";
import { spool } from "../generated/spool.js";

/** What a header says of the segment, and never changes. */
export interface Identity {
  /** Who wrote it: 16 bytes. */
  readonly origin: Buffer;
  readonly firstSeq: number;
  /** Milliseconds since 1970; for people only. */
  readonly createdAt: number;
  /** Eight bytes that tell destinations apart. */
  readonly destination: Buffer;
  readonly instanceId: string;
}

/** What stands in a header that was read. */
export interface Header {
  /** Blank where its writer died before it wrote it; newer where this package cannot read it. */
  readonly state: "good" | "blank" | "bad" | "newer";
  readonly createdAt: number;
  readonly destination: Buffer;
  readonly heartbeat: bigint;
  readonly ackedOffset: number;
}

/** Where those parts are that change. */
export const places = { heartbeat: 208, ackedOffset: 216, fenced: 224 } as const;

const at = { version: 8, crc: 12, origin: 16, firstSeq: 32, createdAt: 40, destination: 48 };
const textAt = { length: 56, text: 58 };
const fixed = places.heartbeat;

/** The header of a new segment. */
export function encodeHeader(identity: Identity): Buffer {
  const bytes = Buffer.alloc(spool.headerBytes);
  bytes.write(spool.magic, "latin1");
  bytes.writeUInt32LE(spool.version, at.version);
  identity.origin.copy(bytes, at.origin);
  bytes.writeBigUInt64LE(BigInt(identity.firstSeq), at.firstSeq);
  bytes.writeBigUInt64LE(BigInt(Math.max(0, identity.createdAt)), at.createdAt);
  identity.destination.copy(bytes, at.destination);
  // It ends with a whole character.
  const length = bytes.write(identity.instanceId, textAt.text, spool.instanceIdBytes);
  bytes.writeUInt16LE(length, textAt.length);
  bytes.writeUInt32LE(checksum(bytes), at.crc);
  return bytes;
}

/** What the first bytes of a file say. */
export function decodeHeader(bytes: Buffer): Header {
  return {
    state: state(bytes),
    createdAt: Number(bytes.readBigUInt64LE(at.createdAt)),
    destination: bytes.subarray(at.destination, at.destination + 8),
    heartbeat: bytes.readBigUInt64LE(places.heartbeat),
    ackedOffset: Number(bytes.readBigUInt64LE(places.ackedOffset)),
  };
}

function state(bytes: Buffer): Header["state"] {
  const kept = bytes.subarray(0, fixed);
  if (kept.every((byte) => byte === 0)) {
    return "blank";
  }
  const hasMagic = bytes.toString("latin1", 0, at.version) === spool.magic;
  const version = bytes.readUInt32LE(at.version);
  const isWhole = hasMagic && bytes.readUInt32LE(at.crc) === checksum(bytes) && version > 0;
  if (isWhole && version > spool.version) {
    return "newer";
  }
  const isPossible = bytes.readUInt16LE(textAt.length) <= spool.instanceIdBytes;
  return isWhole && isPossible ? "good" : "bad";
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(at.origin, fixed), crc32(bytes.subarray(0, at.crc)));
}
