/** Values and names as error messages show them. */

import { safely } from "./safely.js";

const longest = 80;
const listed = 12;

/** `metric_type` as `metricType`. */
export function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Text between quotes, on one line, cut where it is long. */
export function quoted(text: string): string {
  const cut = text.length > longest;
  const inside = JSON.stringify(cut ? text.slice(0, longest) : text).slice(1, -1);
  return `'${inside.replaceAll('\\"', '"').replaceAll("'", "\\'")}'${cut ? "…" : ""}`;
}

/** A value as an error message shows it: short, on one line, and never failing. */
export function shown(value: unknown): string {
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

/** The name of an object's class, whatever its class does. */
export function className(value: object): string {
  const name: unknown = safely(() => value.constructor.name);
  return typeof name === "string" && name !== "" ? name.slice(0, longest) : "object";
}

/** `did you mean 'api_call'?`, or what there is to choose from. */
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
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of allowed) {
    const changes = distance(text, name);
    if (changes < least && changes <= Math.max(1, Math.floor(name.length * 0.4))) {
      best = name;
      least = changes;
    }
  }
  return best;
}

/** How many letters must be added, removed or changed to turn one into the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
