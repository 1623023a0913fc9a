/** The directory of the spool, which processes of one machine may share. */

import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
} from "node:fs";
import { join } from "node:path";
import { inOrder, parseName, type SegmentName } from "./segmentName.js";

const onlyOwner = 0o700;
const others = 0o077;

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

  /**
   * Creates the directory if it is missing, and makes it this user's alone; throws if it cannot be
   * used.
   */
  constructor(path: string) {
    this.path = path;
    createDirectory(path);
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

/** Creates a directory for this user alone, if nothing has its name. */
export function createDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: onlyOwner });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  }
}

/** Returns owner and mode of a directory, which may be another user's; throws if it is none. */
export function directoryStatus(path: string): { isOwn: boolean; uid: number; mode: number } {
  const { uid, mode } = lstatSync(path);
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    throw new Error(`'${path}' must be a directory, and not a symbolic link`);
  }
  return { isOwn: uid === (process.geteuid?.() ?? uid), uid, mode };
}

/** Reports whether users other than the owner may do anything in a directory of this mode. */
export function isOpenToOthers(mode: number): boolean {
  return process.geteuid !== undefined && (mode & others) !== 0;
}

function checkAccess(path: string): void {
  const { isOwn, uid, mode } = directoryStatus(path);
  if (!isOwn) {
    const me = process.geteuid?.();
    throw new Error(`'${path}' belongs to user ${uid}, and this process runs as user ${me}`);
  }
  if (isOpenToOthers(mode)) {
    makePrivate(path);
  }
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** Takes the rights of other users away, which a mounted volume may have given to them. */
function makePrivate(path: string): void {
  // By descriptor: in a shared directory, another user may replace what has this name.
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const descriptor = openSync(path, flags);
  try {
    if (fstatSync(descriptor).uid === process.geteuid?.()) {
      fchmodSync(descriptor, onlyOwner);
    }
    if (isOpenToOthers(fstatSync(descriptor).mode)) {
      throw new Error("the filesystem ignores it");
    }
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`'${path}' is accessible to other users, and chmod 700 fails: ${message}`);
  } finally {
    closeSync(descriptor);
  }
}
