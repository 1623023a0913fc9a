/** The types of the rows of generated tables, which depend on nothing else. */

/** The definition of an error code. */
export interface ErrorInfo {
  /** What became of the event; `refused` if no client could be created. */
  readonly outcome: "rejected" | "degraded" | "undelivered" | "refused";
  /** The field of the event that the error is about. */
  readonly field?: string;
  readonly reason?: string;
  /** The message, with placeholders such as `{given}`. */
  readonly text: string;
}

/** One setting of a client. */
export interface Setting {
  /** The environment variable. */
  readonly variable: string;
  /** The option that overrides the variable. */
  readonly argument: string;
  readonly type: "string" | "integer" | "boolean" | "choice" | "list";
  /** Whether a client cannot be created without it. */
  readonly required: boolean;
  /** Whether its value never appears in a log or an error. */
  readonly secret: boolean;
  /** What the security protocol must include, without which the setting has no effect. */
  readonly protocol?: "SASL" | "SSL";
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** The limits of a string, in characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** The unit of a number. */
  readonly unit?: string;
  readonly choices?: readonly string[];
}

/** One metric of a client about itself. */
export interface SelfMetric {
  /** Its name in Prometheus, with the `_total` of a counter. */
  readonly name: string;
  /** Its name in OpenTelemetry. */
  readonly otelName: string;
  /** Its unit there. */
  readonly otelUnit: string;
  readonly type: "counter" | "gauge";
  /** The names of its labels, in order. */
  readonly labels: readonly string[];
  /** The counter of `stats()` that it reads; undefined if it is counted by call. */
  readonly stats?: string;
  /** By what that counter is divided. */
  readonly divisor: number;
  /** Whether the largest value of several clients is exposed, in place of the sum. */
  readonly isMax: boolean;
  readonly help: string;
}

/** One value of a query, or several. */
export type QueryList = string | number | bigint | readonly (string | number | bigint)[];

/** The parameters of a query: the name of each to the HTTP API, and what its value is. */
export type QueryParameters = Readonly<
  Record<
    string,
    readonly [string, "text" | "integer" | "boolean" | "time" | "bound" | "list" | "keys"]
  >
>;

/** A field that an event lacks unless it is given. */
export interface FieldInfo {
  /** Its name on the wire. */
  readonly name: string;
  /** Its name as an option. */
  readonly key: string;
  readonly kind:
    | "string"
    | "number"
    | "integer"
    | "boolean"
    | "timestamp"
    | "uuid"
    | "enum"
    | "list"
    | "json";
  /** The calls that set it; `record` are all that record usage, `session` those of sessions. */
  readonly calls?: readonly ("record" | "session" | "void")[];
  /** Lengths are in characters, of the items of a list too; `maxBytes` limits JSON. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxBytes?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  /** How many significant digits a number may have. */
  readonly maxDigits?: number;
  /** How far from now a time may be; undefined is any time. */
  readonly aheadMs?: number;
  readonly behindMs?: number;
  /** The values of an enum. */
  readonly values?: readonly string[];
  /** The fields that must not be given with it. */
  readonly excludes?: readonly string[];
  /** The fields that must be given with it; `whenNotZero`, unless it is 0. */
  readonly requires?: readonly string[];
  readonly whenNotZero?: boolean;
  /** The values with which events are billed; undefined is any. */
  readonly billed?: readonly string[];
}
