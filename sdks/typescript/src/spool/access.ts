/** Which directories and files are this user's alone, so that no other user can have placed them. */

import { constants, type Stats } from "node:fs";
import { spool } from "../generated/spool.js";

const othersAny = 0o077;
const othersWrite = 0o022;
const groupWrite = 0o020;
const sticky = 0o1000;
const blockBytes = 512; // the unit of st_blocks, whatever the filesystem's blocks are

/** A file with a segment's name may be another user's; the message is the reason. */
export class UntrustedFileError extends Error {}

/** Reports whether a file belongs to the user of this process, or the system has no such notion. */
export function isOwn({ uid }: { uid: number }): boolean {
  return process.geteuid === undefined || uid === process.geteuid();
}

/** Reports whether users other than the owner may do anything in a directory of this mode. */
export function isOpenToOthers(mode: number): boolean {
  return process.geteuid !== undefined && (mode & othersAny) !== 0;
}

/** Reports whether every user may write to a directory, at most keeping off what others own. */
export function isForAll(mode: number): boolean {
  return (mode & (sticky | constants.S_IWOTH)) !== 0;
}

/** Returns why users other than root may rename what is in a directory; undefined if none may. */
export function whoMayReplace(parent: Stats): string | undefined {
  if (parent.uid !== 0 && !isOwn(parent)) {
    return `belongs to user ${parent.uid}`;
  }
  const byGroup = (parent.mode & groupWrite) !== 0 && !isOwn(parent);
  const isWritable = (parent.mode & constants.S_IWOTH) !== 0 || byGroup;
  return process.geteuid !== undefined && isWritable && (parent.mode & sticky) === 0
    ? "may be written by others, and has no sticky bit"
    : undefined;
}

/**
 * Checks the status of an open file, except for its links.
 *
 * @throws UntrustedFileError if another user may have placed or changed it, or it is no segment.
 */
export function checkSegment(found: Stats): void {
  if (!found.isFile()) {
    throw new UntrustedFileError("it is not a regular file");
  }
  if (!isOwn(found)) {
    throw new UntrustedFileError(`it belongs to user ${found.uid}`);
  }
  if (process.geteuid !== undefined && (found.mode & othersWrite) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
    throw new UntrustedFileError(`others may write it: its mode is ${mode}`);
  }
  if (found.size > spool.segmentBytes) {
    throw new UntrustedFileError(`it is longer than a segment: ${found.size} bytes`);
  }
}

/** Reports whether a mount with fsGroup gave the group rights to a segment of this user's. */
export function hasGroupRights(found: Stats): boolean {
  const isSegment = found.isFile() && isOwn(found) && found.nlink === 1;
  return isSegment && isOpenToOthers(found.mode) && (found.mode & constants.S_IWOTH) === 0;
}

/** Returns the disk space of a file: one with holes has fewer blocks than its length. */
export function usedBytes(found: Stats): number {
  const blocks = found.blocks === undefined ? found.size : found.blocks * blockBytes;
  return found.isFile() ? Math.min(found.size, blocks) : 0;
}
