/** The folder of the spool, which processes may share. */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { inOrder, parseName, type SegmentName } from "./segmentName.js";

const usualParent = "/var/tmp";
const onlyOwner = 0o700;

/** Where the spool is if nobody says. */
export function defaultDirectory(): string {
  const parent = existsSync(usualParent) ? usualParent : tmpdir();
  return join(parent, `eka-usage-${process.getuid?.() ?? userInfo().username}`);
}

/** The disk does not take an event. */
export class SpoolError extends Error {}

/** The disk has no room, or the directory has reached its limit. */
export class SpoolFullError extends SpoolError {}

/** Returns the error of the file system as a SpoolError. */
export function asSpoolError(error: unknown): SpoolError {
  if (error instanceof SpoolError) {
    return error;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new SpoolFullError(message)
    : new SpoolError(message);
}

/** A directory that can be used. */
export class Directory {
  readonly path: string;

  /** Makes the folder where there is none; throws where it cannot be used. */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { mode: onlyOwner });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        throw error;
      }
    }
    check(path);
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** The segments that are there, those of an origin in the order of their events. */
  segments(): SegmentName[] {
    return readdirSync(this.path)
      .map(parseName)
      .filter((name) => name !== undefined)
      .sort(inOrder);
  }

  /** How many bytes all segments have, whoever owns them. */
  bytes(): number {
    const files = readdirSync(this.path).filter((file) => parseName(file) !== undefined);
    const sizes = files.map((file) => lstatSync(this.file(file), quietly)?.size ?? 0);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Has the disk keep the names of new files, without waiting for it. */
  sync(): void {
    const descriptor = openSync(this.path, constants.O_RDONLY);
    fsync(descriptor, () => closeSync(descriptor));
  }

  /** The same, and waits. */
  syncNow(): void {
    const descriptor = openSync(this.path, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

// Others remove segments while they are listed.
const quietly = { throwIfNoEntry: false } as const;

function check(path: string): void {
  const { uid, mode } = lstatSync(path);
  const me = process.getuid?.() ?? uid;
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    throw new Error(`'${path}' is no folder (a symbolic link is none)`);
  }
  if (uid !== me) {
    throw new Error(`'${path}' belongs to user ${uid}, not to ${me}, as whom this process runs`);
  }
  if (process.getuid !== undefined && (mode & 0o777) !== onlyOwner) {
    throw new Error(`'${path}' is open to others: chmod 700 it`);
  }
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}
