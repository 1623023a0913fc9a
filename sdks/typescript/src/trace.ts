/**
 * The span that is active when an event is recorded, as keys of the event's metadata: those that
 * OpenTelemetry gives log records outside of its own protocol.
 */

import { formOf, isJsonObject } from "./jsonText.js";
import { mergedMetadata } from "./metadata.js";
import { safely } from "./safely.js";

/** The ids of a span, in lowercase hex. */
export type SpanIds = Readonly<Record<"trace_id" | "span_id", string>>;

/** Returns the ids of the active span, if there is one. */
export type ActiveSpan = () => SpanIds | undefined;

interface WithSpan {
  readonly metadata: unknown;
  readonly added: SpanIds | undefined;
}

type OpenTelemetry = typeof import("@opentelemetry/api");

const name = "@opentelemetry/api";

/** Returns what finds the active span; undefined without OpenTelemetry's API. */
export function activeSpan(): ActiveSpan | undefined {
  // Not by an import, which bundlers would resolve. All copies of the API share what is active.
  const { createRequire } = process.getBuiltinModule("node:module");
  const api = safely(() => createRequire(import.meta.url)(name) as OpenTelemetry);
  if (api === undefined) {
    return undefined;
  }
  const { trace, isSpanContextValid } = api;
  const ids = () => {
    const span = trace.getActiveSpan()?.spanContext();
    return span !== undefined && isSpanContextValid(span)
      ? { trace_id: span.traceId, span_id: span.spanId }
      : undefined;
  };
  return () => safely(ids); // a span may be of any class
}

/**
 * Returns metadata with the ids of a span, and which were added: all or none.
 *
 * None are if the caller gave any: ids of two spans would name neither. What is no metadata is
 * returned as it is, to be rejected.
 */
export function withSpan(metadata: unknown, ids: SpanIds | undefined): WithSpan {
  if (ids !== undefined) {
    const given = metadata ?? {};
    const isFree = safely(() => {
      const form = isJsonObject(given) ? formOf(given, "") : undefined;
      return isJsonObject(form) && !Object.keys(ids).some((key) => Object.hasOwn(form, key));
    });
    if (isFree === true) {
      return { metadata: mergedMetadata(ids, given), added: ids };
    }
  }
  return { metadata, added: undefined };
}
