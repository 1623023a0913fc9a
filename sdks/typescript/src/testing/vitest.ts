/**
 * Matchers for Vitest, there once this is imported, best as one of its `setupFiles`:
 *
 *     expect(producer).toHaveRecorded({ product: "api", metric_type: "api_call", quantity: 3 });
 */

import { expect } from "vitest";
import { type ExpectedEvent, isMatch, readable } from "./matching.js";
import { InMemoryProducer } from "./producer.js";

/** What `expect(producer)` can say. */
export interface UsageMatchers<R> {
  /** An event was recorded that has these fields. */
  toHaveRecorded(expected: ExpectedEvent): R;
  /** So many events were recorded that have these fields; all events, where none are given. */
  toHaveRecordedTimes(times: number, expected?: ExpectedEvent): R;
}

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends UsageMatchers<R> {}
}

expect.extend({
  toHaveRecorded(received: unknown, expected: ExpectedEvent) {
    const producer = inMemory(received);
    const found = producer.events.filter((event) => isMatch(event, expected, this.equals));
    return {
      pass: found.length > 0,
      message: () =>
        this.isNot
          ? `an event was recorded that has these fields: ${this.utils.stringify(found[0])}`
          : "no event was recorded that has these fields",
      actual: producer.events.map(readable),
      expected,
    };
  },
  toHaveRecordedTimes(received: unknown, times: number, expected: ExpectedEvent = {}) {
    const producer = inMemory(received);
    const found = producer.events.filter((event) => isMatch(event, expected, this.equals));
    return {
      pass: found.length === times,
      message: () => `${found.length} events were recorded that have these fields, not ${times}`,
      actual: producer.events.map(readable),
      expected,
    };
  },
});

function inMemory(received: unknown): InMemoryProducer {
  if (received instanceof InMemoryProducer) {
    return received;
  }
  throw new TypeError("expected an InMemoryProducer of @eka-care/usage-sdk/testing");
}
