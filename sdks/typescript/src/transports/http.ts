/** The transport to the HTTP API: batches over one connection, one at a time, in their order. */

import { DeliveryError, message } from "../errors.js";
import { batchMaxBytes, batchMaxEvents } from "../generated/constants.js";
import type { Settings } from "../settings.js";
import { monotonicMs, setTimeout } from "../timers.js";
import { HttpApi, type Refused } from "./httpApi.js";
import { type Message, type Refusal, SendError, type Transport } from "./transport.js";

const longestRetryAfter = 300_000;

/** Posts batches, each until the server has or refuses its events. */
export class HttpTransport implements Transport {
  readonly lanes = 1;
  readonly immediate = false;
  readonly #api: HttpApi;
  readonly #warn: (text: string) => void;
  readonly #longestPauseMs: number;
  readonly #closed = Promise.withResolvers<void>();
  #notBefore = 0;

  constructor(settings: Settings, warn: (text: string) => void) {
    this.#api = new HttpApi(settings, warn);
    this.#warn = warn;
    this.#longestPauseMs = Math.min(longestRetryAfter, settings.deliveryTimeoutMs);
  }

  /** Rejects once the others are delivered, if the server refuses some permanently. */
  async send(batch: readonly Message[]): Promise<void> {
    const refused: Refusal[] = [];
    for (let from = 0; from < batch.length; ) {
      const to = requestEnd(batch, from);
      await this.#deliver(items(batch, from, to), refused);
      from = to;
    }
    const [first] = refused.sort((a, b) => a.index - b.index);
    if (first !== undefined) {
      throw new SendError(first.reason, "never", true, refused);
    }
  }

  async connect(): Promise<void> {
    try {
      await this.#api.reach();
    } catch (error) {
      const hint = `the HTTP API cannot be reached: ${String(error)}`;
      throw new DeliveryError("delivery.failed", message("delivery.failed", { hint }));
    }
  }

  async close(): Promise<void> {
    this.#closed.resolve();
    this.#api.close();
  }

  async #deliver(events: readonly Item[], refused: Refusal[]): Promise<void> {
    let left = events;
    while (left.length > 0) {
      const fault = await this.#post(left);
      if (fault === undefined) {
        return;
      }
      if (!fault.isFinal) {
        this.#warn(`events not delivered yet, retrying: ${fault.reason}`);
        throw new SendError(fault.reason, "always");
      }
      const guilty = left.length === 1 ? 0 : fault.index;
      if (guilty === undefined) {
        // Halves, until the one that is refused is found.
        const half = left.length >> 1;
        await this.#deliver(left.slice(0, half), refused);
        left = left.slice(half);
      } else {
        refused.push({ index: left[guilty]?.index ?? 0, reason: fault.reason });
        left = left.toSpliced(guilty, 1);
      }
    }
  }

  async #post(events: readonly Item[]): Promise<Refused | undefined> {
    await this.#pause(this.#notBefore - monotonicMs());
    const fault = await this.#api.post(events.map(({ value }) => value));
    const pauseMs = Math.min(fault?.retryAfterMs ?? 0, this.#longestPauseMs);
    this.#notBefore = monotonicMs() + pauseMs;
    return fault;
  }

  async #pause(milliseconds: number): Promise<void> {
    if (milliseconds > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, milliseconds).unref(); // the end of the process flushes everything once more
      await Promise.race([promise, this.#closed.promise]);
    }
  }
}

/** An event, and its place in the batch. */
interface Item {
  readonly index: number;
  readonly value: Buffer;
}

function items(batch: readonly Message[], from: number, to: number): readonly Item[] {
  return batch.slice(from, to).map(({ value }, at) => ({ index: from + at, value }));
}

/** Returns where a request ends that begins at an event. */
function requestEnd(batch: readonly Message[], from: number): number {
  let size = batch[from]?.value.length ?? 0;
  let to = from + 1;
  for (; to < batch.length && to - from < batchMaxEvents; to += 1) {
    size += 1 + (batch[to]?.value.length ?? 0);
    if (size > batchMaxBytes) {
      break;
    }
  }
  return to;
}
