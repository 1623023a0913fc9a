/**
 * Everything that can go wrong, as a closed set of codes that is the same in every SDK.
 *
 *     EkaError
 *     ├── ValidationError          an argument of record() is invalid: the event was not accepted
 *     ├── MetadataDegradedError    the event was accepted, with less metadata than was given
 *     ├── QueueFullError           the queue is full: the event was not accepted
 *     ├── SpoolError               the spool is full or unusable: the event was not accepted
 *     ├── ClientClosedError        record() after shutdown(): the event was not accepted
 *     ├── DeliveryError            an accepted event could not be delivered
 *     │   └── ShutdownTimeoutError … because the client was shut down first
 *     └── ConfigError              a setting is invalid: thrown by new EkaClient()
 *
 * `record()` throws none of them. All but ConfigError are passed to `onError`.
 */

import { camel, printable } from "./describe.js";
import { type ErrorCode, errorCodes } from "./generated/errors.js";
import type { ErrorInfo } from "./tables.js";

/** The base class of every error of this package. */
export class EkaError extends Error {
  /** One of the closed set, such as `"quantity.invalid"`; assert on this, not on the message. */
  readonly code: ErrorCode;
  /** The field of the event that the error is about, by its name on the wire. */
  readonly field: string | undefined;
  /** A more specific reason if the code has one, such as `"local_queue_full"`; otherwise the code. */
  readonly reason: string;

  constructor(code: ErrorCode, message: string, field?: string) {
    super(printable(message));
    const info: ErrorInfo = errorCodes[code];
    this.name = new.target.name;
    this.code = code;
    this.field = field ?? info.field;
    this.reason = info.reason ?? code;
  }
}

/** An argument of `record()` is invalid; the event was not accepted. */
export class ValidationError extends EkaError {}

/** The event was accepted, but part of its metadata was converted, cut or dropped. */
export class MetadataDegradedError extends EkaError {}

/** The queue of events that wait for Kafka is full; the event was not accepted. */
export class QueueFullError extends EkaError {}

/** The spool on disk is full or unusable; the event was not accepted. */
export class SpoolError extends EkaError {}

/** `record()` was called after `shutdown()`; the event was not accepted. */
export class ClientClosedError extends EkaError {}

/** An accepted event could not be delivered, and is not retried any more. */
export class DeliveryError extends EkaError {}

/** The client was shut down before an accepted event could be delivered. */
export class ShutdownTimeoutError extends DeliveryError {}

/** A setting is invalid; no client was created. */
export class ConfigError extends EkaError {}

/**
 * The context that `onError` receives with the error. The first four are always present; the others
 * identify the event, as far as they are known where the error arose.
 */
export interface ErrorContext {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly field: string | undefined;
  readonly topic: string;
  readonly eventId?: unknown;
  readonly workspaceId?: unknown;
  readonly product?: unknown;
  readonly metricType?: unknown;
  readonly status?: unknown;
  /** The place, from 0, of the first invalid event of those that one call was to record. */
  readonly index?: number;
}

/** Formats the message of a code with the values that are known where the error arose. */
export function message(
  code: ErrorCode,
  values: Readonly<Record<string, string | number>>,
): string {
  const { field, text }: ErrorInfo = errorCodes[code];
  const known: Readonly<Record<string, string | number>> = {
    parameter: camel(field ?? ""),
    ...values,
  };
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(known[name] ?? place));
}

/** Creates the error of an argument of `record()`. */
export function invalid(
  code: ErrorCode,
  values: Readonly<Record<string, string | number>>,
): ValidationError {
  return new ValidationError(code, message(code, values));
}
