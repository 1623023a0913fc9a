/** Events that keep their order: one batch of them is on its way at a time. */

import { describeError } from "./describe.js";
import { type Arrival, EventQueue, type QueuedEvent } from "./eventQueue.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import { SendError, type Transport } from "./transports/transport.js";

const shortestPause = 100;
const longestPause = 1000;

/** How a lane sends. */
export interface LaneSettings {
  /** The size at which a batch is sent without waiting any longer. */
  readonly batchBytes: number;
  /** The most that a batch may have. */
  readonly lateBatchBytes: number;
  /** How often a batch that was refused is sent again. */
  readonly retries: number;
  /** How long an event may stay undelivered, in milliseconds. */
  readonly deliveryTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a lane says of its events; each is settled once. */
export interface LaneListener {
  delivered(events: readonly QueuedEvent[]): void;
  /** Final where Kafka would only refuse them again. */
  failed(events: readonly QueuedEvent[], why: string, isFinal: boolean): void;
  /** It has sent a batch, and can send the next. */
  idle(lane: Lane): void;
}

/** A batch on its way, with the events that are not settled yet. */
interface Batch {
  events: readonly QueuedEvent[];
}

/** Sends batches one after another, each until it is delivered or has failed. */
export class Lane {
  readonly #transport: Transport;
  readonly #settings: LaneSettings;
  readonly #listener: LaneListener;
  readonly #queue = new EventQueue();
  /** More than one only where the transport is immediate. */
  readonly #onTheirWay = new Set<Batch>();
  #lastError = "";

  constructor(transport: Transport, settings: LaneSettings, listener: LaneListener) {
    this.#transport = transport;
    this.#settings = settings;
    this.#listener = listener;
  }

  /** Whether there is nothing to send. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether there is a batch to send, and none on its way. */
  get isReady(): boolean {
    return this.#onTheirWay.size === 0 && !this.isEmpty;
  }

  /** Whether the next batch need not wait for more events. */
  get isFull(): boolean {
    return this.#queue.bytes >= this.#settings.batchBytes;
  }

  /** Why the last attempt failed; "" after one that did not. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Appends an event, and returns how many bytes it has. */
  push(event: Arrival, group?: AckGroup): number {
    return this.#queue.push(event, group);
  }

  /** Sends the next batch. */
  async sendNext(): Promise<void> {
    const batch: Batch = { events: this.#queue.take(this.#settings.lateBatchBytes) };
    this.#onTheirWay.add(batch);
    await this.#deliver(batch);
    this.#onTheirWay.delete(batch);
    this.#listener.idle(this);
  }

  /** Removes everything that is not settled. */
  giveUp(): QueuedEvent[] {
    const batches = [...this.#onTheirWay].flatMap(({ events }) => events);
    this.#onTheirWay.clear();
    return [...batches, ...this.#queue.take(Number.POSITIVE_INFINITY)];
  }

  async #deliver(batch: Batch): Promise<void> {
    let refusals = 0;
    for (let attempt = 0; ; attempt += 1) {
      const fault = await this.#attempt(batch);
      if (!this.#onTheirWay.has(batch)) {
        return; // given up meanwhile
      }
      this.#lastError = fault?.message ?? "";
      if (fault === undefined) {
        this.#listener.delivered(batch.events);
        return;
      }
      refusals += fault.retry === "counted" ? 1 : 0;
      if (fault.retry === "never" || refusals > this.#settings.retries) {
        this.#listener.failed(batch.events, fault.message, fault.isFinal);
        return;
      }
      this.#expire(batch, fault.message);
      if (batch.events.length === 0) {
        return;
      }
      await pause(attempt);
    }
  }

  async #attempt({ events }: Batch): Promise<SendError | undefined> {
    try {
      await this.#transport.send(events);
      return undefined;
    } catch (error) {
      return error instanceof SendError ? error : new SendError(describeError(error), "counted");
    }
  }

  /** Fails the events that were undelivered for too long, which are the first of them. */
  #expire(batch: Batch, why: string): void {
    const { deliveryTimeoutMs } = this.#settings;
    const latest = this.#settings.clock() - deliveryTimeoutMs;
    const left = batch.events.filter(({ acceptedAt }) => acceptedAt > latest);
    const expired = batch.events.slice(0, batch.events.length - left.length);
    batch.events = left;
    if (expired.length > 0) {
      const text = `not delivered within ${deliveryTimeoutMs} ms: ${why}`;
      this.#listener.failed(expired, text, false);
    }
  }
}

/** Waits longer after each attempt, and not at the same moment as everybody else. */
async function pause(attempt: number): Promise<void> {
  const longest = Math.min(longestPause, shortestPause * 2 ** attempt);
  const { promise, resolve } = Promise.withResolvers<void>();
  // What is queued does not keep the process alive: at its end everything is flushed once more.
  setTimeout(resolve, longest * (0.75 + Math.random() / 4)).unref();
  await promise;
}
