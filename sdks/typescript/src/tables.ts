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
  /** The unit of a number. */
  readonly unit?: string;
  readonly choices?: readonly string[];
}
