/** Fields that an event lacks unless they are given: their checks, and their JSON. */

import { amount, isText } from "./checks.js";
import { formatTime, parseTime } from "./clock.js";
import { describeValue, quoted } from "./describe.js";
import { invalid, ValidationError } from "./errors.js";
import type { ErrorCode } from "./generated/errors.js";
import { clientFields, eventFields } from "./generated/fields.js";
import { limits } from "./generated/limits.js";
import { isJsonObject } from "./jsonText.js";
import { checkMetadata } from "./metadata.js";
import type { FieldRule } from "./metric.js";
import { type Bounds, isZero } from "./number.js";
import { isInstance } from "./safely.js";
import type { FieldInfo } from "./tables.js";

type Given = Readonly<Record<string, unknown>>;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Encodes the fields of a call as they follow those of every event, each after a comma.
 *
 * @param given The fields by the names of their options; undefined and null are not given.
 * @param hasUnitCost Whether the call has a cost of one unit, which a field may exclude.
 * @param now Milliseconds since 1970.
 */
export function encodeFields(given: object, hasUnitCost: boolean, now: number): string {
  let text = "";
  for (const field of eventFields) {
    const value = (given as Given)[field.key];
    if (value != null) {
      text += `,"${field.name}":${read(field, value, now)}`;
    }
  }
  if (text !== "") {
    checkRelations(given as Given, hasUnitCost);
  }
  return text;
}

/** Encodes the client's own fields as they follow those of every event. */
export function encodeClientFields(values: Given): string {
  const given = clientFields.filter(({ key }) => values[key] !== undefined);
  return given.map(({ key, name }) => `,"${name}":${JSON.stringify(values[key])}`).join("");
}

/** Reports whether a client with these fields has events that are billed. */
export function isBilled(values: Given): boolean {
  return clientFields.every(({ key, billed }) => {
    const value = values[key];
    return value === undefined || billed === undefined || billed.includes(value as string);
  });
}

const excluding = eventFields.filter(({ excludes }) => excludes);
const requiring = eventFields.filter(({ requires }) => requires);
const byName = new Map(eventFields.map((field) => [field.name, field]));

function checkRelations(given: Given, hasUnitCost: boolean): void {
  const has = (name: string) => {
    const field = byName.get(name);
    return name === "unit_cost" ? hasUnitCost : field !== undefined && given[field.key] != null;
  };
  for (const { name, key, excludes = [] } of excluding) {
    const other = given[key] == null ? undefined : excludes.find(has);
    if (other !== undefined) {
      const hint = `no ${other} beside it`;
      throw invalid(codeOf(name), { given: describeValue(given[key]), hint });
    }
  }
  for (const { name, key, requires = [], whenNotZero } of requiring) {
    const value = given[key];
    const isExempt = whenNotZero === true && isZero(value);
    const missing = value == null || isExempt ? undefined : requires.find((other) => !has(other));
    if (missing !== undefined) {
      throw invalid(`${missing}.required` as ErrorCode, { hint: `${name} requires it` });
    }
  }
}

/** Checks the fields of a call against the rules of its metric type, which has this name. */
export function checkFieldRules(rules: readonly FieldRule[], metric: string, given: object): void {
  for (const { name, required, allowed } of rules) {
    const field = byName.get(name) as FieldInfo;
    const value = (given as Given)[field.key];
    if (value == null) {
      if (required) {
        throw invalid(`${name}.required` as ErrorCode, { hint: `${metric} requires it` });
      }
    } else if (allowed !== undefined && !allowed.includes(read(field, value, 0))) {
      const hint = `one of ${allowed.join(", ")}`;
      throw invalid(codeOf(name), { given: describeValue(value), hint });
    }
  }
}

function codeOf(name: string): ErrorCode {
  return `${name}.invalid` as ErrorCode;
}

/** Checks a value and returns it as JSON; a value that throws while it is read is invalid as well. */
function read(field: FieldInfo, value: unknown, now: number): string {
  let text: string | undefined;
  try {
    text = readers[field.kind](field, value, now);
  } catch (error) {
    if (isInstance(error, ValidationError) && error.field === field.name) {
      throw error;
    }
  }
  if (text === undefined) {
    throw invalid(codeOf(field.name), { given: describeValue(value), hint: expected(field) });
  }
  return text;
}

type Reader = (field: FieldInfo, value: unknown, now: number) => string | undefined;

const readers: Readonly<Record<FieldInfo["kind"], Reader>> = {
  string(field, value) {
    return isTextOf(field, value) ? JSON.stringify(value) : undefined;
  },
  number(field, value) {
    return amount(codeOf(field.name), value, boundsOf(field, false));
  },
  integer(field, value) {
    return amount(codeOf(field.name), value, boundsOf(field, true));
  },
  boolean(_, value) {
    return typeof value === "boolean" ? String(value) : undefined;
  },
  timestamp(
    { aheadMs = Number.POSITIVE_INFINITY, behindMs = Number.POSITIVE_INFINITY },
    value,
    now,
  ) {
    const milliseconds = parseTime(value);
    const isNear =
      milliseconds !== undefined && now - behindMs <= milliseconds && milliseconds <= now + aheadMs;
    return isNear ? JSON.stringify(formatTime(milliseconds)) : undefined;
  },
  uuid(_, value) {
    return typeof value === "string" && uuid.test(value) ? `"${value.toLowerCase()}"` : undefined;
  },
  enum({ values = [] }, value) {
    return values.includes(value as string) ? JSON.stringify(value) : undefined;
  },
  list(field, value) {
    const { minItems = 1, maxItems = 0, maxBytes = 0 } = field;
    if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) {
      return undefined;
    }
    const items: unknown[] = [...value];
    const text = JSON.stringify(items);
    const isValid = items.every((item) => isTextOf(field, item));
    return isValid && Buffer.byteLength(text) <= maxBytes ? text : undefined;
  },
  json({ maxBytes = 0 }, value) {
    if (!isJsonObject(value)) {
      return undefined;
    }
    const { json, lost } = checkMetadata(value, {});
    const isWhole = lost === "" && Buffer.byteLength(JSON.parse(json) as string) <= maxBytes;
    return isWhole ? json : undefined;
  },
};

// As many as a column of the table has, where the field has no limit of its own.
const storedDigits = limits.quantity.maxDigits;

function boundsOf(field: FieldInfo, integer: boolean): Bounds {
  const { minimum = 0, maximum = 0, maxDigits = storedDigits } = field;
  return { minimum, maximum, maxDigits, integer };
}

function isTextOf({ minLength = 1, maxLength = 0 }: FieldInfo, value: unknown): value is string {
  return isText(value, minLength, maxLength);
}

/** Describes what a field may be. */
function expected(field: FieldInfo): string {
  const { kind, minLength = 1, maxLength, minItems = 1, maxItems, maxBytes, values = [] } = field;
  switch (kind) {
    case "string":
      return `a non-blank string of ${minLength} to ${maxLength} characters`;
    case "boolean":
      return "true or false";
    case "timestamp":
      return ["a Date or an RFC 3339 time with an offset", ...distances(field)].join(", ");
    case "uuid":
      return "a UUID, such as 019c1345-f6c0-7000-8000-000000000001";
    case "enum":
      return `one of ${values.map(quoted).join(", ")}`;
    case "list":
      return (
        `a list of ${minItems} to ${maxItems} non-blank strings of ${minLength} to ${maxLength} ` +
        `characters, of at most ${maxBytes} bytes together`
      );
    default:
      return `an object that JSON can represent, in at most ${maxBytes} bytes`;
  }
}

function distances({ aheadMs, behindMs }: FieldInfo): string[] {
  const sides = { ahead: aheadMs, behind: behindMs };
  return Object.entries(sides)
    .filter(([, limit]) => limit !== undefined)
    .map(([side, limit]) => `at most ${limit} ms ${side}`);
}
