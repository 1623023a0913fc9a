/** The events of a request to the HTTP API: checked here, so that a mistake costs no request. */

import type { Id, UsageDetails } from "./callOptions.js";
import type { UsageInput } from "./calls.js";
import { parseTime } from "./clock.js";
import { Decimal, digitsText, readDigits } from "./decimal.js";
import { describeValue } from "./describe.js";
import { batchMaxEvents } from "./generated/constants.js";
import { localError, type UsageProblem } from "./usageAnswer.js";

const eventTypeForm = /^\w+(\.\w+)+$/;
const longestId = 128;
const longestWorkspace = 256;

/** An event whose event type is known at run time only: a name of the catalog, or an alias. */
export interface NamedUsage extends UsageDetails {
  readonly workspaceId: Id;
  /** `product.metric_type`, or an alias. */
  readonly eventType: string;
  /** The service that reports the usage; if it is given, it must be that of the client. */
  readonly origin?: string | undefined;
}

/** An event of a `UsageClient`. */
export type UsageEventInput = UsageInput | NamedUsage;

type Values = Readonly<Record<string, unknown>>;

/**
 * Returns the body of a request, in which each event has an id, so that it may be repeated.
 *
 * @throws UsageError if an event is invalid, or if there are none or too many.
 */
export function encodeEvents(
  events: readonly UsageEventInput[],
  origin: string,
  isOne = false,
): string {
  const count = Array.isArray(events) ? events.length : 0;
  if (count < 1 || count > batchMaxEvents) {
    const message = `expected 1 to ${batchMaxEvents} events, got ${count}`;
    throw localError([{ field: "events", message }]);
  }
  const problems: UsageProblem[] = [];
  const found = events.map((event, index) => {
    const values = given(event);
    const problem = problemOf(values, origin);
    if (problem !== undefined) {
      problems.push(isOne ? problem : { ...problem, index });
    }
    return values && wire(values, origin);
  });
  if (problems.length > 0) {
    throw localError(problems);
  }
  try {
    return json(isOne ? found[0] : found);
  } catch (error) {
    throw localError([{ field: "events", message: `JSON cannot represent it: ${String(error)}` }]);
  }
}

function given(event: unknown): Values | undefined {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    return undefined;
  }
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value != null));
}

/** Returns an event by the names of the wire, with its service and an id. */
function wire(values: Values, origin: string): Values {
  const { serviceName: _, eventId = newId(), workspaceId, ...others } = values;
  const named = Object.entries(others).map(([name, value]) => [snake(name), value]);
  const ids = { workspace_id: String(workspaceId), event_id: String(eventId) };
  return { ...Object.fromEntries(named), ...ids, origin };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Returns the first argument that is invalid, and why. */
function problemOf(values: Values | undefined, origin: string): UsageProblem | undefined {
  if (values === undefined) {
    return { field: "event", message: "expected an object" };
  }
  for (const field of ["origin", "serviceName"]) {
    if (field in values && values[field] !== origin) {
      const got = describeValue(values[field]);
      return { field, message: `expected the client's own, ${describeValue(origin)}, got ${got}` };
    }
  }
  const { workspaceId, eventId, quantity = 1, occurredAt = 0 } = values;
  if (!isId(workspaceId, longestWorkspace)) {
    return notId("workspaceId", workspaceId, longestWorkspace);
  }
  const problem = nameProblem(values);
  if (problem !== undefined) {
    return problem;
  }
  if (eventId !== undefined && !isId(eventId, longestId)) {
    return notId("eventId", eventId, longestId);
  }
  if (!isAmount(quantity)) {
    const got = describeValue(quantity);
    return { field: "quantity", message: `expected a finite number, got ${got}` };
  }
  if (parseTime(occurredAt) === undefined) {
    const got = describeValue(occurredAt);
    return { field: "occurredAt", message: `expected a time with an offset from UTC, got ${got}` };
  }
  return undefined;
}

function nameProblem(values: Values): UsageProblem | undefined {
  const { eventType, product, metricType } = values;
  if (eventType === undefined) {
    for (const field of ["product", "metricType"]) {
      if (!isId(values[field], longestWorkspace)) {
        return { field, message: `expected a name, got ${describeValue(values[field])}` };
      }
    }
    return undefined;
  }
  if (product !== undefined || metricType !== undefined) {
    const message = "expected either eventType, or product and metricType";
    return { field: "eventType", message };
  }
  if (typeof eventType !== "string" || !eventTypeForm.test(eventType)) {
    const message = `expected {entity}.{action}, got ${describeValue(eventType)}`;
    return { field: "eventType", message };
  }
  return undefined;
}

function notId(field: string, value: unknown, longest: number): UsageProblem {
  const got = describeValue(value);
  return {
    field,
    message: `expected a non-blank string of 1 to ${longest} characters, got ${got}`,
  };
}

function isId(value: unknown, longest: number): boolean {
  if (typeof value === "string") {
    return value.trim() !== "" && [...value].length <= longest;
  }
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

function isAmount(value: unknown): boolean {
  if (value instanceof Decimal) {
    return readDigits(String(value)) !== undefined;
  }
  return typeof value === "bigint" || Number.isFinite(value);
}

/** Returns JSON in which exact amounts are numbers with all of their digits. */
function json(value: unknown): string {
  const mark = newId();
  const text = JSON.stringify(value, function (this: Values, name: string, converted: unknown) {
    const original = this[name];
    if (typeof original === "bigint") {
      return `${mark}${original}`;
    }
    const digits = original instanceof Decimal ? readDigits(String(original)) : undefined;
    return digits === undefined ? converted : `${mark}${digitsText(digits)}`;
  });
  return text.replace(new RegExp(`"${mark}([^"]*)"`, "g"), "$1");
}

/** Returns a random UUID, also where a page has no secure context. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
  return [...parts, `${variant}${hex.slice(18, 20)}`, hex.slice(20)].join("-");
}
