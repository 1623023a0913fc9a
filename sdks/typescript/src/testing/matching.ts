/** Whether an event is one that a test expects. */

import type { UsageEvent } from "../generated/event.js";

/**
 * What a test expects of an event: some of its fields, as they stand in the event. Metadata is given
 * as an object, of which some keys are enough.
 */
export type ExpectedEvent = {
  readonly [Field in keyof UsageEvent]?: Field extends "metadata"
    ? Readonly<Record<string, unknown>>
    : unknown;
};

/** Whether two values are the same to the test's framework, asymmetric matchers among them. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** Whether the event has all that is expected. */
export function isMatch(event: UsageEvent, expected: ExpectedEvent, equals: Equals): boolean {
  const { metadata, ...fields } = expected;
  return holds(event, fields, equals) && holds(JSON.parse(event.metadata), metadata, equals);
}

/** The event with its metadata as an object, as a failing test shows it. */
export function readable(event: UsageEvent): object {
  return { ...event, metadata: JSON.parse(event.metadata) as unknown };
}

function holds(actual: unknown, expected: unknown, equals: Equals): boolean {
  const values = Object(actual) as Readonly<Record<string, unknown>>;
  const wanted = Object.entries(Object(expected) as object);
  return wanted.every(([key, value]) => equals(values[key], value));
}
