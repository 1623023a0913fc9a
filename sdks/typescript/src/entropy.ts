/** Random bytes that stay unique when the memory of the process is copied. */

import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { safely } from "./safely.js";

/**
 * Returns random bytes that no copy of the process's memory has in common: OpenSSL's generator, which
 * is part of that memory, combined with the kernel's where the system has it as a file.
 */
export function freshBytes(size: number): Buffer {
  const bytes = randomBytes(size);
  const fresh = safely(() => fromKernel(size));
  return fresh === undefined ? bytes : Buffer.from(bytes.map((byte, i) => byte ^ (fresh[i] ?? 0)));
}

function fromKernel(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const file = openSync("/dev/urandom", "r");
  try {
    readSync(file, bytes);
  } finally {
    closeSync(file);
  }
  return bytes;
}
