/** Waiting and measuring, independent of the load of the machine. */

import { vi } from "vitest";

/** Waits until `check` does not throw any more. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 5 });
}

/** Starts a stopwatch of the CPU time of this process, in milliseconds. */
export function busy(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
