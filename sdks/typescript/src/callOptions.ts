/** What calls take by name, and how it is read: each property once, and none unknown. */

import type { Amount } from "./decimal.js";
import { describeError, describeValue, nearest, quoted } from "./describe.js";
import { invalid, ValidationError } from "./errors.js";
import type { Status } from "./generated/catalog.js";
import { sessionBoundaryField, sessionField } from "./generated/constants.js";
import { type EventFields, eventFields } from "./generated/fields.js";
import { isJsonObject } from "./jsonText.js";
import type { MetadataLike } from "./metadata.js";
import type { Metric } from "./metric.js";
import { isInstance } from "./safely.js";

/** An id; an integer is sent as its decimal digits. */
export type Id = string | number | bigint;

/** A time: a Date, an RFC 3339 string, or milliseconds since 1970. */
export type Time = Date | string | number;

/** Options of a call of `record()`. */
export interface RecordOptions extends EventFields {
  /**
   * An idempotency key: events with the same id count once.
   *
   * @default a new UUIDv7
   */
  readonly eventId?: Id | null | undefined;
  /**
   * When the usage happened, as a Date, an RFC 3339 string, or milliseconds since 1970.
   *
   * @default now
   */
  readonly occurredAt?: Time | null | undefined;
  /**
   * The service that did the work, if it is not the client's own.
   *
   * @default the client's
   */
  readonly serviceName?: string | null | undefined;
}

/** What `record()` takes by name, beside the workspace and one of `metrics`. */
export interface UsageDetails extends RecordOptions {
  /**
   * How much, in the unit of the metric type.
   *
   * @default 1
   */
  readonly quantity?: Amount | undefined;
  /** @default "ok" */
  readonly status?: Status | undefined;
  /** The cost of one unit, if known. */
  readonly unitCost?: Amount | null | undefined;
  /** Further details. What JSON cannot represent becomes a string; oversized metadata is cut. */
  readonly metadata?: MetadataLike | null | undefined;
}

/** One amount of `recordAmounts()`: one of `metrics`, how much, and what that cost if it is known. */
export type MetricAmount = readonly [metric: Metric, quantity: Amount, cost?: Amount | null];

/** What `recordAmounts()` takes by name, for each of its events. */
export interface AmountsDetails extends EventFields {
  /** The idempotency key of the piece of work. */
  readonly eventId: Id;
  /** @default "ok" */
  readonly status?: Status | undefined;
  readonly metadata?: MetadataLike | null | undefined;
  /** @default now */
  readonly occurredAt?: Time | null | undefined;
  /** @default the client's */
  readonly serviceName?: string | null | undefined;
}

/** What `session()` takes by name. */
export interface SessionDetails extends EventFields {
  /** @default "ok" */
  readonly status?: Status | undefined;
  /** The cost of one unit, if known. */
  readonly unitCost?: Amount | null | undefined;
  readonly metadata?: MetadataLike | null | undefined;
  /** @default a new UUIDv7 */
  readonly eventId?: Id | null | undefined;
  /** @default the client's */
  readonly serviceName?: string | null | undefined;
}

/** What `sessionStart()` and `sessionBeat()` take by name. */
export interface BoundaryDetails extends EventFields {
  /**
   * When it happened.
   *
   * @default now
   */
  readonly at?: Time | null | undefined;
  readonly metadata?: MetadataLike | null | undefined;
  /** @default a new UUIDv7 */
  readonly eventId?: Id | null | undefined;
  /** @default the client's */
  readonly serviceName?: string | null | undefined;
}

/** What `sessionEnd()` takes by name. */
export interface SessionEndDetails extends BoundaryDetails {
  /** @default "ok" */
  readonly status?: Status | undefined;
}

/** What a bound client gives to each call that does not give it itself. */
export interface BoundDetails extends EventFields {
  readonly workspaceId?: Id | null | undefined;
  readonly serviceName?: string | null | undefined;
  /** Metadata of each event; a key of the call's own wins. */
  readonly metadata?: MetadataLike | null | undefined;
}

/** What the encoder takes beside the arguments that have a place. */
export interface CallOptions {
  readonly eventId?: unknown;
  readonly occurredAt?: unknown;
  readonly serviceName?: unknown;
  /** The fields that are given, by the names of their options; undefined if there are none. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /** Of an event that only the SDK makes, exempt from the rules of its metric type: which call's. */
  readonly own?: "void" | "session" | undefined;
}

/** What was read of an argument; undefined is not given. */
export interface CallValues extends CallOptions {
  readonly workspaceId: unknown;
  readonly product: unknown;
  readonly metricType: unknown;
  readonly quantity: unknown;
  readonly status: unknown;
  readonly unitCost: unknown;
  readonly metadata: unknown;
  readonly at: unknown;
}

/** Names of properties, each with whether it is one of the fields. */
type Names = ReadonlyMap<string, boolean>;

const boundaryFields: readonly string[] = [sessionField, sessionBoundaryField];

function namesOf(call: "record" | "session", ...others: readonly string[]): Names {
  const fields = eventFields.filter(
    ({ name, calls }) => calls?.includes(call) && !boundaryFields.includes(name),
  );
  return new Map([
    ...others.map((name) => [name, false] as const),
    ...fields.map(({ key }) => [key, true] as const),
  ]);
}

const names = {
  options: namesOf("record", "eventId", "occurredAt", "serviceName"),
  details: namesOf(
    "record",
    ...["quantity", "status", "unitCost", "metadata", "eventId", "occurredAt", "serviceName"],
  ),
  events: namesOf(
    "record",
    ...["workspaceId", "product", "metricType", "quantity", "status", "unitCost", "metadata"],
    ...["eventId", "occurredAt", "serviceName"],
  ),
  amounts: namesOf("record", "eventId", "status", "metadata", "occurredAt", "serviceName"),
  session: namesOf("record", "status", "unitCost", "metadata", "eventId", "serviceName"),
  boundary: namesOf("session", "at", "metadata", "eventId", "serviceName"),
  end: namesOf("session", "at", "metadata", "eventId", "serviceName", "status"),
  bound: namesOf("record", "workspaceId", "serviceName", "metadata"),
};

const eventNames = names.events;
const nothing = valuesOf({}, undefined);

/** Reads the options of one kind of call; throws a ValidationError. */
export function readCall(kind: keyof typeof names, given: unknown): CallValues {
  return given == null ? nothing : read(kind, given, names[kind]);
}

/** Reads one event of a batch; throws a ValidationError. */
export function readEvent(given: unknown): CallValues {
  return read("events", given, eventNames);
}

/** Reads each property once; one that goes unnoticed would bill a retry twice. */
function read(kind: string, given: unknown, known: Names): CallValues {
  try {
    if (isPlain(given) || isJsonObject(given)) {
      return valuesOf(given as CallValues, fieldsOf(kind, given as object, known));
    }
  } catch (error) {
    if (isInstance(error, ValidationError)) {
      throw error;
    }
    const hint = `it cannot be read: ${describeError(error)}`;
    const parameter = parameterOf(kind);
    throw invalid("options.invalid", { parameter, given: describeValue(given), hint });
  }
  const hint = `expected an object with any of ${[...known.keys()].join(", ")}`;
  const parameter = parameterOf(kind);
  throw invalid("options.invalid", { parameter, given: describeValue(given), hint });
}

/** Returns what the argument is called. */
function parameterOf(kind: string): string {
  return kind === "options" || kind === "events" ? kind : "details";
}

/** Returns the fields among the properties; throws a ValidationError if one is unknown. */
function fieldsOf(kind: string, given: object, known: Names): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const name in given) {
    const isField = known.get(name);
    if (isField === undefined) {
      const hint = nearest(name, [...known.keys()]);
      throw invalid("options.invalid", { parameter: parameterOf(kind), given: quoted(name), hint });
    }
    if (isField) {
      const value = (given as Readonly<Record<string, unknown>>)[name];
      if (value != null) {
        fields ??= {};
        fields[name] = value;
      }
    }
  }
  return fields;
}

function valuesOf(given: Partial<CallValues>, fields: CallOptions["fields"]): CallValues {
  return {
    workspaceId: given.workspaceId,
    product: given.product,
    metricType: given.metricType,
    quantity: given.quantity,
    status: given.status,
    unitCost: given.unitCost,
    metadata: given.metadata,
    eventId: given.eventId,
    occurredAt: given.occurredAt,
    serviceName: given.serviceName,
    at: given.at,
    fields,
    own: undefined,
  };
}

/** Recognizes most objects without the checks of `isJsonObject()`, which take as long as the call. */
function isPlain(given: unknown): given is object {
  return (
    typeof given === "object" && given !== null && Object.getPrototypeOf(given) === Object.prototype
  );
}
