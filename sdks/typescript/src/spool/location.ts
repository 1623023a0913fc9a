/** Chooses the directory of a spool: the configured one, one of its own in it, or a default. */

import { constants, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createDirectory, Directory, directoryStatus, isOpenToOthers } from "./directory.js";
import { parseName } from "./segmentName.js";

const preservedParent = "/var/tmp";
const temporaryParent = "/tmp";
const sticky = 0o1000;

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
  const reasons: string[] = [];
  for (const parent of new Set([preservedParent, process.env["TMPDIR"] || temporaryParent])) {
    try {
      return new Directory(ownDirectory(parent));
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new Error(reasons.join("; "));
}

function ownDirectory(parent: string): string {
  return join(parent, `eka-usage-${process.geteuid?.() ?? userInfo().username}`);
}

/**
 * Reports whether a directory is not for this user alone, nor meant to be.
 *
 * One that others may enter, but not write, and that holds nothing but segments was a spool before
 * its volume was mounted again, or is a new volume of this user's.
 */
function isShared(path: string): boolean {
  const { isOwn, mode } = directoryStatus(path);
  if (!isOwn) {
    return true;
  }
  if (!isOpenToOthers(mode)) {
    return false;
  }
  const isForAll = (mode & (sticky | constants.S_IWOTH)) !== 0;
  return isForAll || readdirSync(path).some((file) => parseName(file) === undefined);
}
