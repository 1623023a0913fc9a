/** The books of one client: what was accepted, and what became of it. */

import type { ErrorCode } from "./generated/errors.js";

/** What became of the events of one client; `accepted === delivered + failed + queued`. */
export interface Stats {
  /** Events that `record()` returned an id for. */
  readonly accepted: number;
  /** Of these, those that Kafka has. */
  readonly delivered: number;
  /** Of these, those that cannot be delivered any more; `onError` heard of each. */
  readonly failed: number;
  /** Of these, those on their way. */
  readonly queued: number;
  /** Events that were not accepted, by error code. */
  readonly rejected: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** Counts how events end. */
export class Ledger {
  #delivered = 0;
  #failed = 0;
  readonly #rejected: Partial<Record<ErrorCode, number>> = {};

  /** Counts accepted events that Kafka has. */
  deliver(events: number): void {
    this.#delivered += events;
  }

  /** Counts an accepted event that cannot be delivered. */
  fail(): void {
    this.#failed += 1;
  }

  /** Counts an event that was not accepted. */
  reject(code: ErrorCode): void {
    this.#rejected[code] = (this.#rejected[code] ?? 0) + 1;
  }

  /** The books, from what was accepted. */
  stats(accepted: number): Stats {
    const [delivered, failed] = [this.#delivered, this.#failed];
    const queued = accepted - delivered - failed;
    return { accepted, delivered, failed, queued, rejected: { ...this.#rejected } };
  }
}
