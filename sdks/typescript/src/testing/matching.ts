/** Compares events with what a test expects. */

import type { UsageEvent } from "../generated/event.js";

/**
 * The fields that a test expects of an event, by their names on the wire; some are enough. Metadata is
 * an object, of which some keys are enough.
 */
export type ExpectedEvent = {
  readonly [Field in keyof UsageEvent]?: Field extends "metadata"
    ? Readonly<Record<string, unknown>>
    : unknown;
};

/** Reports whether the test framework considers two values equal, asymmetric matchers included. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** Reports whether the event has all expected fields. */
export function isMatch(event: UsageEvent, expected: ExpectedEvent, equals: Equals): boolean {
  const { metadata, ...fields } = expected;
  return holds(event, fields, equals) && holds(JSON.parse(event.metadata), metadata, equals);
}

/** Returns the event with its metadata as an object, for the output of a failing test. */
export function readable(event: UsageEvent): object {
  return { ...event, metadata: JSON.parse(event.metadata) as unknown };
}

function holds(actual: unknown, expected: unknown, equals: Equals): boolean {
  const values = Object(actual) as Readonly<Record<string, unknown>>;
  const expectations = Object.entries(Object(expected) as object);
  return expectations.every(([key, value]) => equals(values[key], value));
}
