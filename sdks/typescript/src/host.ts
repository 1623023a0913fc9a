/** The machine that events are recorded on. */

import { hostname } from "node:os";
import { limits } from "./generated/limits.js";
import { safely } from "./safely.js";

/** Returns the machine's name, cut to the length limit; `unknown` if it has none. */
export function ownHostname(): string {
  const name = safely(hostname) ?? "";
  return name.toWellFormed().trim().slice(0, limits.hostname.maxLength) || "unknown";
}
