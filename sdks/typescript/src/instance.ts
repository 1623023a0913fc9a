/** What a client is until it is reset: an id, numbers from 1, counters and a queue. */

import type { EventEncoder } from "./event.js";
import type { Outbox } from "./outbox.js";
import type { Outcomes } from "./outcomes.js";
import type { InjectedTransport } from "./transports/injected.js";

export interface Instance {
  readonly encoder: EventEncoder;
  readonly outcomes: Outcomes;
  readonly outbox: Outbox;
  /** The transport to an injected producer, which the next instance goes on with. */
  readonly injected: InjectedTransport | undefined;
  /** Why there is no spool; empty if there is one, or none is wanted. */
  readonly spoolError: string;
}

/** Shuts an instance down; resolves to the number of events given up. */
export async function close({ outbox, outcomes }: Instance, timeoutMs: number): Promise<number> {
  const undelivered = await outbox.close(timeoutMs);
  outcomes.close();
  return undelivered;
}
