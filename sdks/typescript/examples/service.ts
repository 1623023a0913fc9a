/**
 * A service that records usage: each line of standard input is work done for a customer.
 *
 * EKA_KAFKA_BROKERS is the address of Kafka. At the end of the input it prints its counters.
 */

import { createInterface } from "node:readline";
import { EkaClient } from "@eka-care/usage-sdk";

const rejected: { code: string; text: string }[] = [];
const usage = new EkaClient({
  serviceName: "typescript-service",
  onError: (error, { code }) => rejected.push({ code, text: error.message }),
});

for await (const line of createInterface({ input: process.stdin })) {
  const work = JSON.parse(line);
  usage.record(
    work.workspace_id,
    work.product,
    work.metric_type,
    work.quantity,
    work.status,
    work.unit_cost,
    work.metadata,
    { eventId: work.event_id, occurredAt: work.occurred_at },
  );
}
await usage.shutdown();

const { accepted, delivered } = usage.stats();
console.log(JSON.stringify({ accepted, delivered, rejected }));
