/** Accepted events on their way out: each one is delivered, or reported once. */

import { ClientClosedError, message, QueueFullError } from "./errors.js";
import type { Encoded } from "./event.js";
import type { QueuedEvent } from "./eventQueue.js";
import { Lane, type LaneListener, type LaneSettings } from "./lane.js";
import type { Transport } from "./transports/transport.js";

// A longer one would fire at once.
const longestTimer = 2 ** 31 - 1;
// A connection to a broker that hangs may never close.
const longestClose = 1000;

/** How an outbox sends, and how much it holds. */
export interface OutboxSettings extends LaneSettings {
  /** How long an event may wait for others, in milliseconds. */
  readonly lingerMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** Hears how events end. */
export interface OutboxListener {
  delivered(events: number): void;
  /** Each event that is finally not delivered; given up where the client was shut down first. */
  failed(event: Buffer, why: string, isGivenUp: boolean): void;
}

/** Holds events until a transport has delivered them. */
export class Outbox implements LaneListener {
  readonly #transport: Transport;
  readonly #settings: OutboxSettings;
  readonly #listener: OutboxListener;
  readonly #lanes: readonly Lane[];
  readonly #waiting: Set<() => void> = new Set();
  readonly #due: Lane[] = [];
  #timer: NodeJS.Timeout | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #events = 0;
  #bytes = 0;

  constructor(transport: Transport, settings: OutboxSettings, listener: OutboxListener) {
    this.#transport = transport;
    this.#settings = settings;
    this.#listener = listener;
    const lane = () => new Lane(transport, settings, this);
    this.#lanes = Array.from({ length: transport.lanes }, lane);
  }

  /** How many events are neither delivered nor failed. */
  get queued(): number {
    return this.#events;
  }

  /** Throws where no event can be accepted at the moment; callers ask before they number one. */
  check(): void {
    if (this.#state !== "open") {
      throw new ClientClosedError("client.closed", message("client.closed", {}));
    }
    const { maxEvents, maxBytes } = this.#settings;
    if (this.#events < maxEvents && this.#bytes < maxBytes) {
      return;
    }
    const hint = `the limit is ${maxEvents} events or ${maxBytes} bytes${this.#trouble()}`;
    throw new QueueFullError("queue.full", message("queue.full", { hint }));
  }

  /** Takes an event that was numbered. Never waits, never throws. */
  put(event: Encoded): void {
    const lane = this.#lanes[event.workspace.hash % this.#lanes.length] as Lane;
    this.#events += 1;
    this.#bytes += lane.push(event);
    if (this.#state === "closed") {
      this.#giveUp(); // shutdown() ended while this call was on its way
    } else if (this.#transport.immediate) {
      void lane.sendNext();
    } else if (lane.isFull || this.#waiting.size > 0) {
      this.#schedule(lane);
    } else {
      this.#timer ??= setTimeout(this.#lingered, this.#settings.lingerMs).unref();
    }
  }

  /** Resolves when events can be delivered. */
  async connect(): Promise<void> {
    await this.#transport.connect();
  }

  /** Sends all there is, waits at most so many milliseconds, and says how many are still queued. */
  async flush(timeoutMs: number): Promise<number> {
    if (this.#events > 0 && timeoutMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // This timer keeps the process alive, as nothing else of the client does.
      const timer = setTimeout(resolve, Math.min(timeoutMs, longestTimer));
      this.#waiting.add(resolve);
      this.#lanes.forEach(this.#schedule);
      await promise;
      this.#waiting.delete(resolve);
      clearTimeout(timer);
    }
    return this.#events;
  }

  /** Accepts nothing more, flushes, gives up the rest, and says how many that were. */
  async close(timeoutMs: number): Promise<number> {
    this.#state = "closing";
    await this.flush(timeoutMs);
    const left = this.abandon();
    const closed = this.#transport.close().catch(() => undefined); // nothing depends on it any more
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, longestClose);
    await Promise.race([closed, patience.promise]);
    clearTimeout(timer);
    return left;
  }

  /** Gives up what is queued, at once, and says how many events that were. */
  abandon(): number {
    this.#state = "closed";
    clearTimeout(this.#timer);
    return this.#giveUp();
  }

  delivered(events: readonly QueuedEvent[]): void {
    this.#settled(events);
    this.#listener.delivered(events.length);
  }

  failed(events: readonly QueuedEvent[], why: string): void {
    this.#settled(events);
    for (const { value } of events) {
      this.#listener.failed(value, why, false);
    }
  }

  idle(lane: Lane): void {
    if (this.#events === 0) {
      for (const resolve of this.#waiting) {
        resolve();
      }
    }
    if (lane.isFull || this.#waiting.size > 0) {
      this.#schedule(lane);
    } else if (lane.isReady) {
      this.#timer ??= setTimeout(this.#lingered, this.#settings.lingerMs).unref();
    }
  }

  readonly #lingered = (): void => {
    this.#timer = undefined;
    this.#lanes.forEach(this.#schedule);
  };

  /** Has a lane send its next batch, one batch in each turn of the event loop. */
  readonly #schedule = (lane: Lane): void => {
    if (lane.isReady && !this.#due.includes(lane) && this.#due.push(lane) === 1) {
      setImmediate(this.#sendNext);
    }
  };

  readonly #sendNext = (): void => {
    const lane = this.#due.shift();
    if (lane?.isReady) {
      void lane.sendNext();
    }
    if (this.#due.length > 0) {
      setImmediate(this.#sendNext);
    }
  };

  #settled(events: readonly QueuedEvent[]): void {
    this.#events -= events.length;
    for (const { value } of events) {
      this.#bytes -= value.length;
    }
  }

  #giveUp(): number {
    const events = this.#lanes.flatMap((lane) => lane.giveUp());
    const trouble = this.#trouble();
    this.#settled(events);
    for (const { value } of events) {
      this.#listener.failed(value, `Kafka has not taken the event in time${trouble}`, true);
    }
    for (const resolve of this.#waiting) {
      resolve();
    }
    return events.length;
  }

  #trouble(): string {
    const trouble = this.#lanes.find((lane) => lane.trouble !== "")?.trouble;
    return trouble === undefined ? "" : ` (${trouble})`;
  }
}
