/** The file of a segment that this client owns. */

import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { places } from "./header.js";
import { fileName, type SegmentName } from "./segmentName.js";

const ownOnly = 0o600;
const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** Reads, marks and removes one file; what it throws is of the file system. */
export class Segment {
  readonly name: SegmentName;
  readonly #directory: Directory;
  readonly #descriptor: number;
  #isOpen = true;
  readonly #number = Buffer.alloc(8);

  private constructor(directory: Directory, name: SegmentName, flags: number) {
    this.#directory = directory;
    this.name = name;
    this.#descriptor = openSync(
      directory.file(fileName(name)),
      O_RDWR | O_NOFOLLOW | flags,
      ownOnly,
    );
  }

  /** A new one, whose blocks are its own from now on. */
  static create(directory: Directory, name: SegmentName, header: Buffer): Segment {
    const file = new Segment(directory, name, O_CREAT | O_EXCL);
    try {
      file.write(emptySegment, emptySegment.length, 0);
      file.write(header, places.heartbeat, 0);
      return file;
    } catch (error) {
      file.remove();
      throw error;
    }
  }

  /** Makes `owner` the owner of a segment, and opens it; undefined where another client was first. */
  static adopt(directory: Directory, name: SegmentName, owner: string): Segment | undefined {
    const own = { ...name, owner };
    return rename(directory, name, own) ? new Segment(directory, own, 0) : undefined;
  }

  /** Whether it can be read and written. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether nobody has taken it over and removed it. */
  get isThere(): boolean {
    return existsSync(this.#directory.file(fileName(this.name)));
  }

  write(bytes: Buffer, length: number, at: number): void {
    const written = writeSync(this.#descriptor, bytes, 0, length, at);
    if (written < length) {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
  }

  /** Reads up to a place, or to the end of what a segment may have. */
  read(upTo: number = spool.segmentBytes): Buffer {
    const { size } = fstatSync(this.#descriptor);
    const bytes = Buffer.alloc(Math.max(spool.headerBytes, Math.min(size, upTo)));
    readSync(this.#descriptor, bytes, 0, bytes.length, 0);
    return bytes;
  }

  writeHeartbeat(count: bigint): void {
    this.#mark(places.heartbeat, count);
  }

  writeAckedOffset(upTo: number): void {
    this.#mark(places.ackedOffset, BigInt(upTo));
  }

  fence(): void {
    this.write(Buffer.of(1), 1, places.fenced);
  }

  get isFenced(): boolean {
    readSync(this.#descriptor, this.#number, 0, 1, places.fenced);
    return this.#number[0] !== 0;
  }

  truncate(length: number): void {
    ftruncateSync(this.#descriptor, length);
  }

  /** Has the disk keep what was written, without waiting for it. */
  sync(failed: (error: unknown) => void): void {
    fdatasync(this.#descriptor, (error) => {
      if (error !== null && this.#isOpen) {
        failed(error); // a segment that is gone by then needs no disk
      }
    });
  }

  /** The same, and waits. */
  syncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  /** Closes it and makes `owner` its owner, unless another client was first. */
  transferTo(owner: string): void {
    this.close();
    rename(this.#directory, this.name, { ...this.name, owner });
  }

  /** Removes it; if it is gone, another client has taken it over. */
  remove(): void {
    this.close();
    rmSync(this.#directory.file(fileName(this.name)), { force: true });
  }

  #mark(at: number, value: bigint): void {
    this.#number.writeBigUInt64LE(value);
    this.write(this.#number, this.#number.length, at);
  }

  /** Has nothing more to do with it. */
  close(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      closeSync(this.#descriptor);
    }
  }
}

/** Renames a segment; false where another client was first. */
function rename(directory: Directory, from: SegmentName, to: SegmentName): boolean {
  try {
    renameSync(directory.file(fileName(from)), directory.file(fileName(to)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return false;
    }
    throw error;
  }
}

const emptySegment = Buffer.alloc(spool.segmentBytes);
