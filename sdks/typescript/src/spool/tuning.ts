/** The durations of docs/spool-format.md, which tests shorten. */

import { spool } from "../generated/spool.js";

/** Durations in milliseconds, the same for every client of a release. */
export interface Tuning {
  /** How often an owner writes a heartbeat. */
  readonly heartbeatMs: number;
  /** How long an owner may go without a heartbeat before its segments may be adopted. */
  readonly leaseMs: number;
  /** How long a segment whose destination cannot be determined stays untouched before adoption. */
  readonly orphanTimeoutMs: number;
  /** The first pause after a failure that may pass. */
  readonly retryMinMs: number;
  /** The longest pause. */
  readonly retryMaxMs: number;
}

/** The constants of the format. */
export const defaultTuning: Tuning = spool;
