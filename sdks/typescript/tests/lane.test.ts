import { beforeEach, expect, test, vi } from "vitest";
import { Lane } from "../src/lane.js";
import { SendError, type Transport } from "../src/transports/transport.js";
import { Workspaces } from "../src/workspace.js";

const pauses: number[] = [];

vi.mock("../src/timers.js", async (original) => ({
  ...(await original<object>()),
  setTimeout: (callback: () => void, milliseconds: number) => {
    pauses.push(milliseconds);
    callback();
    return { unref: () => undefined };
  },
}));

beforeEach(() => void pauses.splice(0));

/** Sends one event that a broker refuses for a while, and returns the pauses between the attempts. */
async function pausesOf(retryDelayMs: number, refusals: number): Promise<number[]> {
  let attempts = 0;
  const transport = {
    send: async () => {
      attempts += 1;
      if (attempts <= refusals) {
        throw new SendError("no leader", "always");
      }
    },
  } as unknown as Transport;
  const [batchBytes, deliveryTimeoutMs] = [1000, 60_000];
  const settings = { batchBytes, lateBatchBytes: batchBytes, retries: 0, retryDelayMs };
  const ignore = () => undefined;
  const lane = new Lane(
    transport,
    { ...settings, deliveryTimeoutMs, clock: Date.now },
    { delivered: ignore, failed: ignore, idle: ignore },
  );
  const workspace = new Workspaces().get("ws-1");
  lane.push({ workspace, json: "{}", acceptedAt: Date.now() });
  await lane.sendNext();
  expect(attempts).toBe(refusals + 1);
  return pauses;
}

test.each([
  { delay: 100, longest: [100, 200, 400, 800, 1000, 1000] },
  { delay: 1, longest: [1, 2, 4, 8, 16, 32] },
  { delay: 8000, longest: [8000, 8000, 8000] },
])("pauses between attempts double from $delay ms to a second", async ({ delay, longest }) => {
  const found = await pausesOf(delay, longest.length);
  expect(found).toHaveLength(longest.length);
  for (const [index, pause] of found.entries()) {
    expect(pause).toBeLessThanOrEqual(longest[index] as number);
    expect(pause).toBeGreaterThanOrEqual(0.75 * (longest[index] as number));
  }
});
