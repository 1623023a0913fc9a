/**
 * Matchers for Vitest. Importing this module adds them, best from one of the `setupFiles`. It also
 * disables clients without a producer, unless `EKA_DISABLED` or an option is `false`: tests send
 * nothing to the brokers of their environment.
 *
 *     expect(producer).toHaveRecorded({ product: "api", metric_type: "api_call", quantity: 3 });
 */

import { expect } from "vitest";
import { ambient } from "../ambient.js";
import { type ExpectedEvent, isMatch, readable } from "./matching.js";
import { InMemoryProducer } from "./producer.js";

/** The matchers of `expect(producer)`. */
export interface UsageMatchers<R> {
  /** Expects at least one recorded event to have these fields. */
  toHaveRecorded(expected: ExpectedEvent): R;
  /** Expects exactly `times` recorded events to have these fields; without fields, of all events. */
  toHaveRecordedTimes(times: number, expected?: ExpectedEvent): R;
}

// Every version of Vitest takes its assertions from here; its own interfaces differ in parameters.
declare global {
  namespace Chai {
    interface Assertion extends UsageMatchers<void> {}
  }
}

ambient.disabled = true;

expect.extend({
  toHaveRecorded(received: unknown, expected: ExpectedEvent) {
    const producer = inMemory(received);
    const found = producer.events.filter((event) => isMatch(event, expected, this.equals));
    return {
      pass: found.length > 0,
      message: () =>
        this.isNot
          ? `Expected no event to have these fields, got: ${this.utils.stringify(found[0])}`
          : "Expected an event to have these fields",
      actual: producer.events.map(readable),
      expected,
    };
  },
  toHaveRecordedTimes(received: unknown, times: number, expected: ExpectedEvent = {}) {
    const producer = inMemory(received);
    const found = producer.events.filter((event) => isMatch(event, expected, this.equals));
    return {
      pass: found.length === times,
      message: () => `Expected ${times} events to have these fields, got ${found.length}`,
      actual: producer.events.map(readable),
      expected,
    };
  },
});

function inMemory(received: unknown): InMemoryProducer {
  if (received instanceof InMemoryProducer) {
    return received;
  }
  throw new TypeError("Expected the value to be an InMemoryProducer of this package");
}
