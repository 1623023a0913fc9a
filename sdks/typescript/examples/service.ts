/**
 * A service that records usage: each line of standard input is work done for a customer.
 *
 * EKA_KAFKA_BROKERS is the address of Kafka. At the end of the input it prints its counters.
 */

import { createInterface } from "node:readline";
import { EkaClient, findMetric } from "@eka-care/usage-sdk";

const rejected: { code: string; text: string }[] = [];
const usage = new EkaClient({
  serviceName: "typescript-service",
  onError: (error, { code }) => rejected.push({ code, text: error.message }),
});

/** Records one line: an event, amounts of one piece of work, a session, or a mistake. */
function record(line: string): void {
  const work = JSON.parse(line);
  const metric = findMetric(work.product, work.metric_type);
  if (work.kind === "amounts") {
    const amounts = work.amounts.map(([name, quantity, cost]: [string, number, number]) => [
      findMetric(work.product, name),
      quantity,
      cost,
    ]);
    usage.recordAmounts(work.workspace_id, amounts, { eventId: usage.newEventId() });
  } else if (work.kind === "session" && metric) {
    const session = usage.newEventId();
    usage.sessionStart(work.workspace_id, metric, session, { at: work.started_at });
    usage.sessionEnd(work.workspace_id, metric, session, { at: work.ended_at });
  } else if (work.kind === "mistake" && metric) {
    const eventId = usage.recordMetric(work.workspace_id, metric);
    if (eventId) {
      usage.void(work.workspace_id, metric, eventId, work.reason);
    }
  } else {
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
}

for await (const line of createInterface({ input: process.stdin })) {
  record(line);
}
await usage.shutdown();

const { accepted, delivered } = usage.stats();
console.log(JSON.stringify({ accepted, delivered, rejected }));
