/** The arguments of the calls that record several events at once, and their limits. */

import type { CallValues } from "./callOptions.js";
import * as checks from "./checks.js";
import { describeError, describeValue } from "./describe.js";
import { message, ValidationError } from "./errors.js";
import type { Encoded } from "./event.js";
import { batchCostField, batchMaxBytes, batchMaxEvents } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import type { Metric } from "./metric.js";
import type { Identity, Rejected } from "./outcomes.js";
import { safely } from "./safely.js";

/** UTF-8 takes at most three bytes for one UTF-16 code unit. */
const maxBytesPerUnit = 3;

/** One amount of a piece of work. */
export interface MeteredAmount {
  readonly metric: Metric;
  readonly quantity: unknown;
  readonly cost: unknown;
}

/** Reports whether this is a list. */
function isList(given: unknown): given is readonly unknown[] {
  return safely(() => Array.isArray(given)) === true;
}

/**
 * Returns a copy of a list, or a list itself that is too long; throws a ValidationError if it is none.
 *
 * The list of a caller may be a proxy, so that each of its elements is read once, and here.
 */
export function listOf(parameter: string, given: unknown): readonly unknown[] {
  if (!isList(given)) {
    throw invalidBatch(parameter, `expected an array, got ${describeValue(given)}`);
  }
  try {
    const { length } = given;
    return length > batchMaxEvents ? given : Array.from({ length }, (_, index) => given[index]);
  } catch (error) {
    throw invalidBatch(parameter, `it cannot be read: ${describeError(error)}`);
  }
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
export function aboutEvent(call: unknown): Rejected {
  const read = () => {
    const { eventId, workspaceId, product, metricType, status, quantity } = call as CallValues;
    const identity = { eventId, workspaceId, product, metricType, status };
    return { identity, quantity: withDefault(quantity) };
  };
  return safely(() => (call instanceof Object ? read() : undefined)) ?? { identity: {} };
}

/** Returns what is known of one amount, as far as it can be read, beside what all of them share. */
export function aboutAmount(amount: unknown, shared: Identity): Rejected {
  const read = () => {
    const [metric, quantity] = amount as readonly unknown[];
    return { identity: { ...shared, ...checks.metricNames(metric) }, quantity };
  };
  return safely(read) ?? { identity: shared };
}

/** Returns the quantity of an event for which none is given. */
export function withDefault(quantity: unknown): unknown {
  return quantity === undefined ? limits.quantity.default : quantity;
}

/** Returns the error of a call that records several events. */
export function invalidBatch(parameter: string, hint: string): ValidationError {
  return new ValidationError("batch.invalid", message("batch.invalid", { parameter, hint }));
}
