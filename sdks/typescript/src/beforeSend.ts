/** The caller's own filter of metadata, before an event is encoded, stored or sent. */

import { className } from "./describe.js";
import { formOf, isJsonObject } from "./jsonText.js";
import { checkMetadata, type Details, type Metadata } from "./metadata.js";
import type { MetricRule } from "./metric.js";
import { isInstance } from "./safely.js";

/** Returns what of the metadata may leave the process; it may change the object that it is given. */
export type BeforeSend = (metadata: Record<string, unknown>) => Metadata;

const failed = { _before_send_failed: true };

/**
 * Checks and encodes what the filter leaves of the metadata of one event.
 *
 * The filter decides what may leave the process: if it fails, nothing does. What is no metadata is
 * rejected before.
 */
export function filteredMetadata(
  value: unknown,
  rule: MetricRule,
  beforeSend: BeforeSend,
  spare: Metadata | undefined,
): Details {
  const given: unknown = value ?? {};
  if (!isJsonObject(given)) {
    return checkMetadata(given, rule);
  }
  let left: unknown;
  let why = "";
  try {
    left = beforeSend({ ...(formOf(given, "") as object) });
    why = isJsonObject(left) ? "" : `returned ${typeName(left)}`;
    if (isInstance(left, Promise)) {
      left.catch(() => undefined); // or its rejection would end the process
    }
  } catch (error) {
    why = `threw ${typeName(error)}`; // its text may have what must not be shown
  }
  if (why === "") {
    return checkMetadata(left, rule, spare);
  }
  // What the metric type requires may be what was dropped.
  const { json } = checkMetadata(failed, {});
  return { json, lost: `it was dropped, as beforeSend ${why}` };
}

function typeName(value: unknown): string {
  return typeof value === "object" && value !== null ? className(value) : typeof value;
}
