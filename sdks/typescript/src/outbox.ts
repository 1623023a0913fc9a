/** Accepted events on their way out: each one is delivered, or reported once. */

import { ClientClosedError, type EkaError, message, QueueFullError, SpoolError } from "./errors.js";
import type { Encoded } from "./event.js";
import type { Arrival, QueuedEvent } from "./eventQueue.js";
import { spool as constants } from "./generated/spool.js";
import { Lane, type LaneListener, type LaneSettings } from "./lane.js";
import { Schedule } from "./schedule.js";
import type { SpoolConfig } from "./spool/config.js";
import { asSpoolError, SpoolFullError } from "./spool/directory.js";
import type { ReplayTransport } from "./spool/replayer.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import { Spool, type SpoolHost, type SpoolStats } from "./spool/spool.js";
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

/** What an outbox keeps events on disk with. */
export interface OutboxSpool {
  readonly settings: SpoolConfig;
  /** Creates a transport for replay. */
  readonly replayTransport: () => ReplayTransport;
}

/** Hears how events end. */
export interface OutboxListener {
  delivered(events: number): void;
  /** Each event that is finally not delivered; given up where the client was shut down first. */
  failed(event: Buffer, why: string, isGivenUp: boolean): void;
  /** The same of an event of another client, whose books it is in. */
  foreignFailed(event: Buffer, why: string): void;
  /** Something that is no error of an event. */
  warn(text: string): void;
}

/** Holds events until a transport has delivered them. */
export class Outbox implements LaneListener {
  readonly #transport: Transport;
  readonly #settings: OutboxSettings;
  readonly #listener: OutboxListener;
  readonly #lanes: readonly Lane[];
  readonly #schedule: Schedule;
  readonly #spool: Spool | undefined;
  readonly #waiting: Set<() => void> = new Set();
  #state: "open" | "closing" | "closed" = "open";
  #events = 0;
  #bytes = 0;
  #ended = 0;

  constructor(
    transport: Transport,
    settings: OutboxSettings,
    listener: OutboxListener,
    spool?: OutboxSpool,
  ) {
    this.#transport = transport;
    this.#settings = settings;
    this.#listener = listener;
    const lane = () => new Lane(transport, settings, this);
    this.#lanes = Array.from({ length: transport.lanes }, lane);
    this.#schedule = new Schedule(this.#lanes, settings.lingerMs, () => this.#waiting.size > 0);
    this.#spool = spool && new Spool(spool.settings, this.#host(spool.replayTransport));
  }

  /** How many events this process still has to deliver: those in memory, and own ones on disk. */
  get queued(): number {
    return this.#events + (this.#spool?.pending ?? 0);
  }

  /** What became of events by way of the disk, where there is one. */
  get spooled(): SpoolStats | undefined {
    return this.#spool?.stats();
  }

  /** Returns why no event is accepted now, if that is so; to be called before one is numbered. */
  rejectReason(): EkaError | undefined {
    if (this.#state !== "open") {
      return new ClientClosedError("client.closed", message("client.closed", {}));
    }
    return this.#spool === undefined && this.#isFull() ? this.#queueFull() : undefined;
  }

  /** Takes an event that was numbered. Never waits; throws an EkaError where the disk is at fault. */
  put(event: Encoded): void {
    const spool = this.#spool;
    const needsDisk =
      spool !== undefined && (spool.isDurable || spool.hasBacklog || this.#isFull());
    if (needsDisk) {
      this.#keep(event, spool);
    } else {
      this.#queue(event);
    }
  }

  #keep(event: Encoded, spool: Spool): void {
    const { workspace, json } = event;
    try {
      if (spool.hasBacklog || this.#isFull()) {
        spool.spill(workspace.key, json);
      } else {
        this.#queue(event, spool.append(workspace.key, json));
      }
    } catch (error) {
      const fault = asSpoolError(error);
      const isFull = fault instanceof SpoolFullError;
      const code = isFull ? "spool.full" : "spool.failed";
      if (spool.isDurable || (isFull && this.#isFull())) {
        throw new SpoolError(code, message(code, { hint: fault.message }));
      }
      this.#listener.warn(message(code, { hint: fault.message }));
      if (this.#isFull()) {
        throw this.#queueFull();
      }
      this.#queue(event);
    }
  }

  #queue(event: Arrival, group?: AckGroup): void {
    const lane = this.#lanes[event.workspace.hash % this.#lanes.length] as Lane;
    this.#events += 1;
    this.#bytes += lane.push(event, group);
    if (this.#state === "closed") {
      this.#giveUp(); // shutdown() ended while this call was on its way
    } else if (this.#transport.immediate) {
      void lane.sendNext();
    } else {
      this.#schedule.plan(lane);
    }
  }

  /** Resolves when events can be delivered. */
  async connect(): Promise<void> {
    await this.#transport.connect();
  }

  /** Sends all there is, waits at most so many milliseconds, and says how many are left. */
  async flush(timeoutMs: number): Promise<number> {
    if (this.queued > 0 && timeoutMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // This timer keeps the process alive, as nothing else of the client does.
      const timer = setTimeout(resolve, Math.min(timeoutMs, longestTimer));
      this.#waiting.add(resolve);
      this.#schedule.now();
      this.#spool?.wake();
      await promise;
      this.#waiting.delete(resolve);
      clearTimeout(timer);
    }
    return this.queued;
  }

  /** The same, but where the rest is safe on disk it waits no longer than something is delivered. */
  async drain(timeoutMs: number): Promise<number> {
    const patience = this.#spool === undefined ? timeoutMs : constants.patienceMs;
    const until = performance.now() + timeoutMs;
    for (;;) {
      const [before, remaining] = [this.#ended, until - performance.now()];
      const left = await this.flush(Math.min(patience, remaining));
      if (left === 0 || this.#ended === before || remaining <= patience) {
        return left;
      }
    }
  }

  /** Accepts nothing more, drains, keeps the rest on disk or gives it up, and says how many of it. */
  async close(timeoutMs: number): Promise<number> {
    this.#state = "closing";
    await this.drain(timeoutMs);
    const left = this.abandon();
    const closed = this.#transport.close().catch(() => undefined); // nothing depends on it any more
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, longestClose);
    await Promise.race([closed, patience.promise]);
    clearTimeout(timer);
    return left;
  }

  /** Keeps on disk what is queued, or gives it up, at once; says how many events it gave up. */
  abandon(): number {
    this.#state = "closed";
    this.#schedule.stop();
    const givenUp = this.#giveUp();
    const kept = this.#spool?.release() ?? 0;
    if (kept > 0) {
      const text = `${kept} events are kept in '${this.#spool?.path}', for the next process`;
      this.#listener.warn(text);
    }
    return givenUp;
  }

  delivered(events: readonly QueuedEvent[]): void {
    this.#settled(events);
    this.#listener.delivered(events.length);
  }

  failed(events: readonly QueuedEvent[], why: string, isFinal: boolean): void {
    this.#removed(events);
    for (const event of events) {
      const isKept = !isFinal && this.#requeue(event);
      if (!isKept && !isFinal && event.group !== undefined) {
        this.#again(event);
        continue;
      }
      if (isFinal) {
        this.#spool?.deadLetter(event.workspace.key, event.value);
      }
      if (!isKept) {
        this.#listener.failed(event.value, why, false);
      }
      event.group?.markAcked();
    }
  }

  idle(lane: Lane): void {
    this.#hurry();
    this.#schedule.plan(lane);
  }

  #settled(events: readonly QueuedEvent[]): void {
    this.#removed(events);
    for (const { group } of events) {
      group?.markAcked();
    }
  }

  #removed(events: readonly QueuedEvent[]): void {
    this.#ended += events.length;
    this.#events -= events.length;
    for (const { value } of events) {
      this.#bytes -= value.length;
    }
  }

  /** Whether an event that was not delivered waits on disk from now on. */
  #requeue({ workspace, value }: QueuedEvent): boolean {
    try {
      this.#spool?.requeue(workspace.key, value);
      return this.#spool !== undefined;
    } catch (error) {
      this.#listener.warn(message("spool.failed", { hint: asSpoolError(error).message }));
      return false;
    }
  }

  /** The disk has no room for a second record of it; the first still stands for it. */
  #again({ workspace, value, group }: QueuedEvent): void {
    this.#queue({ workspace, json: value.toString(), acceptedAt: this.#settings.clock() }, group);
  }

  /** Nothing waits in memory any more. */
  #hurry(): void {
    if (this.#events > 0) {
      return;
    }
    this.#spool?.wake();
    if (this.queued === 0) {
      for (const resolve of this.#waiting) {
        resolve();
      }
    }
  }

  #giveUp(): number {
    const events = this.#lanes.flatMap((lane) => lane.giveUp());
    const lastError = this.#lastError();
    this.#removed(events);
    const onDisk = events.filter(({ group }) => group !== undefined).length;
    this.#spool?.releaseQueued(onDisk);
    const lost = events.filter((event) => event.group === undefined && !this.#requeue(event));
    for (const { value } of lost) {
      this.#listener.failed(value, `Kafka has not taken the event in time${lastError}`, true);
    }
    for (const resolve of this.#waiting) {
      resolve();
    }
    return lost.length;
  }

  #host(replayTransport: () => ReplayTransport): SpoolHost {
    const { maxEvents, maxBytes } = this.#settings;
    return {
      replayTransport,
      isDrained: () => this.#events === 0,
      hasCapacity: () =>
        this.#state === "open" && 4 * this.#events <= maxEvents && 4 * this.#bytes <= maxBytes,
      replayed: (events) => {
        this.#ended += events;
        this.#listener.delivered(events);
        this.#hurry();
      },
      rejected: (event, reason, isOwn) => {
        if (isOwn) {
          this.#listener.failed(event, reason, false);
        } else {
          this.#listener.foreignFailed(event, reason);
        }
      },
      warn: (text) => this.#listener.warn(text),
    };
  }

  #isFull(): boolean {
    const { maxEvents, maxBytes } = this.#settings;
    return this.#events >= maxEvents || this.#bytes >= maxBytes;
  }

  #queueFull(): QueueFullError {
    const { maxEvents, maxBytes } = this.#settings;
    const hint = `the limit is ${maxEvents} events or ${maxBytes} bytes${this.#lastError()}`;
    return new QueueFullError("queue.full", message("queue.full", { hint }));
  }

  #lastError(): string {
    const lastError = this.#lanes.find((lane) => lane.lastError !== "")?.lastError;
    return lastError === undefined ? "" : ` (${lastError})`;
  }
}
