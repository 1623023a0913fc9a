/** The header of a segment: its first 256 bytes, as docs/spool-format.md defines them. */

import { crc32 } from "node:zlib";
import { spool } from "../generated/spool.js";

/** The part of a header that never changes. */
export interface Identity {
  /** The writer: 16 bytes. */
  readonly origin: Buffer;
  readonly firstSeq: number;
  /** Milliseconds since 1970; for information only. */
  readonly createdAt: number;
  /** Eight bytes that identify topic and cluster. */
  readonly destination: Buffer;
  readonly instanceId: string;
}

/** A header as it was read. */
export interface Header {
  /** `blank` if its writer died before writing it; `newer` if only a later release can read it. */
  readonly state: "good" | "blank" | "bad" | "newer";
  readonly createdAt: number;
  readonly destination: Buffer;
  readonly heartbeat: bigint;
  readonly ackedOffset: number;
}

/** The offsets of the fields that change. */
export const offsets = { heartbeat: 208, ackedOffset: 216, fenced: 224 } as const;

const at = { version: 8, crc: 12, origin: 16, firstSeq: 32, createdAt: 40, destination: 48 };
const textAt = { length: 56, text: 58 };
const constantBytes = offsets.heartbeat;

/** Encodes the header of a new segment. */
export function encodeHeader(identity: Identity): Buffer {
  const bytes = Buffer.alloc(spool.headerBytes);
  bytes.write(spool.magic, "latin1");
  bytes.writeUInt32LE(spool.version, at.version);
  identity.origin.copy(bytes, at.origin);
  bytes.writeBigUInt64LE(BigInt(identity.firstSeq), at.firstSeq);
  bytes.writeBigUInt64LE(BigInt(Math.max(0, identity.createdAt)), at.createdAt);
  identity.destination.copy(bytes, at.destination);
  // Buffer.write() never writes half a character.
  const length = bytes.write(identity.instanceId, textAt.text, spool.instanceIdBytes);
  bytes.writeUInt16LE(length, textAt.length);
  bytes.writeUInt32LE(checksum(bytes), at.crc);
  return bytes;
}

/** Decodes the first bytes of a file, whatever they are. */
export function decodeHeader(bytes: Buffer): Header {
  return {
    state: state(bytes),
    createdAt: Number(bytes.readBigUInt64LE(at.createdAt)),
    destination: bytes.subarray(at.destination, at.destination + 8),
    heartbeat: bytes.readBigUInt64LE(offsets.heartbeat),
    ackedOffset: Number(bytes.readBigUInt64LE(offsets.ackedOffset)),
  };
}

function state(bytes: Buffer): Header["state"] {
  const constant = bytes.subarray(0, constantBytes);
  if (constant.every((byte) => byte === 0)) {
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
  return crc32(bytes.subarray(at.origin, constantBytes), crc32(bytes.subarray(0, at.crc)));
}
