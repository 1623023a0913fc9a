/** Waiting and measuring that do not depend on how busy the machine is. */

import { vi } from "vitest";

/** Waits until what is checked holds; the test's own timeout is the limit. */
export async function holds(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 5 });
}

/** A stopwatch of the milliseconds that this process itself has computed. */
export function busy(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
