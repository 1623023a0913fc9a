/**
 * What can go wrong, as a closed set of codes that is the same in every SDK.
 *
 *     EkaError
 *     ├── ValidationError          an argument of record() is wrong: the event was not accepted
 *     ├── MetadataDegradedError    the event was accepted with less metadata than was given
 *     ├── QueueFullError           too many events wait for Kafka: the event was not accepted
 *     ├── SpoolError               the disk that events are kept on takes none: it was not accepted
 *     ├── ClientClosedError        record() after shutdown(): the event was not accepted
 *     ├── DeliveryError            an accepted event could not be delivered
 *     │   └── ShutdownTimeoutError … because the client was shut down first
 *     └── ConfigError              a setting cannot be used: thrown by new EkaClient()
 *
 * `record()` throws none of them. All but ConfigError reach `onError`.
 */

import { camel } from "./describe.js";
import type { ErrorInfo } from "./errorInfo.js";
import { type ErrorCode, errorCodes } from "./generated/errors.js";

/** The base of every error of this package. */
export class EkaError extends Error {
  /** One of the closed set, such as `"quantity.invalid"`; assert on this, not on the message. */
  readonly code: ErrorCode;
  /** The field of the event that the error is about, as it stands in the event. */
  readonly field: string | undefined;
  /** A finer word where a code has one, such as `"local_queue_full"`; otherwise the code. */
  readonly reason: string;

  constructor(code: ErrorCode, message: string) {
    super(message);
    const info: ErrorInfo = errorCodes[code];
    this.name = new.target.name;
    this.code = code;
    this.field = info.field;
    this.reason = info.reason ?? code;
  }
}

/** An argument of `record()` is wrong; the event was not accepted. */
export class ValidationError extends EkaError {}

/** The event was accepted, but its metadata could not be kept as it was given. */
export class MetadataDegradedError extends EkaError {}

/** As many events as the queue takes are waiting for Kafka; the event was not accepted. */
export class QueueFullError extends EkaError {}

/** The disk that accepted events are kept on has no room, or fails; the event was not accepted. */
export class SpoolError extends EkaError {}

/** `record()` was called after `shutdown()`; the event was not accepted. */
export class ClientClosedError extends EkaError {}

/** Kafka did not take an accepted event, finally. */
export class DeliveryError extends EkaError {}

/** The client was shut down before an accepted event could be delivered. */
export class ShutdownTimeoutError extends DeliveryError {}

/** A setting cannot be used; no client was made. */
export class ConfigError extends EkaError {}

/**
 * What `onError` hears beside the error. The first four are always there; the rest identifies the
 * event, as far as the place knows it where the error arose.
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
}

/** The text of a code, completed by what is known at the place where the error arose. */
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

/** The error of an argument of `record()`. */
export function invalid(
  code: ErrorCode,
  values: Readonly<Record<string, string | number>>,
): ValidationError {
  return new ValidationError(code, message(code, values));
}
