/**
 * Timers and the monotonic clock, as they are even where tests replace the global ones with fake
 * timers: a wait of the client would never end.
 */

import { performance } from "node:perf_hooks";
import * as timers from "node:timers";

// Bound when the module is loaded, since a bundler or a test runner may look up each use.
export const { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = timers;

/** Returns milliseconds since an arbitrary moment, for timeouts and intervals. */
export function monotonicMs(): number {
  return performance.now();
}
