/** The segments that this client has taken over, one at a time. */

import { spool } from "../generated/spool.js";
import type { Estate } from "./estate.js";
import type { Inherited } from "./inherited.js";
import type { Lot, Refusal } from "./replayer.js";

/** Adopts, and counts what becomes of it. */
export class Inheritance {
  readonly #estate: Estate;
  readonly #refused: (refusal: Refusal) => void;
  #current: Inherited | undefined;
  #adopted = 0;
  #replayed = 0;

  constructor(estate: Estate, refused: (refusal: Refusal) => void) {
    this.#estate = estate;
    this.#refused = refused;
  }

  /** How many events were taken over. */
  get adopted(): number {
    return this.#adopted;
  }

  /** How many of these Kafka has. */
  get replayed(): number {
    return this.#replayed;
  }

  /** When the segment at hand was made; undefined where there is none. */
  get createdAt(): number | undefined {
    return this.#current?.createdAt || undefined;
  }

  /** Shows that its owner is alive, and looks for more. */
  keep(): void {
    this.#current?.heartbeat();
    this.#estate.look();
  }

  /** What is left of the segment at hand, or the next one. */
  next(): Lot | undefined {
    while (this.#current === undefined || this.#current.left.length === 0) {
      this.#current?.remove();
      this.#current = this.#estate.adopt();
      if (this.#current === undefined) {
        return undefined;
      }
      this.#adopted += this.#current.left.length;
    }
    const segment = this.#current;
    return {
      records: segment.left,
      end: segment.end,
      perSecond: spool.replayEventsPerSecond,
      done: (delivered, upTo) => {
        this.#replayed += delivered;
        segment.markAcked(upTo);
      },
      refused: this.#refused,
    };
  }

  /** Leaves the segment at hand to whoever comes first. */
  release(): void {
    this.#current?.release();
    this.#current = undefined;
  }
}
