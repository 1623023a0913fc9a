/** What an error code means. */
export interface ErrorInfo {
  /** What became of the event; `refused` where no client was made. */
  readonly outcome: "rejected" | "degraded" | "undelivered" | "refused";
  /** The field of the event that the code is about. */
  readonly field?: string;
  readonly reason?: string;
  /** The message, with places to fill in such as `{given}`. */
  readonly text: string;
}
