/** Error reporting: to the caller's `onError`, or to the log, at most one line per second and code. */

import { describeError, printable } from "./describe.js";
import { type EkaError, type ErrorContext, MetadataDegradedError } from "./errors.js";
import { isInstance, safely } from "./safely.js";
import { monotonicMs } from "./timers.js";

/** Receives every error. It must not block; it may throw or reject without harm. */
export type OnError = (error: EkaError, context: ErrorContext) => unknown;

const interval = 1000;
const prefix = "[usage-sdk]";

/** What a client logs to, as `console` is; the second argument has the attributes of a line. */
export interface Logger {
  debug(message: string, attributes?: LogAttributes): unknown;
  warn(message: string, attributes?: LogAttributes): unknown;
  error(message: string, attributes?: LogAttributes): unknown;
}

/** The attributes of a line of the log, by the names that they have in every SDK. */
export type LogAttributes = Readonly<Record<string, unknown>>;

/** Calls `onError`, whatever that does; logs if there is none. */
export class Reporter {
  readonly #onError: OnError | undefined;
  readonly #logger: Logger;
  readonly #log: RateLimitedLog;
  #busy = false;

  constructor(onError: OnError | undefined, logger: Logger = console) {
    this.#onError = onError;
    this.#logger = logger;
    this.#log = new RateLimitedLog(logger);
  }

  /** Reports an error; never throws. */
  report(error: EkaError, context: ErrorContext): void {
    // An onError that records an event which fails too would recurse without end.
    if (this.#onError === undefined || this.#busy) {
      this.#log.error(error, context);
      return;
    }
    this.#busy = true;
    try {
      const outcome: unknown = this.#onError(error, context);
      if (isInstance(outcome, Promise)) {
        outcome.catch((raised: unknown) => this.#failed(raised, error));
      }
    } catch (raised) {
      this.#failed(raised, error);
    } finally {
      this.#busy = false;
    }
  }

  /** Logs a warning that concerns no single event. */
  warn(text: string): void {
    this.#log.line("warn", text, text);
  }

  /**
   * Logs the ids of an accepted event. Its metadata may be about persons, and logs are kept elsewhere
   * and longer.
   */
  accepted(json: string): void {
    const { event_id, workspace_id, product, metric_type, status } = JSON.parse(
      json,
    ) as LogAttributes;
    const attributes = { event_id, workspace_id, product, metric_type, status };
    log(this.#logger, "debug", `accepted ${String(event_id)}`, attributes);
  }

  /** Logs how many errors were suppressed since the last line. */
  close(): void {
    this.#log.close();
  }

  #failed(raised: unknown, error: EkaError): void {
    this.#log.line(
      "error",
      "onError",
      `onError threw ${describeError(raised)} on: ${error.message}`,
    );
  }
}

/** Logs one line per second and key, and counts those that it suppresses. */
class RateLimitedLog {
  readonly #next = new Map<string, number>();
  readonly #suppressed = new Map<string, number>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  error(error: EkaError, { field, eventId }: ErrorContext): void {
    const level = error instanceof MetadataDegradedError ? "warn" : "error";
    const known = Object.entries({ code: error.code, field, event_id: eventId }).filter(
      ([, value]) => value != null && value !== "",
    );
    const text = `${error.message} [${error.code}]`;
    this.line(level, error.code, text, Object.fromEntries(known));
  }

  line(level: "warn" | "error", key: string, text: string, attributes?: LogAttributes): void {
    const now = monotonicMs();
    const suppressed = this.#suppressed.get(key) ?? 0;
    if (now < (this.#next.get(key) ?? 0)) {
      this.#suppressed.set(key, suppressed + 1);
      return;
    }
    this.#next.set(key, now + interval);
    this.#suppressed.delete(key);
    const more = suppressed > 0 ? ` (${suppressed} similar lines were suppressed)` : "";
    log(this.#logger, level, `${text}${more}`, attributes);
  }

  close(): void {
    for (const [key, count] of this.#suppressed) {
      log(this.#logger, "error", `${count} more errors like the last ${key} were suppressed`);
    }
    this.#suppressed.clear();
  }
}

/** Logs; a logger that throws must not fail the caller. */
function log(
  logger: Logger,
  level: "debug" | "warn" | "error",
  text: string,
  attributes?: LogAttributes,
): void {
  const more = attributes === undefined ? [] : [attributes];
  safely(() => logger[level](`${prefix} ${printable(text)}`, ...more));
}
