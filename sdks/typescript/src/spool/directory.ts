/** The directory of the spool, which processes of one machine may share. */

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

const preferredParent = "/var/tmp";
const onlyOwner = 0o700;

/** Returns where the spool is by default. */
export function defaultDirectory(): string {
  const parent = existsSync(preferredParent) ? preferredParent : tmpdir();
  return join(parent, `eka-usage-${process.getuid?.() ?? userInfo().username}`);
}

/** An event cannot be written to disk. */
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

/** A directory that passed the checks, and the segments in it. */
export class Directory {
  readonly path: string;

  /** Creates the directory if it is missing; throws if it cannot be used. */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { mode: onlyOwner });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        throw error;
      }
    }
    checkAccess(path);
  }

  /** Returns the path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Lists the segments, those of an origin in the order of their events. */
  segments(): SegmentName[] {
    return readdirSync(this.path)
      .map(parseName)
      .filter((name) => name !== undefined)
      .sort(inOrder);
  }

  /** Returns the size of all segments in bytes, whoever owns them. */
  bytes(): number {
    const files = readdirSync(this.path).filter((file) => parseName(file) !== undefined);
    const sizes = files.map((file) => lstatSync(this.file(file), quietly)?.size ?? 0);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Syncs the names of new files to disk, in the background. */
  sync(): void {
    const descriptor = openSync(this.path, constants.O_RDONLY);
    fsync(descriptor, () => closeSync(descriptor));
  }

  /** Syncs, and blocks until the disk is done. */
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

function checkAccess(path: string): void {
  const { uid, mode } = lstatSync(path);
  const me = process.getuid?.() ?? uid;
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    throw new Error(`'${path}' must be a directory, and not a symbolic link`);
  }
  if (uid !== me) {
    throw new Error(`'${path}' belongs to user ${uid}, and this process runs as user ${me}`);
  }
  if (process.getuid !== undefined && (mode & 0o777) !== onlyOwner) {
    throw new Error(`'${path}' is accessible to other users: set its mode to 700`);
  }
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}
