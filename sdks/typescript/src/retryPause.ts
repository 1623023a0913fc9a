/** The pause before a batch is sent again. */

// A pause that is longer stays as it is.
const longestPause = 1000;

/** Returns how long to wait after an attempt, the first of which is 0: exponentially, with jitter. */
export function retryPause(firstMs: number, attempt: number): number {
  const longest = Math.min(Math.max(firstMs, longestPause), firstMs * 2 ** attempt);
  return longest * (0.75 + Math.random() / 4);
}
