/** One file of the spool, which this client owns. */

import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { spool } from "../generated/spool.js";
import type { Directory } from "./directory.js";
import { offsets } from "./header.js";
import { fileName, type SegmentName } from "./segmentName.js";

const emptySegment = Buffer.alloc(spool.segmentBytes);

/** Reads, writes and removes one file; throws the errors of the file system. */
export class Segment {
  readonly name: SegmentName;
  readonly #directory: Directory;
  #descriptor: number;
  #isOpen = true;
  readonly #number = Buffer.alloc(8);

  private constructor(directory: Directory, name: SegmentName, descriptor: number) {
    this.#directory = directory;
    this.name = name;
    this.#descriptor = descriptor;
  }

  static #createEmpty(directory: Directory, name: SegmentName): Segment | undefined {
    try {
      return new Segment(directory, name, directory.create(fileName(name)));
    } catch (error) {
      if (codeOf(error) === "EEXIST") {
        return undefined;
      }
      throw error;
    }
  }

  /**
   * Creates a segment, with its blocks allocated, so that a full disk is detected here; undefined if
   * a copy of this process has one of that name.
   */
  static create(directory: Directory, name: SegmentName, header: Buffer): Segment | undefined {
    const file = Segment.#createEmpty(directory, name);
    if (file === undefined) {
      return undefined;
    }
    try {
      file.write(emptySegment, emptySegment.length, 0);
      file.write(header, offsets.heartbeat, 0);
      return file;
    } catch (error) {
      file.remove();
      throw error;
    }
  }

  /**
   * Transfers a segment to `owner` and opens it; undefined if another client was first.
   *
   * @throws UntrustedFileError if another user may have placed or changed it.
   */
  static adopt(directory: Directory, name: SegmentName, owner: string): Segment | undefined {
    const own = { ...name, owner };
    if (!rename(directory, name, own)) {
      return undefined;
    }
    return new Segment(directory, own, directory.open(fileName(own), constants.O_RDWR));
  }

  /** Whether its descriptor is open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Reports whether the file still has this name: it has not if another client adopted it. */
  get isThere(): boolean {
    return existsSync(this.#directory.file(fileName(this.name)));
  }

  /**
   * Reports whether the file, whose records end at an offset, was removed by somebody who did not
   * deliver them. A client that adopts it fences it first, and has marked all of it as acknowledged
   * before it removes it.
   */
  isRemoved(end: number): boolean {
    if (!this.#isOpen || fstatSync(this.#descriptor).nlink > 0) {
      return false;
    }
    return !this.isFenced || this.#readNumber(offsets.ackedOffset) < end;
  }

  /** Writes it anew under its name, after the file was removed. */
  restore(): void {
    const content = this.read();
    const descriptor = this.#directory.create(fileName(this.name));
    const again = new Segment(this.#directory, this.name, descriptor);
    try {
      again.write(content, content.length, 0);
    } catch (error) {
      again.remove();
      throw error;
    }
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }

  write(bytes: Buffer, length: number, at: number): void {
    const written = writeSync(this.#descriptor, bytes, 0, length, at);
    if (written < length) {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
  }

  /** Reads up to an offset, at most a whole segment. */
  read(upTo: number = spool.segmentBytes): Buffer {
    const { size } = fstatSync(this.#descriptor);
    const bytes = Buffer.alloc(Math.max(spool.headerBytes, Math.min(size, upTo)));
    readSync(this.#descriptor, bytes, 0, bytes.length, 0);
    return bytes;
  }

  writeHeartbeat(count: bigint): void {
    this.#writeNumber(offsets.heartbeat, count);
  }

  writeAckedOffset(upTo: number): void {
    this.#writeNumber(offsets.ackedOffset, BigInt(upTo));
  }

  /** Ends the right to append permanently, which the writer detects after its next write. */
  fence(): void {
    this.write(Buffer.of(1), 1, offsets.fenced);
  }

  get isFenced(): boolean {
    readSync(this.#descriptor, this.#number, 0, 1, offsets.fenced);
    return this.#number[0] !== 0;
  }

  truncate(length: number): void {
    ftruncateSync(this.#descriptor, length);
  }

  /** Syncs to disk in the background. */
  sync(onError: (error: unknown) => void): void {
    const descriptor = this.#descriptor;
    fdatasync(descriptor, (error) => {
      if (error !== null && this.#isOpen && descriptor === this.#descriptor) {
        onError(error); // a file that was closed meanwhile needs no sync
      }
    });
  }

  /** Syncs, and blocks until the disk is done. */
  syncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  /** Closes the descriptor. */
  close(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      closeSync(this.#descriptor);
    }
  }

  /** Closes the descriptor and transfers the segment to `owner`, unless another client was first. */
  transferTo(owner: string): void {
    this.close();
    rename(this.#directory, this.name, { ...this.name, owner });
  }

  /** Removes the file; if it is gone, another client has adopted it. */
  remove(): void {
    this.close();
    rmSync(this.#directory.file(fileName(this.name)), { force: true });
  }

  #readNumber(at: number): number {
    readSync(this.#descriptor, this.#number, 0, this.#number.length, at);
    return Number(this.#number.readBigUInt64LE());
  }

  #writeNumber(at: number, value: bigint): void {
    this.#number.writeBigUInt64LE(value);
    this.write(this.#number, this.#number.length, at);
  }
}

/**
 * Renames a segment; false if another client was first, or has a file of that name. A rename would
 * replace that file, which a copy of this process may have written: a link does not.
 */
function rename(directory: Directory, from: SegmentName, to: SegmentName): boolean {
  const [source, target] = [directory.file(fileName(from)), directory.file(fileName(to))];
  if (source === target) {
    return existsSync(source);
  }
  try {
    linkSync(source, target);
  } catch (error) {
    const isTaken = codeOf(error) === "ENOENT" || codeOf(error) === "EEXIST";
    return !isTaken && renameWithoutLinks(source, target);
  }
  try {
    unlinkSync(source);
    return true;
  } catch (error) {
    rmSync(target, { force: true });
    if (codeOf(error) === "ENOENT") {
      return false; // another client was first
    }
    throw error;
  }
}

/** Renames a file on a filesystem without links. */
function renameWithoutLinks(source: string, target: string): boolean {
  if (existsSync(target)) {
    return false;
  }
  try {
    renameSync(source, target);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      return false;
    }
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
