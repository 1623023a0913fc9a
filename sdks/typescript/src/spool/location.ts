/** Chooses the directory of a spool: the configured one, one of its own in it, or a default. */

import { mkdirSync, readdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { spool } from "../generated/spool.js";
import { isForAll, isOpenToOthers, isOwn } from "./access.js";
import { createDirectory, Directory, directoryStatus } from "./directory.js";
import { parseName } from "./segmentName.js";

const preservedParent = "/var/tmp";
const temporaryParent = "/tmp";

/**
 * Returns the directory of the spool, which exists and is this user's alone; throws if there is none.
 *
 * @param configured A directory that is this user's, or a shared one such as a mounted volume, in
 * which this user's is a directory of its own. By default the first that can be used.
 */
export function locate(configured: string | undefined): Directory {
  if (configured !== undefined) {
    createDirectory(configured);
    return new Directory(isShared(configured) ? ownDirectory(configured) : configured);
  }
  makeStateDirectories();
  const reasons: string[] = [];
  for (const parent of defaultParents()) {
    try {
      return new Directory(ownDirectory(parent));
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new Error(reasons.join("; "));
}

/**
 * Returns what the spool may be in: first where no other user can take its name, then what outlives a
 * restart of the machine.
 */
function defaultParents(): ReadonlySet<string> {
  const { STATE_DIRECTORY = "", XDG_STATE_HOME = "", TMPDIR } = process.env;
  const [systemd = ""] = STATE_DIRECTORY.split(":"); // one for each directory of the unit's
  const own = [systemd, XDG_STATE_HOME, homeState().at(-1) ?? ""].filter(isOwnDirectory);
  return new Set([...own, preservedParent, TMPDIR || temporaryParent]);
}

/** Returns the directories of the user's state in their home, the outer one first; none without one. */
function homeState(): string[] {
  const home = process.env["HOME"] ?? "";
  const local = join(home, ".local");
  return isOwnDirectory(home) ? [local, join(local, "state")] : [];
}

/** Makes the directories of the user's state that are missing. */
function makeStateDirectories(): void {
  for (const path of [process.env["XDG_STATE_HOME"] ?? "", ...homeState()]) {
    try {
      if (isOwnDirectory(dirname(path))) {
        mkdirSync(path, { mode: 0o700 });
      }
    } catch {
      // It exists, or its filesystem is read-only.
    }
  }
}

/** Reports whether an absolute path is a directory that this user owns, except the root. */
function isOwnDirectory(path: string): boolean {
  try {
    const found = isAbsolute(path) && resolve(path) !== "/" ? statSync(path) : undefined;
    return found?.isDirectory() === true && isOwn(found);
  } catch {
    return false; // it is missing, or below a directory that this user may not enter
  }
}

function ownDirectory(parent: string): string {
  return join(parent, `${spool.clientName}-${process.geteuid?.() ?? userInfo().username}`);
}

/**
 * Reports whether a directory is not for this user alone, nor meant to be.
 *
 * One that others may enter, but not write, and that holds nothing but segments was a spool before
 * its volume was mounted again, or is a new volume of this user's.
 */
function isShared(path: string): boolean {
  const found = directoryStatus(path);
  if (!isOwn(found)) {
    return true;
  }
  if (!isOpenToOthers(found.mode)) {
    return false;
  }
  return isForAll(found.mode) || readdirSync(path).some((file) => parseName(file) === undefined);
}
