/** The transport of a client that is disabled. */

import type { ProducerLike } from "./injected.js";
import type { Transport } from "./transport.js";

/** Discards events, which count as delivered; closes an injected producer, as `shutdown()` does. */
export class DisabledTransport implements Transport {
  readonly lanes = 1;
  readonly immediate = true;
  readonly #producer: ProducerLike | undefined;

  constructor(producer: ProducerLike | undefined) {
    this.#producer = producer;
  }

  async send(): Promise<void> {}

  async connect(): Promise<void> {}

  async close(): Promise<void> {
    await this.#producer?.disconnect?.();
  }
}
