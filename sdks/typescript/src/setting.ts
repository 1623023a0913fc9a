/** One thing that a client can be told. */
export interface Setting {
  /** The environment variable. */
  readonly variable: string;
  /** The option that overrides the variable. */
  readonly argument: string;
  readonly type: "string" | "integer" | "boolean" | "choice" | "list";
  /** Whether a client cannot be made without it. */
  readonly required: boolean;
  /** Whether its value is never shown. */
  readonly secret: boolean;
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** What a number counts. */
  readonly unit?: string;
  readonly choices?: readonly string[];
}
