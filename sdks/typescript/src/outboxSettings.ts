import type { LaneSettings } from "./lane.js";
import type { Settings } from "./settings.js";

/** How an outbox sends, and how much it holds. */
export interface OutboxSettings extends LaneSettings {
  /** How long an event may wait for others, in milliseconds. */
  readonly lingerMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What an outbox needs of the settings. */
export function outboxSettings(settings: Settings, clock: () => number): OutboxSettings {
  return {
    lingerMs: settings.kafkaLingerMs,
    batchBytes: Math.min(settings.kafkaBatchSize, largestBatch),
    lateBatchBytes: Math.min(late * settings.kafkaBatchSize, largestBatch),
    retries: settings.kafkaRetries,
    deliveryTimeoutMs: settings.deliveryTimeoutMs,
    clock,
    maxEvents: settings.maxQueueEvents,
    maxBytes: settings.maxQueueBytes,
  };
}

// Brokers refuse a batch of more than 1 MiB by default, headers included.
const largestBatch = 900_000;
// A batch that had to wait for the one before it has grown; sent whole, it catches up sooner.
const late = 4;
