/** The queries of the HTTP API: checked here, so that a mistake costs no request. */

import { describeValue } from "./describe.js";
import type { QueryParameters } from "./tables.js";
import { localError, type UsageProblem } from "./usageAnswer.js";

type Kind = QueryParameters[string][1];
type Texts = readonly (readonly [string, string])[];
type Encoder = (name: string, value: unknown) => Texts | undefined;

const expected: Readonly<Record<Kind, string>> = {
  text: "a string",
  integer: "an integer",
  boolean: "a boolean",
  time: "a valid Date, or a string",
  bound: "a valid Date, or a string",
  list: "a string, or a list of at least one",
  keys: "an object of keys to a string, or to a list of at least one",
};

// Each returns undefined for what it cannot encode.
const encoders: Readonly<Record<Kind, Encoder>> = {
  text: (name, value) => single(name, idText(value)),
  integer: (name, value) => single(name, Number.isSafeInteger(value) ? String(value) : undefined),
  boolean: (name, value) => single(name, typeof value === "boolean" ? String(value) : undefined),
  time: (name, value) => single(name, timeText(value)),
  bound: (name, value) => single(name, timeText(value)),
  list,
  keys,
};

/**
 * Returns the parameters of a query as they are sent; what is undefined or null is left out.
 *
 * @throws UsageError if there is no such parameter, or it cannot have the value.
 */
export function queryOf(query: object | undefined, parameters: QueryParameters): URLSearchParams {
  if (query !== undefined && !isObject(query)) {
    const message = `expected an object, got ${describeValue(query)}`;
    throw localError([{ field: "query", message }]);
  }
  const found = new URLSearchParams();
  const problems: UsageProblem[] = [];
  for (const [field, value] of Object.entries(query ?? {})) {
    const [name, kind] = Object.hasOwn(parameters, field) ? (parameters[field] ?? []) : [];
    if (name === undefined || kind === undefined) {
      const names = Object.keys(parameters).join(", ");
      problems.push({ field, message: `no such parameter, use one of ${names}` });
    } else if (value !== undefined && value !== null) {
      const texts = encoders[kind](name, value);
      for (const [each, text] of texts ?? []) {
        found.append(each, text);
      }
      if (texts === undefined) {
        const message = `expected ${expected[kind]}, got ${describeValue(value)}`;
        problems.push({ field, message });
      }
    }
  }
  if (problems.length > 0) {
    throw localError(problems);
  }
  return found;
}

function single(name: string, text: string | undefined): Texts | undefined {
  return text === undefined ? undefined : [[name, text]];
}

function list(name: string, value: unknown): Texts | undefined {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = values.map(idText).filter((text) => text !== undefined);
  const [first] = texts;
  // No value asks for nothing, which without the parameter would be everything.
  if (first === undefined || texts.length < values.length) {
    return undefined;
  }
  return texts.length === 1 ? [[name, alone(first)]] : texts.map((text) => [name, text]);
}

function keys(name: string, value: unknown): Texts | undefined {
  if (!isObject(value)) {
    return undefined;
  }
  const found = Object.entries(value).map(([key, each]) => list(`${name}.${key}`, each));
  return found.includes(undefined) ? undefined : found.flatMap((texts) => texts ?? []);
}

/** Returns a value that is the only one, which the API would split at commas, as CSV has it. */
function alone(text: string): string {
  return /[,"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function idText(value: unknown): string | undefined {
  const isNumber = typeof value === "bigint" || Number.isSafeInteger(value);
  return typeof value === "string" || isNumber ? String(value) : undefined;
}

function timeText(value: unknown): string | undefined {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  }
  return typeof value === "string" ? value : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
