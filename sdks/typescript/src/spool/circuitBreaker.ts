/** How long to pause while the broker accepts nothing. */

import type { Tuning } from "./tuning.js";

type Pauses = Pick<Tuning, "retryMinMs" | "retryMaxMs">;

/** Opens after a failure that may pass; while it is open, one event is sent at a time. */
export class CircuitBreaker {
  readonly #pauses: Pauses;
  #nextMs: number;
  #isOpen = false;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
    this.#nextMs = pauses.retryMinMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens, and returns how many milliseconds to send nothing: twice as long each time, with jitter. */
  onFailure(): number {
    const longest = this.#nextMs;
    this.#isOpen = true;
    this.#nextMs = Math.min(2 * longest, this.#pauses.retryMaxMs);
    return longest * (1 - Math.random() / 2);
  }

  /** Closes. */
  onSuccess(): void {
    this.#isOpen = false;
    this.#nextMs = this.#pauses.retryMinMs;
  }
}
