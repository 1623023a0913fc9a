/** Sends what is on disk: one batch at a time, in order, with a back-off while Kafka accepts nothing. */

import { monotonicMs, setTimeout } from "../timers.js";
import { CircuitBreaker } from "./circuitBreaker.js";
import type { SpooledRecord } from "./record.js";
import type { Tuning } from "./tuning.js";

/** A record that was not delivered. */
export interface FailedRecord {
  readonly record: SpooledRecord;
  readonly reason: string;
  /** Whether Kafka rejects the record permanently. */
  readonly isFinal: boolean;
}

/** Sends records to Kafka, apart from the client's own transport. */
export interface ReplayTransport {
  /** Resolves once each record is delivered or has failed; to the failed ones, in their order. */
  send(records: readonly SpooledRecord[]): Promise<readonly FailedRecord[]>;
  close(): Promise<void>;
}

/** Records of one segment that are sent together. */
export interface ReplayBatch {
  readonly records: readonly SpooledRecord[];
  /** Where the last of them ends. */
  readonly end: number;
  /** The rate limit, if there is one. */
  readonly eventsPerSecond?: number;
  /** `delivered` more events are delivered; everything before `offset` is acknowledged. */
  markAcked(delivered: number, offset: number): void;
  /** Kafka rejected a record permanently. */
  rejected(failed: FailedRecord): void;
}

/** The source of a replayer's batches. */
export interface ReplaySource {
  /** Returns the next batch; undefined if there is nothing to send now. */
  next(): ReplayBatch | undefined;
  /** Creates a transport. */
  transport(): ReplayTransport;
  /** An unexpected error. */
  onError(error: unknown): void;
}

/** Sends batches one after another, from `wake()` until there are none left. */
export class Replayer {
  readonly #source: ReplaySource;
  readonly #breaker: CircuitBreaker;
  readonly #idleMs: number;
  #transport: ReplayTransport | undefined;
  #isBusy = false;
  #isStopped = false;
  #usedAt = 0;

  /** Closes its transport after it had nothing to send for the length of a lease. */
  constructor(source: ReplaySource, tuning: Tuning) {
    this.#source = source;
    this.#breaker = new CircuitBreaker(tuning);
    this.#idleMs = tuning.leaseMs;
  }

  /** Starts sending, unless it is sending already. */
  wake(): void {
    if (!this.#isBusy && !this.#isStopped) {
      this.#isBusy = true;
      void this.#run();
    }
  }

  /** Stops sending, and closes the transport. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#closeTransport();
  }

  async #run(): Promise<void> {
    try {
      for (let batch = this.#next(); batch !== undefined; batch = this.#next()) {
        this.#usedAt = monotonicMs();
        await this.#send(batch);
        const rate = batch.eventsPerSecond ?? Number.POSITIVE_INFINITY;
        const leastMs = (batch.records.length / rate) * 1000;
        await pause(leastMs - (monotonicMs() - this.#usedAt));
      }
      if (monotonicMs() - this.#usedAt > this.#idleMs) {
        await this.#closeTransport();
      }
    } catch (error) {
      this.#source.onError(error);
    } finally {
      this.#isBusy = false;
    }
  }

  #next(): ReplayBatch | undefined {
    return this.#isStopped ? undefined : this.#source.next();
  }

  async #send(batch: ReplayBatch): Promise<void> {
    let left = batch.records;
    while (left.length > 0 && !this.#isStopped) {
      this.#transport ??= this.#source.transport();
      const sent = this.#breaker.isOpen ? left.slice(0, 1) : left;
      const failed = await this.#transport.send(sent);
      if (this.#isStopped) {
        return; // the segment's next owner sends them again
      }
      const again = failed.filter(({ isFinal }) => !isFinal).map(({ record }) => record);
      failed.filter(({ isFinal }) => isFinal).forEach(batch.rejected);
      left = [...again, ...left.slice(sent.length)];
      batch.markAcked(sent.length - failed.length, left[0]?.start ?? batch.end);
      const passing = failed.find(({ isFinal }) => !isFinal);
      if (passing !== undefined) {
        this.#source.onError(new Error(passing.reason));
        await pause(this.#breaker.onFailure());
      } else {
        this.#breaker.onSuccess();
      }
    }
  }

  async #closeTransport(): Promise<void> {
    const transport = this.#transport;
    this.#transport = undefined;
    await transport?.close().catch(() => undefined); // nothing depends on it any more
  }
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Events on disk need not keep the process alive: the next one replays them.
    setTimeout(resolve, milliseconds).unref();
    await promise;
  }
}
