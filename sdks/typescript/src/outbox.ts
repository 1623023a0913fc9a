/** Accepted events on their way to Kafka: each one is delivered, or reported once as failed. */

import { ClientClosedError, type EkaError, message, QueueFullError, SpoolError } from "./errors.js";
import type { Arrival, QueuedEvent } from "./eventQueue.js";
import { spool as constants } from "./generated/spool.js";
import { Lane, type LaneListener } from "./lane.js";
import type { OutboxSettings } from "./outboxSettings.js";
import { Schedule } from "./schedule.js";
import type { SpoolConfig } from "./spool/config.js";
import { asSpoolError, SpoolFullError } from "./spool/directory.js";
import type { Entry } from "./spool/record.js";
import type { ReplayTransport } from "./spool/replayer.js";
import type { AckGroup } from "./spool/segmentWriter.js";
import { Spool, type SpoolHost, type SpoolStats } from "./spool/spool.js";
import { clearTimeout, monotonicMs, setTimeout } from "./timers.js";
import type { Transport } from "./transports/transport.js";

// A longer timer would fire at once.
const maxTimerMs = 2 ** 31 - 1;
// A connection to a broker that hangs may never close.
const maxCloseMs = 1000;

/** What an outbox creates its spool with. */
export interface OutboxSpool {
  readonly config: SpoolConfig;
  /** Creates a transport for replay. */
  readonly replayTransport: () => ReplayTransport;
}

/** What an outbox reports of its events. */
export interface OutboxListener {
  delivered(events: number): void;
  /** An event is not delivered and not retried; given up if the client was shut down first. */
  failed(event: Buffer, reason: string, isGivenUp: boolean): void;
  /** An adopted event is not delivered; the counters of its own client include it. */
  adoptedFailed(event: Buffer, reason: string): void;
  /** A problem that concerns no single event. */
  warn(text: string): void;
}

/** Holds events in memory until a transport has delivered them, and spills them to disk. */
export class Outbox implements LaneListener {
  readonly #transport: Transport;
  readonly #settings: OutboxSettings;
  readonly #listener: OutboxListener;
  readonly #lanes: readonly Lane[];
  readonly #schedule: Schedule;
  readonly #spool: Spool | undefined;
  readonly #flushes: Set<() => void> = new Set();
  #state: "open" | "closing" | "closed" = "open";
  #events = 0;
  #bytes = 0;
  #ended = 0;
  #lost = 0;

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
    this.#schedule = new Schedule(this.#lanes, settings.lingerMs, () => this.#flushes.size > 0);
    this.#spool = spool && new Spool(spool.config, this.#host(spool.replayTransport));
  }

  /** How many events this process still has to deliver: in memory, and pending on disk. */
  get queued(): number {
    return this.#events + (this.#spool?.pending ?? 0);
  }

  /** The counters of the spool; undefined if there is none. */
  get spoolStats(): SpoolStats | undefined {
    return this.#spool?.stats();
  }

  /** Returns why no event is accepted now, if so. Callers check it before they number an event. */
  rejectReason(): EkaError | undefined {
    if (this.#state !== "open") {
      return new ClientClosedError("client.closed", message("client.closed", {}));
    }
    return this.#spool === undefined && this.#isFull() ? this.#queueFull() : undefined;
  }

  /** Queues or spills an event that was numbered. Never waits; throws an EkaError if that fails. */
  put(event: Arrival): void {
    const spool = this.#spool;
    if (spool !== undefined && (spool.isDurable || spool.hasBacklog || this.#isFull())) {
      this.#putOnDisk([event], spool);
    } else {
      this.#queue(event);
    }
  }

  /** Queues or spills events that were numbered, all or none: on disk they are one record. */
  putAll(events: readonly Arrival[]): void {
    const spool = this.#spool;
    const hasRoom = this.#hasRoom(events);
    if (spool !== undefined && (spool.isDurable || spool.hasBacklog || !hasRoom)) {
      this.#putOnDisk(events, spool);
    } else if (hasRoom) {
      this.#queueAll(events);
    } else {
      throw this.#queueFull();
    }
  }

  #putOnDisk(events: readonly Arrival[], spool: Spool): void {
    const hasRoom = this.#hasRoom(events);
    const entries = events.map(({ workspace, json }) => ({ key: workspace.key, value: json }));
    try {
      if (spool.hasBacklog || !hasRoom) {
        spool.spill(entries);
      } else {
        this.#queueAll(events, spool.append(entries));
      }
    } catch (error) {
      const fault = asSpoolError(error);
      const isFull = fault instanceof SpoolFullError;
      const code = isFull ? "spool.full" : "spool.failed";
      if (spool.isDurable || (isFull && !hasRoom)) {
        throw new SpoolError(code, message(code, { hint: fault.message }));
      }
      this.#cannotWrite(spool, fault);
      if (!hasRoom) {
        throw this.#queueFull();
      }
      this.#queueAll(events);
    }
  }

  #queueAll(events: readonly Arrival[], group?: AckGroup): void {
    const lanes = new Map<Lane, Arrival[]>();
    for (const event of events) {
      const lane = this.#laneOf(event);
      const arrived = lanes.get(lane);
      if (arrived === undefined) {
        lanes.set(lane, [event]);
      } else {
        arrived.push(event);
      }
    }
    this.#events += events.length;
    for (const [lane, arrived] of lanes) {
      this.#bytes += lane.pushAll(arrived, group);
    }
    for (const lane of lanes.keys()) {
      this.#send(lane);
    }
  }

  #queue(event: Arrival, group?: AckGroup): void {
    const lane = this.#laneOf(event);
    this.#events += 1;
    this.#bytes += lane.push(event, group);
    this.#send(lane);
  }

  #laneOf({ workspace }: Arrival): Lane {
    return this.#lanes[workspace.hash % this.#lanes.length] as Lane;
  }

  #send(lane: Lane): void {
    if (this.#state === "closed") {
      this.#giveUp(); // shutdown() ended while this call was running
    } else if (this.#transport.immediate) {
      while (!lane.isEmpty) {
        void lane.sendNext();
      }
    } else {
      this.#schedule.plan(lane);
    }
  }

  /** Resolves once events can be delivered. */
  async connect(): Promise<void> {
    await this.#transport.connect();
  }

  /** Sends everything, waits at most `timeoutMs`, and resolves to the number of events left. */
  async flush(timeoutMs: number): Promise<number> {
    if (this.queued > 0 && timeoutMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // Only this timer keeps the process alive; nothing else of a client does.
      const timer = setTimeout(resolve, Math.min(timeoutMs, maxTimerMs));
      this.#flushes.add(resolve);
      this.#schedule.now();
      this.#spool?.wake();
      await promise;
      this.#flushes.delete(resolve);
      clearTimeout(timer);
    }
    return this.queued;
  }

  /** Flushes, but with a spool stops early once nothing is delivered any more. */
  async drain(timeoutMs: number): Promise<number> {
    const patience = this.#spool === undefined ? timeoutMs : constants.patienceMs;
    const until = monotonicMs() + timeoutMs;
    for (;;) {
      const [before, remaining] = [this.#ended, until - monotonicMs()];
      const left = await this.flush(Math.min(patience, remaining));
      if (left === 0 || this.#ended === before || remaining <= patience) {
        return left;
      }
    }
  }

  /** Stops accepting, drains, spills the rest or gives it up; resolves to how many it gave up. */
  async close(timeoutMs: number): Promise<number> {
    this.#state = "closing";
    await this.drain(timeoutMs);
    const left = this.abandon();
    const closed = this.#transport.close().catch(() => undefined); // nothing depends on it any more
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, maxCloseMs);
    await Promise.race([closed, patience.promise]);
    clearTimeout(timer);
    return left;
  }

  /** Spills what is queued, or gives it up, at once; returns how many events it gave up. */
  abandon(): number {
    this.#state = "closed";
    this.#schedule.stop();
    const givenUp = this.#giveUp();
    const isInPlace = this.#spool?.isInPlace;
    const left = this.#spool?.release() ?? 0;
    if (left > 0) {
      const path = this.#spool?.path;
      const place = isInPlace
        ? `they are kept in ${path} for the next process`
        : `their directory is no longer at ${path}: move it back for the next process`;
      this.#listener.warn(`${left} events are not delivered yet; ${place}`);
    }
    return givenUp + this.#lost;
  }

  delivered(events: readonly QueuedEvent[]): void {
    this.#remove(events);
    for (const { group } of events) {
      group?.markAcked();
    }
    this.#listener.delivered(events.length);
  }

  failed(events: readonly QueuedEvent[], reason: string, isFinal: boolean): void {
    this.#remove(events);
    for (const event of events) {
      const isRequeued = !isFinal && this.#requeue(event);
      if (!isRequeued && !isFinal && event.group !== undefined) {
        this.#retry(event);
        continue;
      }
      if (isFinal) {
        this.#spool?.deadLetter(entryOf(event));
      }
      if (!isRequeued) {
        this.#listener.failed(event.value, reason, false);
      }
      event.group?.markAcked();
    }
  }

  idle(lane: Lane): void {
    this.#onIdle();
    this.#schedule.plan(lane);
  }

  #remove(events: readonly QueuedEvent[]): void {
    this.#ended += events.length;
    this.#events -= events.length;
    for (const { value } of events) {
      this.#bytes -= value.length;
    }
  }

  /** Requeues an undelivered event to disk; false if there is no spool or it fails. */
  #requeue(event: QueuedEvent): boolean {
    if (this.#spool === undefined) {
      return false;
    }
    try {
      this.#spool.requeue(entryOf(event));
      return true;
    } catch (error) {
      this.#cannotWrite(this.#spool, asSpoolError(error));
      return false;
    }
  }

  #cannotWrite({ path }: Spool, { message }: Error): void {
    this.#listener.warn(`spool write failed, make room in ${path}: ${message}`);
  }

  /** Queues an event again, which the spool has no room to requeue: its first record still stands. */
  #retry({ workspace, value, group }: QueuedEvent): void {
    this.#queue({ workspace, json: value.toString(), acceptedAt: this.#settings.clock() }, group);
  }

  /** Wakes the spool once memory is empty, and ends flushes once all is delivered. */
  #onIdle(): void {
    if (this.#events > 0) {
      return;
    }
    this.#spool?.wake();
    if (this.queued === 0) {
      for (const resolve of this.#flushes) {
        resolve();
      }
    }
  }

  #giveUp(): number {
    this.#spool?.restore();
    const events = this.#lanes.flatMap((lane) => lane.takeAll());
    const lastError = this.#lastError();
    this.#remove(events);
    const onDisk = events.filter(({ group }) => group?.isLost === false).length;
    this.#spool?.releaseQueued(onDisk);
    const lost = events.filter((event) => event.group?.isLost ?? !this.#requeue(event));
    const inTime = `Kafka has not acknowledged the event in time${lastError}`;
    for (const { value, group } of lost) {
      this.#listener.failed(value, group === undefined ? inTime : this.#lostReason(), true);
    }
    for (const resolve of this.#flushes) {
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
      ownDelivered: (events) => {
        this.#ended += events;
        this.#listener.delivered(events);
        this.#onIdle();
      },
      rejected: (event, reason, isOwn) => {
        if (isOwn) {
          this.#listener.failed(event, reason, false);
        } else {
          this.#listener.adoptedFailed(event, reason);
        }
      },
      lost: (event, isOwn) => {
        if (isOwn) {
          this.#lost += 1;
          this.#listener.failed(event, this.#lostReason(), true);
        } else {
          this.#listener.adoptedFailed(event, this.#lostReason());
        }
      },
      warn: (text) => this.#listener.warn(text),
    };
  }

  #lostReason(): string {
    return `its file in ${this.#spool?.path} was removed, and no other can be written there`;
  }

  #isFull(): boolean {
    return !this.#hasRoomFor(1, 0);
  }

  /** Reports whether all these events would be queued one after another. */
  #hasRoom(events: readonly Arrival[]): boolean {
    let before = 0;
    for (let index = 1; index < events.length; index += 1) {
      before += (events[index - 1] as Arrival).json.length;
    }
    return this.#hasRoomFor(events.length, before);
  }

  #hasRoomFor(events: number, bytesBefore: number): boolean {
    const { maxEvents, maxBytes } = this.#settings;
    return this.#events + events <= maxEvents && this.#bytes + bytesBefore < maxBytes;
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

function entryOf({ workspace, value }: QueuedEvent): Entry {
  return { key: workspace.key, value };
}
