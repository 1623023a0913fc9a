/** Error reporting: to the caller's `onError`, or to the log, at most one line per second and code. */

import { describeError } from "./describe.js";
import { type EkaError, type ErrorContext, MetadataDegradedError } from "./errors.js";
import { safely } from "./safely.js";
import { monotonicMs } from "./timers.js";

/** Receives every error. It must not block; it may throw or reject without harm. */
export type OnError = (error: EkaError, context: ErrorContext) => unknown;

const interval = 1000;
const prefix = "[usage-sdk]";

/** Calls `onError`, whatever that does; logs if there is none. */
export class Reporter {
  readonly #onError: OnError | undefined;
  readonly #log = new RateLimitedLog();
  #busy = false;

  constructor(onError: OnError | undefined) {
    this.#onError = onError;
  }

  /** Reports an error; never throws. */
  report(error: EkaError, context: ErrorContext): void {
    // An onError that records an event which fails too would recurse without end.
    if (this.#onError === undefined || this.#busy) {
      this.#log.error(error);
      return;
    }
    this.#busy = true;
    try {
      const outcome: unknown = this.#onError(error, context);
      if (outcome instanceof Promise) {
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

  error(error: EkaError): void {
    const level = error instanceof MetadataDegradedError ? "warn" : "error";
    this.line(level, error.code, `${error.message} [${error.code}]`);
  }

  line(level: "warn" | "error", key: string, text: string): void {
    const now = monotonicMs();
    const suppressed = this.#suppressed.get(key) ?? 0;
    if (now < (this.#next.get(key) ?? 0)) {
      this.#suppressed.set(key, suppressed + 1);
      return;
    }
    this.#next.set(key, now + interval);
    this.#suppressed.delete(key);
    const more = suppressed > 0 ? ` (${suppressed} similar lines were suppressed)` : "";
    log(level, `${text}${more}`);
  }

  close(): void {
    for (const [key, count] of this.#suppressed) {
      log("error", `${count} more errors like the last ${key} were suppressed`);
    }
    this.#suppressed.clear();
  }
}

/** Logs an accepted event. */
export function logAccepted(json: string): void {
  log("debug", `accepted ${json}`);
}

/** Logs; a console that throws must not fail the caller. */
function log(level: "debug" | "warn" | "error", text: string): void {
  safely(() => console[level](`${prefix} ${text}`));
}
