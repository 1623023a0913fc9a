/** Sends what is on disk: a window at a time, in order, and gently where Kafka takes nothing. */

import { Breaker } from "./breaker.js";
import type { SpooledRecord } from "./record.js";
import type { Tuning } from "./tuning.js";

/** A record that Kafka did not take. */
export interface Refusal {
  readonly record: SpooledRecord;
  readonly why: string;
  /** Whether it would only be refused again. */
  readonly isFinal: boolean;
}

/** Carries records to Kafka. */
export interface Carrier {
  /** Resolves when each of them is delivered or refused; to the refusals, in their order. */
  send(records: readonly SpooledRecord[]): Promise<readonly Refusal[]>;
  close(): Promise<void>;
}

/** Records of one segment that are sent together. */
export interface Lot {
  readonly records: readonly SpooledRecord[];
  /** Where the last of them ends. */
  readonly end: number;
  /** How many a second may be sent, where there is a limit. */
  readonly perSecond?: number;
  /** So many more are done, which are all before this place. */
  done(delivered: number, upTo: number): void;
  /** One is refused for good. */
  refused(refusal: Refusal): void;
}

/** Where a replayer gets what it sends. */
export interface Source {
  /** The next; undefined where there is nothing to send at the moment. */
  next(): Lot | undefined;
  /** Makes a carrier. */
  carrier(): Carrier;
  /** What goes wrong that should not. */
  failed(error: unknown): void;
}

/** Sends lots one after another, from when it is woken until there are none. */
export class Replayer {
  readonly #source: Source;
  readonly #breaker: Breaker;
  readonly #idleMs: number;
  #carrier: Carrier | undefined;
  #isBusy = false;
  #isStopped = false;
  #usedAt = 0;

  /** Lets its carrier go when it has nothing to send for so long. */
  constructor(source: Source, tuning: Tuning, idleMs: number) {
    this.#source = source;
    this.#breaker = new Breaker(tuning);
    this.#idleMs = idleMs;
  }

  /** Says that there may be something to send. */
  wake(): void {
    if (!this.#isBusy && !this.#isStopped) {
      this.#isBusy = true;
      void this.#run();
    }
  }

  /** Sends nothing more, and lets go of the carrier. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#letGo();
  }

  async #run(): Promise<void> {
    try {
      for (let lot = this.#next(); lot !== undefined; lot = this.#next()) {
        this.#usedAt = performance.now();
        await this.#send(lot);
        const least = (lot.records.length / (lot.perSecond ?? Number.POSITIVE_INFINITY)) * 1000;
        await pause(least - (performance.now() - this.#usedAt));
      }
      if (performance.now() - this.#usedAt > this.#idleMs) {
        await this.#letGo();
      }
    } catch (error) {
      this.#source.failed(error);
    } finally {
      this.#isBusy = false;
    }
  }

  #next(): Lot | undefined {
    return this.#isStopped ? undefined : this.#source.next();
  }

  async #send(lot: Lot): Promise<void> {
    let left = lot.records;
    while (left.length > 0 && !this.#isStopped) {
      this.#carrier ??= this.#source.carrier();
      const sent = this.#breaker.isOpen ? left.slice(0, 1) : left;
      const refusals = await this.#carrier.send(sent);
      if (this.#isStopped) {
        return; // whoever has the segment now sends them again
      }
      const again = refusals.filter(({ isFinal }) => !isFinal).map(({ record }) => record);
      refusals.filter(({ isFinal }) => isFinal).forEach(lot.refused);
      left = [...again, ...left.slice(sent.length)];
      lot.done(sent.length - refusals.length, left[0]?.start ?? lot.end);
      if (again.length > 0) {
        await pause(this.#breaker.refused());
      } else {
        this.#breaker.delivered();
      }
    }
  }

  async #letGo(): Promise<void> {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    await carrier?.close().catch(() => undefined); // nothing depends on it any more
  }
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) {
    const { promise, resolve } = Promise.withResolvers<void>();
    // What is on disk does not keep the process alive: the next one sends it.
    setTimeout(resolve, milliseconds).unref();
    await promise;
  }
}
