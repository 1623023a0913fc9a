/** What a metric type asks of metadata: the keys that it declares. */

import { describeValue, quoted } from "./describe.js";
import { invalid } from "./errors.js";
import { isJsonObject } from "./jsonText.js";
import { type Details, encodeMetadata, type Metadata, noDetails } from "./metadata.js";
import type { MetadataKey, MetricRule } from "./metric.js";
import { safely } from "./safely.js";

/** Checks and encodes the metadata of one event. */
export function metadata(value: unknown, keys: MetricRule["metadata"]): Details {
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
  const wrong = declared.map(([name, key]) => fault(given, name, key));
  const kept = declared.filter(([, { required }]) => required).map(([name]) => name);
  const { json, lost } = encodeMetadata(given, kept);
  return { json, lost: [...wrong, lost].filter((words) => words !== "").join("; ") };
}

/** What is wrong with the value of a key that may be absent, or "". */
function fault(given: Metadata, name: string, { required, type, allowed }: MetadataKey): string {
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
