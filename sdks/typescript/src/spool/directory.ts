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
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { spool } from "../generated/spool.js";
import {
  checkSegment,
  hasGroupRights,
  isOpenToOthers,
  isOwn,
  UntrustedFileError,
  usedBytes,
  whoMayReplace,
} from "./access.js";
import { inOrder, parseName, type SegmentName } from "./segmentName.js";

const onlyOwner = 0o700;
const onlyOwnerFile = 0o600;
const { O_RDONLY, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
// A pipe with a segment's name would block whoever opens it.
const neverWaits = O_NOFOLLOW | O_NONBLOCK;
const ownDescriptors = "/proc/self/fd";

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
  const text = message.replaceAll(/\/proc\/self\/fd\/\d+\//g, "");
  return code === "ENOSPC" || code === "EDQUOT" ? new SpoolFullError(text) : new SpoolError(text);
}

/**
 * A directory that passed the checks, and the segments in it.
 *
 * It is held open, and its files are reached through the descriptor: whoever may write to its parent
 * could otherwise move it away and put another one in its place. Node has no `openat`, so that is by
 * way of Linux's `/proc`. Elsewhere each path is used after a look at whether the directory there is
 * still the same, which leaves an attacker the moment in between.
 */
export class Directory {
  readonly path: string;
  readonly #descriptors: string;
  #descriptor: number;
  #identity: Stats;
  #base: string;
  #isHeld: boolean;
  #isOpen = true;

  /**
   * Creates the directory if it is missing, and makes it this user's alone; throws if it cannot be
   * used.
   *
   * @param descriptors Where the system shows the descriptors of this process as files.
   */
  constructor(path: string, descriptors: string = ownDescriptors) {
    this.path = path;
    this.#descriptors = descriptors;
    createDirectory(path);
    directoryStatus(path); // names what else is there
    this.#descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      this.#identity = fstatSync(this.#descriptor);
      this.#base = join(descriptors, String(this.#descriptor));
      this.#isHeld = isSame(statSync(this.#base, quietly), this.#identity);
      this.#checkAccess();
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** Returns a path of a file in it, valid until the directory is closed. */
  file(name: string): string {
    if (!this.#isOpen) {
      throw new SpoolError("the client was shut down"); // its descriptor may be another's by now
    }
    if (this.#isHeld) {
      return `${this.#base}/${name}`;
    }
    if (!isSame(lstatSync(this.path, quietly), this.#identity)) {
      throw new SpoolError(`another directory has the name '${this.path}'`);
    }
    return join(this.path, name);
  }

  /** What other users can do to the directory itself; undefined for nothing. */
  get warning(): string | undefined {
    const parent = statSync(this.file(".."), quietly);
    const why = parent && whoMayReplace(parent);
    return (
      why &&
      `other users may rename or remove ${this.path}, and with it events that are not delivered, as ` +
        `its parent ${why}; set ${spool.envPrefix}SPOOL_DIR to a directory in another one, or accept it: they ` +
        "cannot read or add events"
    );
  }

  /** Lists the segments, those of an origin in the order of their events. */
  segments(): SegmentName[] {
    return this.#names()
      .map(parseName)
      .filter((name) => name !== undefined)
      .sort(inOrder);
  }

  /** Returns the disk space of all segments in bytes, whoever owns them. */
  bytes(): number {
    const found = this.#names().map((file) => lstatSync(this.file(file), quietly));
    return found.reduce((sum, each) => sum + (each === undefined ? 0 : usedBytes(each)), 0);
  }

  /** Creates a file, and returns its descriptor. Makes the directory again if it was removed. */
  create(name: string): number {
    try {
      return this.#createFile(name);
    } catch (error) {
      if (!this.isRemoved) {
        throw error;
      }
      this.#makeAgain();
      return this.#createFile(name);
    }
  }

  /** Whether somebody removed it. */
  get isRemoved(): boolean {
    return this.#isOpen && fstatSync(this.#descriptor).nlink === 0;
  }

  /** Whether its path still leads to it. */
  get isInPlace(): boolean {
    return isSame(lstatSync(this.path, quietly), this.#identity);
  }

  /**
   * Opens a segment, and returns its descriptor.
   *
   * @throws UntrustedFileError if another user may have placed or changed it.
   */
  open(name: string, flags: number): number {
    const descriptor = openQuickly(this.file(name), flags);
    try {
      const found = fstatSync(descriptor);
      checkSegment(found);
      this.#checkLinks(descriptor, found);
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Syncs the names of new files to disk, in the background. */
  sync(): void {
    const descriptor = openSync(this.file("."), O_RDONLY);
    fsync(descriptor, () => closeSync(descriptor));
  }

  /** Syncs, and blocks until the disk is done. */
  syncNow(): void {
    fsyncSync(this.#descriptor);
  }

  close(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      closeSync(this.#descriptor);
    }
  }

  #createFile(name: string): number {
    return openSync(this.file(name), O_RDWR | O_CREAT | O_EXCL | neverWaits, onlyOwnerFile);
  }

  /** Replaces a directory that was removed by a new one, which passes the same checks. */
  #makeAgain(): void {
    let again: Directory;
    try {
      again = new Directory(this.path, this.#descriptors);
    } catch (error) {
      const reason = (error as Error).message;
      throw new SpoolError(`the directory was removed, and no other can be used: ${reason}`);
    }
    closeSync(this.#descriptor);
    this.#descriptor = again.#descriptor;
    this.#identity = again.#identity;
    this.#base = again.#base;
    this.#isHeld = again.#isHeld;
  }

  #names(): string[] {
    return readdirSync(this.file(".")).filter((file) => parseName(file) !== undefined);
  }

  /** A crash during a rename leaves two names; a link elsewhere may be another user's. */
  #checkLinks(descriptor: number, found: Stats): void {
    for (let attempt = 1; found.nlink > 1; attempt += 1) {
      const names = this.#names().map((file) => lstatSync(this.file(file), quietly));
      if (names.filter((each) => isSame(each, found)).length === found.nlink) {
        return;
      }
      if (attempt === 3) {
        throw new UntrustedFileError("it has a link outside of the spool");
      }
      found = fstatSync(descriptor); // another client may have renamed it meanwhile
    }
  }

  #checkAccess(): void {
    const { uid, mode } = this.#identity;
    if (!isOwn({ uid })) {
      const me = process.geteuid?.();
      throw new Error(`'${this.path}' belongs to user ${uid}, and this process runs as user ${me}`);
    }
    if (isOpenToOthers(mode)) {
      try {
        this.#makePrivate(mode);
      } catch (error) {
        const { message } = error as Error;
        throw new Error(
          `'${this.path}' is accessible to other users, and chmod 700 fails: ${message}`,
        );
      }
    }
    accessSync(this.path, constants.R_OK | constants.W_OK | constants.X_OK);
  }

  /** Takes the rights of other users away, which a mounted volume may have given to them. */
  #makePrivate(mode: number): void {
    if ((mode & constants.S_IWOTH) === 0) {
      for (const file of this.#names()) {
        this.#makeFilePrivate(file);
      }
    }
    fchmodSync(this.#descriptor, onlyOwner);
    if (isOpenToOthers(fstatSync(this.#descriptor).mode)) {
      throw new Error("the filesystem ignores it");
    }
  }

  #makeFilePrivate(file: string): void {
    let descriptor: number | undefined;
    try {
      descriptor = openQuickly(this.file(file), O_RDONLY);
      if (hasGroupRights(fstatSync(descriptor))) {
        fchmodSync(descriptor, onlyOwnerFile);
      }
    } catch {
      // Opening it as a segment fails too, and is reported.
    } finally {
      if (descriptor !== undefined) {
        closeSync(descriptor);
      }
    }
  }
}

// Others remove segments while they are listed.
const quietly = { throwIfNoEntry: false } as const;

function isSame(one: Stats | undefined, other: Stats): boolean {
  return one?.dev === other.dev && one.ino === other.ino;
}

/** Opens a file that exists, without waiting for the other end of a pipe. */
function openQuickly(path: string, flags: number): number {
  try {
    return openSync(path, flags | neverWaits);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP") {
      throw new UntrustedFileError("it is a symbolic link");
    }
    throw error;
  }
}

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

/** Returns the status of a directory, which may be another user's; throws if it is none. */
export function directoryStatus(path: string): Stats {
  const found = lstatSync(path);
  if (!found.isDirectory()) {
    throw new Error(`'${path}' must be a directory, and not a symbolic link`);
  }
  return found;
}
