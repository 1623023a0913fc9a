/**
 * Metadata as JSON text, as much of it as can be had.
 *
 * A quantity is sacred, metadata is best effort: a value that cannot be encoded becomes its string
 * form, and too much of it is cut to a marker. What was lost is said once, in words.
 */

import { className, describeValue, quoted } from "./describe.js";
import { invalid } from "./errors.js";
import { logLevelKey, logMessageKept, logMessageKey } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import { isJsonObject, JsonWriter, OversizeError } from "./jsonText.js";
import type { MetadataKey, MetricRule } from "./metric.js";
import { safely } from "./safely.js";

/** Metadata as an object of keys and values. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Metadata as it stands in an event, and what was lost of it, or "". */
export interface Details {
  /** A JSON string that holds a JSON object. */
  readonly json: string;
  readonly lost: string;
}

const { maxBytes, oversize } = limits.metadata;
const marker = JSON.parse(oversize) as Metadata;
// With more keys than this, what is too large is found by counting, before all of it is encoded.
const few = 64;

/** An event's metadata where the caller gives none. */
const noDetails: Details = { json: JSON.stringify(limits.metadata.default), lost: "" };

/** Checks and encodes the metadata of one event. */
export function checkMetadata(value: unknown, keys: MetricRule["metadata"]): Details {
  if (value == null && keys === undefined) {
    return noDetails;
  }
  const given: unknown = value ?? {};
  if (!isJsonObject(given)) {
    const hint = "an object of keys and values";
    throw invalid("metadata.invalid", { given: describeValue(value), hint });
  }
  if (keys === undefined) {
    return encodeMetadata(given, []);
  }
  const declared = Object.entries(keys);
  const wrong = declared.map(([name, key]) => keyFault(given, name, key));
  const kept = declared.filter(([, { required }]) => required).map(([name]) => name);
  const { json, lost } = encodeMetadata(given, kept);
  return { json, lost: [...wrong, lost].filter((words) => words !== "").join("; ") };
}

/** What is wrong with the value of a key that may be absent, or "". */
function keyFault(given: Metadata, name: string, { required, type, allowed }: MetadataKey): string {
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
    expected = `${quoted(name)} to be a ${type}`;
  } else {
    return "";
  }
  if (required) {
    throw invalid("metadata.invalid", { given: describeValue(value), hint: expected });
  }
  return `expected ${expected}, got ${describeValue(value)}`;
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
 * Encodes metadata. `kept` names the keys that stay beside the marker where the rest is too large;
 * so do those of `log()`, with the beginning of the message.
 */
function encodeMetadata(metadata: Metadata, kept: readonly string[]): Details {
  const text = plainText(metadata);
  return text === undefined ? bestEffort(metadata, kept) : { json: JSON.stringify(text), lost: "" };
}

/** The metadata of a `log()`: what the caller gave, its level and its message. */
export function logMetadata(metadata: unknown, level: string, words: unknown): unknown {
  if (metadata != null && !isJsonObject(metadata)) {
    return metadata; // to be refused, as record() refuses it
  }
  const found = { [logLevelKey]: level, [logMessageKey]: words };
  // Descriptors, because reading a property may throw; the writer knows what to do then.
  return Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(metadata ?? {}),
      ...Object.getOwnPropertyDescriptors(found),
    },
  );
}

/** The text where JSON.stringify writes all of it, as it does with most metadata there is. */
function plainText(metadata: Metadata): string | undefined {
  try {
    if (!isPlain(metadata)) {
      return undefined;
    }
    const text = JSON.stringify(metadata);
    // It writes a lone surrogate as an escape; the few texts that only look so lose no more than time.
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
    if (!plain || count > few) {
      return false;
    }
  }
  return true;
}

function bestEffort(metadata: Metadata, kept: readonly string[]): Details {
  const writer = new JsonWriter();
  let text = "{}";
  try {
    text = writer.top(metadata);
  } catch (error) {
    if (error instanceof OversizeError) {
      text = "";
    } else {
      writer.lost.push(`it could not be read: ${className(Object(error) as object)}`);
    }
  }
  if (text === "" || !fits(text)) {
    writer.lost.unshift(`it was cut, being over ${maxBytes} bytes`);
    text = cut(metadata, kept);
  }
  return { json: JSON.stringify(text), lost: writer.lost.join("; ") };
}

function cut(metadata: Metadata, kept: readonly string[]): string {
  try {
    const found = Object.fromEntries(kept.map((key) => [key, metadata[key]]));
    for (const key of [logLevelKey, logMessageKey]) {
      const words = metadata[key];
      if (!(key in found) && typeof words === "string") {
        found[key] = beginning(words, logMessageKept);
      }
    }
    const text = new JsonWriter().top({ ...marker, ...found });
    return fits(text) ? text : oversize;
  } catch {
    return oversize; // the marker alone is better than no event
  }
}

/** So many characters, of which no pair of surrogates is torn. */
function beginning(words: string, characters: number): string {
  return Array.from(words.slice(0, 2 * characters))
    .slice(0, characters)
    .join("");
}

function fits(text: string): boolean {
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}
