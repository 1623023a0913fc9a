/** The counters of one client: how many events were accepted, and what became of them. */

import type { ErrorCode } from "./generated/errors.js";
import type { SpoolStats } from "./spool/spool.js";

/**
 * The counters of one client, of which `accepted === delivered + failed + queued + spooled`.
 */
export interface Stats {
  /** Events that `record()` returned an id for. */
  readonly accepted: number;
  /** Accepted events that Kafka acknowledged. */
  readonly delivered: number;
  /** Accepted events that are not delivered and not retried any more; `onError` received each. */
  readonly failed: number;
  /** Accepted events in memory, on their way to Kafka. */
  readonly queued: number;
  /** Accepted events that are pending on disk, for this client or the next. */
  readonly spooled: number;
  /** Events adopted from clients that are gone. */
  readonly adopted: number;
  /** Adopted events that Kafka acknowledged. */
  readonly replayed: number;
  /** Events that Kafka rejected permanently, kept on disk; own ones count as `failed` too. */
  readonly deadLettered: number;
  /** The age of this client's oldest segment with undelivered events; 0 if there is none. */
  readonly oldestSpooledMs: number;
  /** Why there is no spool, though the setting wants one; empty if there is no reason. */
  readonly spoolError: string;
  /** Whether nothing is sent; then `delivered` counts what would have been. */
  readonly disabled: boolean;
  /** Events that were not accepted, by error code. */
  readonly rejected: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Events that were written to disk so far; one that is moved there counts again. */
  readonly spooledTotal: number;
  /** Accepted events that left memory undelivered and stay on disk, to be sent again. */
  readonly retried: number;
  /** The disk space that the spool's directory takes, of all its clients; 0 if it cannot be read. */
  readonly spoolBytes: number;
}

const noSpool: SpoolStats = {
  spooled: 0,
  adopted: 0,
  replayed: 0,
  deadLettered: 0,
  oldestSpooledMs: 0,
  spooledTotal: 0,
  retried: 0,
  spoolBytes: 0,
};

/** The counters alone. */
export type Counters = Omit<Stats, "disabled" | "spoolError">;

/** Counts the outcomes of events. */
export class Ledger {
  #delivered = 0;
  #failed = 0;
  readonly #rejected: Partial<Record<ErrorCode, number>> = {};

  /** Counts delivered events. */
  deliver(events: number): void {
    this.#delivered += events;
  }

  /** Counts an accepted event that is not delivered. */
  fail(): void {
    this.#failed += 1;
  }

  /** Counts events that were not accepted. */
  reject(code: ErrorCode, events: number): void {
    this.#rejected[code] = (this.#rejected[code] ?? 0) + events;
  }

  /** Returns all counters; what is queued is the difference. */
  stats(accepted: number, spool: SpoolStats = noSpool): Counters {
    const [delivered, failed] = [this.#delivered, this.#failed];
    const queued = accepted - delivered - failed - spool.spooled;
    return { accepted, delivered, failed, queued, ...spool, rejected: { ...this.#rejected } };
  }
}
