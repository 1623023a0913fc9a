/** A producer that collects events in memory. */

import type { UsageEvent } from "../generated/event.js";
import type { ProducerLike, ProducerMessage } from "../transports/injected.js";

/**
 * Replaces Kafka in tests. Each event is in `events` before `record()` returns.
 *
 * @example
 * const producer = new InMemoryProducer();
 * const client = new EkaClient({ serviceName: "tests", producer });
 */
export class InMemoryProducer implements ProducerLike {
  readonly immediate = true;
  /** If set, every delivery fails for this reason. */
  fault: string | undefined;
  readonly #events: UsageEvent[] = [];

  /** The delivered events, in order. */
  get events(): readonly UsageEvent[] {
    return this.#events;
  }

  /** Removes all collected events. */
  clear(): void {
    this.#events.length = 0;
  }

  async send({ messages }: { messages: ProducerMessage[] }): Promise<void> {
    if (this.fault !== undefined) {
      throw new Error(this.fault);
    }
    this.#events.push(...messages.map(({ value }) => JSON.parse(value.toString()) as UsageEvent));
  }
}
