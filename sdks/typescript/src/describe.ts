/** Values, names and errors as messages show them. */

import { safely } from "./safely.js";

const longest = 80;
const listed = 12;
const alike = 0.6;

/** Converts `metric_type` to `metricType`. */
export function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Quotes text: on one line, and cut if it is long. */
export function quoted(text: string): string {
  const cut = text.length > longest;
  const inside = (cut ? text.slice(0, longest) : text).replace(/[\\']/g, "\\$&");
  return `'${printable(inside)}'${cut ? "…" : ""}`;
}

/** Controls, C1 controls, line separators, lone surrogates, and what changes the direction of text. */
const hidden = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Returns foreign text without what could forge a line, hide or reorder text in an output. */
export function printable(text: string): string {
  return text.replace(hidden, (character) => shortEscapes[character] ?? codePoint(character));
}

function codePoint(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Describes a value for an error message: short, on one line, and without ever throwing. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return value.toString(16).length > longest ? "of type bigint" : `${value}n`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : `of type ${className(value)}`;
    default:
      return `of type ${typeof value}`;
  }
}

/** Describes whatever was thrown, without ever throwing. */
export function describeError(raised: unknown): string {
  return safely(() => messageOf(raised)) ?? "something unprintable";
}

function messageOf(raised: unknown): string {
  const isPlain = raised instanceof Error && raised.name === "Error";
  return isPlain ? raised.message : String(raised);
}

/** Returns the name of an object's class, without ever throwing. */
export function className(value: object): string {
  const name: unknown = safely(() => value.constructor.name);
  return typeof name === "string" && name !== "" ? name.slice(0, longest) : "object";
}

/** Suggests the closest name, as in `did you mean 'api_call'?`, or lists what is allowed. */
export function nearest(given: unknown, allowed: readonly string[]): string {
  const close = typeof given === "string" ? closest(given.slice(0, longest), allowed) : undefined;
  if (close !== undefined) {
    return `did you mean ${quoted(close)}?`;
  }
  const more = allowed.length > listed ? ` and ${allowed.length - listed} more` : "";
  return `expected one of ${allowed.slice(0, listed).map(quoted).join(", ")}${more}`;
}

function closest(given: string, allowed: readonly string[]): string | undefined {
  const text = given.toLowerCase();
  const rated = allowed.map((name) => ({ name, rating: similarity(text, name) }));
  const best = rated.reduce((a, b) => (b.rating > a.rating ? b : a), { name: "", rating: 0 });
  return best.rating >= alike ? best.name : undefined;
}

/** Returns the share of letters in their longest common subsequence, from 0 to 1. */
function similarity(one: string, other: string): number {
  let row = new Array<number>(other.length + 1).fill(0);
  for (const letter of one) {
    const next = [0];
    for (let j = 1; j <= other.length; j++) {
      const longer = Math.max(row[j] ?? 0, next[j - 1] ?? 0);
      next.push(letter === other[j - 1] ? (row[j - 1] ?? 0) + 1 : longer);
    }
    row = next;
  }
  return (2 * (row.at(-1) ?? 0)) / (one.length + other.length);
}
