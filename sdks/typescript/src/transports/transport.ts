/** The interface between a client and what sends its events: Kafka, or an injected producer. */

import { describeError } from "../describe.js";
import type { Workspace } from "../workspace.js";

/** An encoded event and its workspace. */
export interface Message {
  readonly workspace: Pick<Workspace, "key" | "hash">;
  readonly value: Buffer;
}

/** Sends batches of encoded events. */
export interface Transport {
  /** How many batches may be in flight at once; events of one workspace share a lane. */
  readonly lanes: number;
  /** Whether `record()` itself sends each event. */
  readonly immediate: boolean;
  /** Resolves once the whole batch is delivered; rejects with a SendError, or anything else. */
  send(batch: readonly Message[]): Promise<void>;
  /** Connects; without it, the first batch does. */
  connect(): Promise<void>;
  /** Closes all connections, and gives up what is in flight. */
  close(): Promise<void>;
}

/** When an undelivered batch is sent again. */
export type Retry =
  /** It would fail again. */
  | "never"
  /** A broker rejected it: as often as the setting `retries` allows. */
  | "counted"
  /** It reached no broker: until the delivery timeout of its events. */
  | "always";

/** An event of a batch that is rejected permanently. */
export interface Refusal {
  readonly index: number;
  readonly reason: string;
}

/** A batch was not delivered. */
export class SendError extends Error {
  readonly retry: Retry;
  /** The events that are rejected permanently; if there are any, the others are delivered. */
  readonly refused: readonly Refusal[];
  /** Whether Kafka rejected it permanently. */
  readonly isFinal: boolean;

  constructor(message: string, retry: Retry, isFinal = false, refused: readonly Refusal[] = []) {
    super(message);
    this.refused = refused;
    this.retry = retry;
    this.isFinal = isFinal;
  }
}

/** Returns the error of a transport as a SendError; an unknown one counts as a rejection. */
export function asSendError(error: unknown): SendError {
  return error instanceof SendError ? error : new SendError(describeError(error), "counted");
}
