/** A producer that keeps events in memory. */

import type { UsageEvent } from "../generated/event.js";
import type { ProducerLike, ProducerMessage } from "../transports/injected.js";

/**
 * Takes the place of Kafka: `new EkaClient({ serviceName, producer: new InMemoryProducer() })`.
 *
 * Each event is there before `record()` returns.
 */
export class InMemoryProducer implements ProducerLike {
  readonly immediate = true;
  /** While it is set, every delivery fails for this reason. */
  fault: string | undefined;
  readonly #events: UsageEvent[] = [];

  /** The events that were delivered, in their order. */
  get events(): readonly UsageEvent[] {
    return this.#events;
  }

  /** Forgets what was delivered. */
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
