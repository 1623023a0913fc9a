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
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** The unit of a number. */
  readonly unit?: string;
  readonly choices?: readonly string[];
}
