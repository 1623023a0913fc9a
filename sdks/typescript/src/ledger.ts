/** The books of one client: what was accepted, and what became of it. */

import type { ErrorCode } from "./generated/errors.js";
import type { SpoolStats } from "./spool/spool.js";

/**
 * What became of the events of one client; `accepted === delivered + failed + queued + spooled`.
 */
export interface Stats {
  /** Events that `record()` returned an id for. */
  readonly accepted: number;
  /** Of these, those that Kafka has. */
  readonly delivered: number;
  /** Of these, those that cannot be delivered any more; `onError` heard of each. */
  readonly failed: number;
  /** Of these, those on their way. */
  readonly queued: number;
  /** Of these, those that wait on disk: for this client, or after it for the next. */
  readonly spooled: number;
  /** Events that were taken over from clients that are gone. */
  readonly adopted: number;
  /** Of these, those that Kafka has. */
  readonly replayed: number;
  /** Events that Kafka refused for good and that are kept on disk; own ones are in `failed` too. */
  readonly deadLettered: number;
  /** The age of the oldest segment of this client that is not delivered; 0 where there is none. */
  readonly oldestSpooledMs: number;
  /** Events that were not accepted, by error code. */
  readonly rejected: Readonly<Partial<Record<ErrorCode, number>>>;
}

const unused: SpoolStats = {
  spooled: 0,
  adopted: 0,
  replayed: 0,
  deadLettered: 0,
  oldestSpooledMs: 0,
};

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
  stats(accepted: number, spool: SpoolStats = unused): Stats {
    const [delivered, failed] = [this.#delivered, this.#failed];
    const queued = accepted - delivered - failed - spool.spooled;
    return { accepted, delivered, failed, queued, ...spool, rejected: { ...this.#rejected } };
  }
}
