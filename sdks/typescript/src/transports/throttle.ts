/** Waits as long as brokers ask their clients to, which @platformatic/kafka does not. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { monotonicMs, setTimeout } from "../timers.js";

const responses = "tracing:plt:kafka:connections:api:asyncStart";
const forgottenAfterMs = 60_000;
const longestPauseMs = 60_000;

/** What the library publishes of a response, as far as it is needed. */
interface Published {
  readonly connection?: { readonly host?: string; readonly port?: number };
  readonly result?: { readonly throttleTimeMs?: number };
}

/**
 * Paces the batches to a broker that enforces a quota.
 *
 * Such a broker responds at once, with a throttle time for which it reads nothing more from the
 * connection. A request that waits there for longer than its timeout is sent again, though the broker
 * stores the first one too. So the next is sent when that time is over, and one at a time.
 */
export class Throttle {
  readonly #connections = new WeakSet<object>();
  readonly #until = new Map<string, number>();
  readonly #turns = new Map<string, Promise<void>>();
  #isActiveUntil = Number.NEGATIVE_INFINITY;

  constructor() {
    subscribe(responses, this.#onResponse);
  }

  /** Observes the responses on a connection. */
  observe(connection: object): void {
    this.#connections.add(connection);
  }

  /** Sends a batch to a broker, which is only asked for while quotas are enforced. */
  async pace<T>(broker: () => Promise<string>, send: () => Promise<T>): Promise<T> {
    if (monotonicMs() > this.#isActiveUntil) {
      return await send();
    }
    const address = await broker();
    const before = this.#turns.get(address);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turns.set(address, promise);
    try {
      await before;
      await pause((this.#until.get(address) ?? 0) - monotonicMs());
      return await send();
    } finally {
      resolve();
    }
  }

  /** Observes nothing any more. */
  close(): void {
    unsubscribe(responses, this.#onResponse);
  }

  readonly #onResponse = (message: unknown): void => {
    const { connection, result } = message as Published;
    const throttledMs = result?.throttleTimeMs ?? 0;
    if (connection === undefined || throttledMs <= 0 || !this.#connections.has(connection)) {
      return;
    }
    const until = monotonicMs() + Math.min(throttledMs, longestPauseMs);
    this.#until.set(`${connection.host}:${connection.port}`, until);
    this.#isActiveUntil = until + forgottenAfterMs;
  };
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, milliseconds).unref(); // the end of the process flushes everything once more
    await promise;
  }
}
