/** What a client asks of whatever carries its events away. */

import type { Workspace } from "../workspace.js";

/** An encoded event, and the workspace that it belongs to. */
export interface Message {
  readonly workspace: Pick<Workspace, "key" | "hash">;
  readonly value: Buffer;
}

/** Carries batches of encoded events. */
export interface Transport {
  /** How many batches may be on their way at once; events of one workspace share a lane. */
  readonly lanes: number;
  /** Whether an event is sent from within `record()`. */
  readonly immediate: boolean;
  /** Resolves when the whole batch is delivered; rejects with a SendError, or anything else. */
  send(batch: readonly Message[]): Promise<void>;
  /** Resolves when events can be delivered; otherwise it is done by the first of them. */
  connect(): Promise<void>;
  /** Lets go of everything; what is on its way is given up. */
  close(): Promise<void>;
}

/** When a batch that was not delivered is sent again. */
export type Retry =
  /** It would only fail again. */
  | "never"
  /** As often as the settings say: it was refused. */
  | "counted"
  /** For as long as its events may stay undelivered: it reached nobody. */
  | "always";

/** A batch was not delivered. */
export class SendError extends Error {
  readonly retry: Retry;
  /** Whether Kafka itself said that no retry ever mends it. */
  readonly isFinal: boolean;

  constructor(message: string, retry: Retry, isFinal = false) {
    super(message);
    this.retry = retry;
    this.isFinal = isFinal;
  }
}
