/** How long to leave a broker alone that takes nothing. */

import type { Tuning } from "./tuning.js";

type Pauses = Pick<Tuning, "retryMinMs" | "retryMaxMs">;

/** Open after a refusal that can pass; while it is open, one event goes at a time. */
export class Breaker {
  readonly #pauses: Pauses;
  #next: number;
  #isOpen = false;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
    this.#next = pauses.retryMinMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens it after a refusal, and says how long to send nothing. */
  refused(): number {
    const longest = this.#next;
    this.#isOpen = true;
    this.#next = Math.min(2 * longest, this.#pauses.retryMaxMs);
    return longest * (1 - Math.random() / 2);
  }

  /** Closes it after a delivery. */
  delivered(): void {
    this.#isOpen = false;
    this.#next = this.#pauses.retryMinMs;
  }
}
