/**
 * Measures recordMany(), 100 events in one call, against as many record()s by name: in memory, and in
 * `durable`, where the events of one call are one write. The values of both are built meanwhile.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as sdk from "../src/index.js";
import { burst, bursts, compare, EkaClient, metrics, room, workspace } from "./measure.ts";

const folder = mkdtempSync(join(tmpdir(), "eka-bench-"));
const batch = 100;
const { api_call } = metrics.api;

function clientIn(spool: "off" | "durable"): sdk.EkaClient {
  return new EkaClient({
    serviceName: "bench",
    producer: { send: async () => undefined },
    flushIntervalMs: 900_000,
    batchSize: 2 ** 31 - 1,
    spool,
    spoolDir: folder,
    ...room,
  });
}

function many(client: sdk.EkaClient): void {
  for (let first = 0; first < burst; first += batch) {
    const events: sdk.UsageInput[] = [];
    for (let number = first; number < first + batch; number += 1) {
      events.push({ workspaceId: workspace(number), ...api_call, quantity: 3 });
    }
    client.recordMany(events);
  }
}

function single(client: sdk.EkaClient): void {
  for (let number = 0; number < burst; number += 1) {
    client.record(workspace(number), api_call, { quantity: 3 });
  }
}

// In memory both encode each event, and neither is faster by much.
const limits = { off: {}, durable: { at_most: 0.6 } } as const;
for (const spool of ["off", "durable"] as const) {
  const client = clientIn(spool);
  const recording = (work: (client: sdk.EkaClient) => void) => () =>
    bursts(
      () => work(client),
      () => client.flush(),
    );
  const where = spool === "off" ? "" : `, ${spool}`;
  await compare(
    { what: `recordMany()${where}: caller`, floor: "record() by name", ...limits[spool] },
    recording(many),
    recording(single),
  );
  await client.shutdown();
}
rmSync(folder, { recursive: true });
