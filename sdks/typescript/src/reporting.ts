/** How errors are heard: by the caller's `onError`, or as a line a second for each code. */

import { describeError } from "./describe.js";
import { type EkaError, type ErrorContext, MetadataDegradedError } from "./errors.js";
import { safely } from "./safely.js";

/** Hears every error; must not block, and may throw or reject without harm. */
export type OnError = (error: EkaError, context: ErrorContext) => unknown;

const interval = 1000;
const prefix = "[usage-sdk]";

/** Calls `onError`, whatever that does; without one, logs. */
export class Reporter {
  readonly #onError: OnError | undefined;
  readonly #log = new RateLimitedLog();
  #busy = false;

  constructor(onError: OnError | undefined) {
    this.#onError = onError;
  }

  /** Tells the caller, and never fails. */
  report(error: EkaError, context: ErrorContext): void {
    // An onError that records what fails again would go on for ever.
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

  /** Says something that is no error of an event. */
  warn(text: string): void {
    this.#log.line("warn", text, text);
  }

  /** Says how many errors were held back and never mentioned. */
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

/** A line a second for each key, and how many it held back. */
class RateLimitedLog {
  readonly #next = new Map<string, number>();
  readonly #heldBack = new Map<string, number>();

  error(error: EkaError): void {
    const level = error instanceof MetadataDegradedError ? "warn" : "error";
    this.line(level, error.code, `${error.message} [${error.code}]`);
  }

  line(level: "warn" | "error", key: string, text: string): void {
    const now = performance.now();
    const heldBack = this.#heldBack.get(key) ?? 0;
    if (now < (this.#next.get(key) ?? 0)) {
      this.#heldBack.set(key, heldBack + 1);
      return;
    }
    this.#next.set(key, now + interval);
    this.#heldBack.delete(key);
    const more = heldBack > 0 ? ` (${heldBack} more like it were held back)` : "";
    say(level, `${text}${more}`);
  }

  close(): void {
    for (const [key, count] of this.#heldBack) {
      say("error", `${count} more errors like the last ${key} were held back`);
    }
    this.#heldBack.clear();
  }
}

/** Logs an accepted event, where the client was asked to. */
export function logAccepted(json: string): void {
  say("debug", `accepted ${json}`);
}

/** Logs; a console of the host's that throws is not the caller's trouble. */
function say(level: "debug" | "warn" | "error", text: string): void {
  safely(() => console[level](`${prefix} ${text}`));
}
