/**
 * Encodes metadata as JSON text, as much of it as possible.
 *
 * A quantity is exact or rejected, metadata is best effort: a value that cannot be encoded becomes
 * its string form, and oversized metadata is cut to a marker. Each event reports once what was lost.
 */

import { className, describeValue, quoted } from "./describe.js";
import { invalid } from "./errors.js";
import { logLevelKey, logMessageKept, logMessageKey } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import { formOf, isJsonObject, JsonWriter, noObject, OversizeError } from "./jsonText.js";
import type { MetadataKey, MetricRule } from "./metric.js";
import { isInstance, safely } from "./safely.js";

/** Metadata as an object of keys and values. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What is accepted as metadata: objects of interfaces and classes too, but none that hold no keys. */
export type MetadataLike =
  | Metadata
  | (object & {
      readonly [Symbol.hasInstance]?: never; // functions
      readonly [Symbol.iterator]?: never; // arrays, maps, sets
      readonly [Symbol.toPrimitive]?: never; // dates
      readonly [Symbol.toStringTag]?: never; // promises, buffers
    });

/** Encoded metadata. */
export interface Details {
  /** A JSON string that holds a JSON object. */
  readonly json: string;
  /** Describes what was lost; "" if nothing was. */
  readonly lost: string;
}

const { maxBytes, oversize } = limits.metadata;
/** What a message has in place of values about persons. */
const unshown = "a value that is not shown";
const marker = JSON.parse(oversize) as Metadata;
// With more keys than this, oversized metadata is detected by counting, before all of it is encoded.
const maxPlainKeys = 64;
// So many keys are oversized: five bytes each, with quotes, colon, value and comma.
const maxKeys = 1 + Math.floor(maxBytes / 5);

/** The metadata of an event without any. */
const noDetails: Details = { json: JSON.stringify(limits.metadata.default), lost: "" };

/**
 * Checks and encodes the metadata of one event. `spare` are values in it that are left out before
 * anything else is cut.
 */
export function checkMetadata(
  value: unknown,
  { metadata: keys, pii }: MetricRule,
  spare?: Metadata,
): Details {
  if (value == null && keys === undefined) {
    return noDetails;
  }
  const given: unknown = value ?? {};
  if (!isJsonObject(given)) {
    const hint = "an object of keys and values";
    throw invalid("metadata.invalid", { given: describeValue(value), hint });
  }
  if (keys === undefined) {
    return encodeMetadata(given, [], pii, spare);
  }
  const declared = Object.entries(keys);
  const wrong = declared.map(([name, key]) => keyFault(given, name, key, pii));
  const kept = declared.filter(([, { required }]) => required).map(([name]) => name);
  const { json, lost } = encodeMetadata(given, kept, pii, spare);
  return { json, lost: [...wrong, lost].filter((text) => text !== "").join("; ") };
}

/**
 * Describes what is wrong with an optional key, or ""; throws if the key is required. Values of keys
 * about persons are in no message.
 */
function keyFault(
  given: Metadata,
  name: string,
  { required, type, allowed }: MetadataKey,
  pii: MetricRule["pii"],
): string {
  const value = safely(() => (Object.hasOwn(given, name) ? given[name] : undefined));
  if (value === undefined) {
    if (required) {
      throw invalid("metadata.required", { given: describeValue(given), hint: quoted(name) });
    }
    return "";
  }
  let expected: string;
  if (allowed !== undefined && !allowed.some((text) => isSame(value, JSON.parse(text)))) {
    expected = `${quoted(name)} to be one of ${allowed.join(", ")}`;
  } else if (type !== undefined && !isOf(type, value)) {
    expected = `${quoted(name)} to be ${type === "integer" ? "an" : "a"} ${type}`;
  } else {
    return "";
  }
  const shown = pii !== undefined && Object.hasOwn(pii, name) ? unshown : describeValue(value);
  if (required) {
    throw invalid("metadata.invalid", { given: shown, hint: expected });
  }
  return `expected ${expected}, got ${shown}`;
}

function isSame(value: unknown, allowed: unknown): boolean {
  return typeof value === "bigint" && typeof allowed === "number"
    ? BigInt(Math.trunc(allowed)) === value && Number.isInteger(allowed)
    : value === allowed;
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return typeof value === "bigint" || Number.isInteger(value);
    case "number":
      return typeof value === "bigint" || typeof value === "number";
    default:
      return typeof value === type;
  }
}

/**
 * Encodes metadata. `kept` names the keys that stay beside the marker if the rest is too large; the
 * keys of `log()` stay too, with the beginning of the message.
 */
function encodeMetadata(
  metadata: Metadata,
  kept: readonly string[],
  pii: MetricRule["pii"],
  spare: Metadata | undefined,
): Details {
  const text = pii === undefined ? plainText(metadata) : undefined;
  return text === undefined
    ? bestEffort(metadata, kept, pii, spare)
    : { json: JSON.stringify(text), lost: "" };
}

/** Returns the metadata of a `log()`: the caller's, with level and message; and what it lost. */
export function logMetadata(
  metadata: unknown,
  level: string,
  text: unknown,
): { readonly metadata: unknown; readonly lost: string } {
  const given = metadata ?? {};
  if (!isJsonObject(given)) {
    return { metadata, lost: "" }; // record() rejects it
  }
  const found = { [logLevelKey]: level, [logMessageKey]: text };
  let own: PropertyDescriptorMap = {};
  let lost = "";
  try {
    const form = formOf(given, "");
    // Descriptors, because reading a property may throw, which only the encoder handles.
    own = isJsonObject(form) ? firstProperties(form) : own;
    lost = isJsonObject(form) ? "" : noObject;
  } catch (error) {
    lost = unreadable(error);
  }
  const all = { ...own, ...Object.getOwnPropertyDescriptors(found) };
  return { metadata: Object.defineProperties({}, all), lost };
}

/** Returns metadata with what is below it, whose keys it may replace. */
export function mergedMetadata(below: unknown, given: unknown): unknown {
  if (given == null || !isJsonObject(given) || !isJsonObject(below)) {
    return given ?? below; // record() rejects what is no object
  }
  try {
    const [lower, upper] = [formOf(below, ""), formOf(given, "")];
    return isJsonObject(lower) && isJsonObject(upper)
      ? Object.defineProperties({}, { ...firstProperties(lower), ...firstProperties(upper) })
      : given;
  } catch {
    return given; // which cannot be read, as its encoding reports
  }
}

/** Returns the properties, but no more than make metadata too large anyway. */
function firstProperties(form: Metadata): PropertyDescriptorMap {
  const names = Object.keys(form).slice(0, maxKeys);
  return Object.fromEntries(
    names.map((name) => [name, Object.getOwnPropertyDescriptor(form, name) ?? {}]),
  );
}

function unreadable(error: unknown): string {
  return `it could not be read: ${className(Object(error) as object)}`;
}

/** Returns the text if JSON.stringify loses nothing, as with most metadata. */
function plainText(metadata: Metadata): string | undefined {
  try {
    if (!isPlain(metadata)) {
      return undefined;
    }
    const text = JSON.stringify(metadata);
    // A lone surrogate becomes an escape; texts that only look like one take the slow path.
    return fits(text) && !text.includes("\\ud") ? text : undefined;
  } catch {
    return undefined;
  }
}

function isPlain(metadata: Metadata): boolean {
  const prototype: unknown = Object.getPrototypeOf(metadata);
  if ((prototype !== Object.prototype && prototype !== null) || "toJSON" in metadata) {
    return false;
  }
  let count = 0;
  for (const key in metadata) {
    const value = metadata[key];
    count += 1;
    const plain =
      typeof value === "string"
        ? value.length <= maxBytes
        : typeof value === "number"
          ? Number.isFinite(value)
          : typeof value === "boolean" || value === null;
    if (!plain || count > maxPlainKeys) {
      return false;
    }
  }
  return true;
}

function bestEffort(
  metadata: Metadata,
  kept: readonly string[],
  pii: MetricRule["pii"],
  spare: Metadata | undefined,
): Details {
  const writer = new JsonWriter(pii);
  let text = "{}";
  try {
    text = writer.top(metadata);
  } catch (error) {
    if (isInstance(error, OversizeError)) {
      text = "";
    } else {
      writer.lost.push(unreadable(error));
    }
  }
  if (text === "" || !fits(text)) {
    const rest = spare && safely(() => without(metadata, spare));
    if (rest !== undefined) {
      return encodeMetadata(rest, kept, pii, undefined);
    }
    writer.lost.unshift(`it was cut, being over ${maxBytes} bytes`);
    text = cut(metadata, kept, pii);
  }
  return { json: JSON.stringify(text), lost: writer.lost.join("; ") };
}

/** Returns metadata without values that were added, or as many keys of it as are too large. */
function without(metadata: Metadata, spare: Metadata): Metadata {
  const keys = Object.keys(metadata).slice(0, maxKeys + Object.keys(spare).length);
  const isSpare = (key: string) => Object.hasOwn(spare, key) && metadata[key] === spare[key];
  return Object.fromEntries(keys.filter((key) => !isSpare(key)).map((key) => [key, metadata[key]]));
}

function cut(metadata: Metadata, kept: readonly string[], pii: MetricRule["pii"]): string {
  try {
    const found = Object.fromEntries(kept.map((key) => [key, metadata[key]]));
    for (const key of [logLevelKey, logMessageKey]) {
      const text = metadata[key];
      if (!(key in found) && typeof text === "string") {
        found[key] = pii && Object.hasOwn(pii, key) ? text : beginning(text, logMessageKept);
      }
    }
    const text = new JsonWriter(pii).top({ ...marker, ...found });
    return fits(text) ? text : oversize;
  } catch {
    return oversize; // the marker alone is better than no event
  }
}

/** Returns the first characters, without splitting a surrogate pair. */
export function beginning(text: string, characters: number): string {
  return Array.from(text.slice(0, 2 * characters))
    .slice(0, characters)
    .join("");
}

function fits(text: string): boolean {
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}
