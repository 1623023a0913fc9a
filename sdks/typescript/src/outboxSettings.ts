/** How an outbox batches and retries, and how much it holds. */

import type { LaneSettings } from "./lane.js";
import type { Settings } from "./settings.js";

// Brokers reject a batch of more than 1 MiB by default, headers included.
const largestBatch = 900_000;
// Events that had to wait for the batch before theirs go in larger batches, to catch up sooner.
const late = 4;

/** The settings of an outbox. */
export interface OutboxSettings extends LaneSettings {
  /** How long an event may wait for others, in milliseconds. */
  readonly lingerMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** Returns the settings of a client's outbox. */
export function outboxSettings(settings: Settings, clock: () => number): OutboxSettings {
  return {
    lingerMs: settings.kafkaLingerMs,
    batchBytes: Math.min(settings.kafkaBatchSize, largestBatch),
    lateBatchBytes: Math.min(late * settings.kafkaBatchSize, largestBatch),
    retries: settings.kafkaRetries,
    retryDelayMs: settings.kafkaRetryDelayMs,
    deliveryTimeoutMs: settings.deliveryTimeoutMs,
    clock,
    maxEvents: settings.maxQueueEvents,
    maxBytes: settings.maxQueueBytes,
  };
}
