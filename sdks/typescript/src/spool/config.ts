import type { Directory } from "./directory.js";
import type { Tuning } from "./tuning.js";

/** What the spool of one client is configured with. */
export interface SpoolConfig {
  readonly directory: Directory;
  /** Whether each event is on disk before `record()` returns. */
  readonly isDurable: boolean;
  /** How many bytes all segments of the directory may have. */
  readonly maxBytes: number;
  /** How long written records may wait for fsync; 0 syncs each of them. */
  readonly syncMs: number;
  /** Eight bytes that identify topic and cluster. */
  readonly destination: Buffer;
  readonly instanceId: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Returns the number of the latest event. */
  readonly seq: () => number;
  /** @default defaultTuning */
  readonly tuning?: Tuning;
}
