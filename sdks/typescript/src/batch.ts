/** The arguments of the calls that record several events at once, and their limits. */

import * as checks from "./checks.js";
import { describeValue } from "./describe.js";
import { message, ValidationError } from "./errors.js";
import type { Encoded } from "./event.js";
import { batchCostField, batchMaxBytes, batchMaxEvents } from "./generated/constants.js";
import type { Metric } from "./metric.js";
import type { Identity } from "./outcomes.js";
import { safely } from "./safely.js";

/** UTF-8 takes at most three bytes for one UTF-16 code unit. */
const maxBytesPerUnit = 3;

/** One amount of a piece of work. */
export interface MeteredAmount {
  readonly metric: Metric;
  readonly quantity: unknown;
  readonly cost: unknown;
}

/** Returns a list as it was given; throws a ValidationError if it is none. */
export function listOf(parameter: string, given: unknown): readonly unknown[] {
  if (safely(() => Array.isArray(given)) !== true) {
    throw invalidBatch(parameter, `expected an array, got ${describeValue(given)}`);
  }
  return given as readonly unknown[];
}

/** Throws a ValidationError if one call may not record so many events. */
export function checkCount(parameter: string, count: number, least: number): void {
  if (count < least || count > batchMaxEvents) {
    throw invalidBatch(parameter, `expected ${least} to ${batchMaxEvents}, got ${count}`);
  }
}

/** Reads one amount, whose metric is added to those of the call; throws a ValidationError. */
export function amountOf(given: unknown, known: Set<string>): MeteredAmount {
  const [metric, quantity, cost] = listOf("amounts", given);
  const { product, metricType } = checks.metricNames(metric);
  const name = `${String(product)}.${String(metricType)}`;
  if (known.has(name)) {
    throw invalidBatch("amounts", `${name} is there twice`);
  }
  if (cost != null && !batchCostField) {
    throw invalidBatch("amounts", "the catalog has no field for their cost");
  }
  known.add(name);
  return { metric: { product, metricType } as Metric, quantity, cost };
}

/** Throws a ValidationError if the events have more bytes than one call may record. */
export function checkSize(events: readonly Encoded[]): void {
  let units = 0;
  for (const { json } of events) {
    units += json.length;
  }
  if (units * maxBytesPerUnit <= batchMaxBytes) {
    return; // most are far from the limit, and counting bytes takes time
  }
  const bytes = events.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0);
  if (bytes > batchMaxBytes) {
    throw invalidBatch("events", `expected at most ${batchMaxBytes} bytes, got ${bytes}`);
  }
}

/** Returns what is known of one event of a batch, as far as it can be read. */
export function identityOf(call: unknown): Identity {
  const read = () => {
    const { eventId, workspaceId, product, metricType, status } = Object(call) as Identity;
    return { eventId, workspaceId, product, metricType, status };
  };
  return safely(read) ?? {};
}

/** Returns the names of the metric of an amount, as far as they can be read. */
export function metricOf(amount: unknown): Identity {
  const { product, metricType } = identityOf(safely(() => Object(amount)[0]));
  return { product, metricType };
}

/** Returns the error of a call that records several events. */
export function invalidBatch(parameter: string, hint: string): ValidationError {
  return new ValidationError("batch.invalid", message("batch.invalid", { parameter, hint }));
}
