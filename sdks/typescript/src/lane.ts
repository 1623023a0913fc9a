/** A lane keeps its events in order: only one batch of them is in flight at a time. */

import { type Arrival, EventQueue, type QueuedEvent } from "./eventQueue.js";
import { retryPause } from "./retryPause.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import { setTimeout } from "./timers.js";
import {
  asSendError,
  type Refusal,
  type SendError,
  type Transport,
} from "./transports/transport.js";

/** How a lane batches and retries. */
export interface LaneSettings {
  /** The size at which a batch is sent without waiting any longer. */
  readonly batchBytes: number;
  /** The largest size of a batch. */
  readonly lateBatchBytes: number;
  /** How often a batch that a broker rejected is sent again. */
  readonly retries: number;
  /** The first pause between two attempts, in milliseconds. */
  readonly retryDelayMs: number;
  /** How long an event may stay undelivered, in milliseconds. */
  readonly deliveryTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a lane reports of its events: each is delivered or failed once. */
export interface LaneListener {
  delivered(events: readonly QueuedEvent[]): void;
  /** Final if Kafka rejects them permanently. */
  failed(events: readonly QueuedEvent[], reason: string, isFinal: boolean): void;
  /** The batch in flight has ended, so that the next may be sent. */
  idle(lane: Lane): void;
}

/** A batch in flight, with the events that have no outcome yet. */
interface Batch {
  events: readonly QueuedEvent[];
}

/** Sends batches one after another, each until it is delivered or has failed. */
export class Lane {
  readonly #transport: Transport;
  readonly #settings: LaneSettings;
  readonly #listener: LaneListener;
  readonly #queue = new EventQueue();
  /** More than one only if the transport is immediate. */
  readonly #inFlight = new Set<Batch>();
  #lastError = "";

  constructor(transport: Transport, settings: LaneSettings, listener: LaneListener) {
    this.#transport = transport;
    this.#settings = settings;
    this.#listener = listener;
  }

  /** Whether nothing is queued. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether the next batch may be sent: something is queued, and nothing in flight. */
  get isReady(): boolean {
    return this.#inFlight.size === 0 && !this.isEmpty;
  }

  /** Whether the next batch need not wait for more events. */
  get isFull(): boolean {
    return this.#queue.bytes >= this.#settings.batchBytes;
  }

  /** Why the last attempt failed; "" if it succeeded. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Queues an event, and returns its size in bytes. */
  push(event: Arrival, group?: AckGroup): number {
    return this.#queue.push(event, group);
  }

  /** Queues events, and returns their size in bytes. */
  pushAll(events: readonly Arrival[], group?: AckGroup): number {
    return this.#queue.pushAll(events, group);
  }

  /** Sends the next batch; resolves once each of its events has an outcome. */
  async sendNext(): Promise<void> {
    const batch: Batch = { events: this.#queue.take(this.#settings.lateBatchBytes) };
    this.#inFlight.add(batch);
    await this.#deliver(batch);
    this.#inFlight.delete(batch);
    this.#listener.idle(this);
  }

  /** Removes every event without an outcome, in flight or queued. */
  takeAll(): QueuedEvent[] {
    const batches = [...this.#inFlight].flatMap(({ events }) => events);
    this.#inFlight.clear();
    return [...batches, ...this.#queue.take(Number.POSITIVE_INFINITY)];
  }

  async #deliver(batch: Batch): Promise<void> {
    let rejections = 0;
    for (let attempt = 0; ; attempt += 1) {
      const fault = await this.#attempt(batch);
      if (!this.#inFlight.has(batch)) {
        return; // takeAll() ended it meanwhile
      }
      this.#lastError = fault?.message ?? "";
      if (fault === undefined) {
        this.#listener.delivered(batch.events);
        return;
      }
      if (fault.refused.length > 0) {
        this.#settle(batch, fault.refused);
        return;
      }
      rejections += fault.retry === "counted" ? 1 : 0;
      if (fault.retry === "never" || rejections > this.#settings.retries) {
        this.#listener.failed(batch.events, fault.message, fault.isFinal);
        return;
      }
      this.#expire(batch, fault.message);
      if (batch.events.length === 0) {
        return;
      }
      await pause(retryPause(this.#settings.retryDelayMs, attempt));
    }
  }

  async #attempt({ events }: Batch): Promise<SendError | undefined> {
    try {
      await this.#transport.send(events);
      return undefined;
    } catch (error) {
      return asSendError(error);
    }
  }

  /** Fails the events that were refused; the others of the batch are delivered. */
  #settle({ events }: Batch, refused: readonly Refusal[]): void {
    const reasons = new Map(refused.map(({ index, reason }) => [index, reason]));
    this.#listener.delivered(events.filter((_, index) => !reasons.has(index)));
    for (const [index, reason] of reasons) {
      this.#listener.failed(events.slice(index, index + 1), reason, true);
    }
  }

  /** Fails the events that have reached their delivery timeout, which are the first of the batch. */
  #expire(batch: Batch, reason: string): void {
    const { deliveryTimeoutMs } = this.#settings;
    const latest = this.#settings.clock() - deliveryTimeoutMs;
    const left = batch.events.filter(({ acceptedAt }) => acceptedAt > latest);
    const expired = batch.events.slice(0, batch.events.length - left.length);
    batch.events = left;
    if (expired.length > 0) {
      const text = `not delivered within ${deliveryTimeoutMs} ms: ${reason}`;
      this.#listener.failed(expired, text, false);
    }
  }
}

async function pause(milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // What is queued need not keep the process alive: its end flushes everything once more.
  setTimeout(resolve, milliseconds).unref();
  await promise;
}
