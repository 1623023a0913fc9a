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
