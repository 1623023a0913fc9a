/**
 * The durable buffer of one client: events on disk until Kafka has them, as docs/spool-format.md
 * defines. It handles keys and bytes; it has no notion of an event.
 */

import { Adopter } from "./adoption.js";
import { Backlog } from "./backlog.js";
import type { SpoolConfig } from "./config.js";
import { asSpoolError, type Directory, SpoolError } from "./directory.js";
import { everyOf, Housekeeper } from "./housekeeping.js";
import { Origin } from "./origin.js";
import type { Entry } from "./record.js";
import { type FailedRecord, type ReplayBatch, Replayer, type ReplayTransport } from "./replayer.js";
import { SegmentLog } from "./segmentLog.js";
import type { AckGroup, SegmentWriter } from "./segmentWriter.js";
import { Syncer } from "./syncer.js";
import { defaultTuning } from "./tuning.js";

/** What a spool needs of its client. */
export interface SpoolHost {
  /** Reports whether memory is empty, so that nothing in it precedes what is on disk. */
  isDrained(): boolean;
  /** Reports whether there is capacity for the events of other clients. */
  hasCapacity(): boolean;
  /** Creates a transport for replay, apart from the client's own. */
  replayTransport(): ReplayTransport;
  /** Own events were delivered from disk. */
  ownDelivered(events: number): void;
  /** Kafka rejected an event permanently: one of this client, or an adopted one. */
  rejected(event: Buffer, reason: string, isOwn: boolean): void;
  /**
   * The file of an event was removed, no other can be written, and this client does not deliver it
   * any more; whether it is its own.
   */
  lost(event: Buffer, isOwn: boolean): void;
  warn(text: string): void;
}

/** The part of the disk in a client's counters. */
export interface SpoolStats {
  readonly spooled: number;
  readonly adopted: number;
  readonly replayed: number;
  readonly deadLettered: number;
  readonly oldestSpooledMs: number;
  readonly spooledTotal: number;
  readonly retried: number;
  readonly spoolBytes: number;
}

/** The spool of one client. */
export class Spool {
  readonly isDurable: boolean;
  readonly #clock: () => number;
  readonly #host: SpoolHost;
  readonly #directory: Directory;
  readonly #requeued: Backlog;
  readonly #backlog: Backlog;
  readonly #events: SegmentLog;
  readonly #dead: SegmentLog;
  readonly #logs: readonly SegmentLog[];
  readonly #adopter: Adopter;
  readonly #replayer: Replayer;
  readonly #syncer: Syncer;
  readonly #housekeeper: Housekeeper;
  #deadLettered = 0;
  #written = 0;
  #retried = 0;
  #released = 0;
  #isReleased = false;

  constructor(config: SpoolConfig, host: SpoolHost) {
    const { directory, syncMs, seq, tuning = defaultTuning } = config;
    const origin = new Origin(config);
    this.isDurable = config.isDurable;
    this.#clock = config.clock;
    this.#host = host;
    this.#directory = directory;
    this.#events = new SegmentLog("events", config, origin, seq);
    this.#dead = new SegmentLog("dead", config, origin, seq);
    const listener = {
      delivered: (events: number) => host.ownDelivered(events),
      rejected: (failed: FailedRecord) => this.#rejected(failed, true),
    };
    this.#backlog = new Backlog(this.#events, origin.id, listener);
    // What was in memory was accepted before whatever is pending in the backlog.
    const requeued = new SegmentLog("events", config, origin, () => 1);
    this.#requeued = new Backlog(requeued, origin.id, listener);
    this.#logs = [requeued, this.#events];
    this.#adopter = new Adopter(directory, origin, tuning, {
      rejected: (failed) => this.#rejected(failed, false),
      warn: (text) => host.warn(text),
    });
    const source = {
      next: () => this.#next(),
      transport: () => host.replayTransport(),
      onError: this.#failed("spool replay failed, retrying"),
    };
    this.#replayer = new Replayer(source, tuning);
    this.#syncer = new Syncer(
      directory,
      syncMs,
      this.#failed("spool sync failed, a power failure may lose events"),
    );
    const { warning } = directory;
    if (warning !== undefined) {
      host.warn(warning);
    }
    this.#housekeeper = new Housekeeper(
      () => this.#heartbeat(),
      tuning.heartbeatMs,
      this.#failed("spool housekeeping failed, retrying"),
    );
  }

  /** The directory's path. */
  get path(): string {
    return this.#directory.path;
  }

  /** Whether events are pending on disk, so that later ones have to be spilled too. */
  get hasBacklog(): boolean {
    return this.#requeued.hasPending || this.#backlog.hasPending;
  }

  /** How many events are pending on disk that this client replays. */
  get pending(): number {
    return this.#logs.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** Appends events that are delivered from memory, all or none; throws a SpoolError. */
  append(events: readonly Entry[]): AckGroup {
    return this.#append(this.#events, events).track(events.length);
  }

  /** Appends events that are replayed once all before them are; all or none; throws a SpoolError. */
  spill(events: readonly Entry[]): void {
    this.#backlog.add(this.#append(this.#events, events), events.length);
  }

  /**
   * Appends an event that was not delivered from memory, ahead of those that were spilled meanwhile;
   * throws a SpoolError.
   */
  requeue(event: Entry): void {
    try {
      this.#requeued.add(this.#append(this.#requeued.log, [event]), 1);
    } catch {
      this.spill([event]); // that needs no further segment
    }
    this.#retried += 1;
  }

  /** Appends an event that Kafka rejected permanently to the dead letters. */
  deadLetter(event: Entry): void {
    try {
      const writer = this.#dead.append([event]);
      this.#syncer.wrote(writer);
      this.#deadLettered += 1;
    } catch (error) {
      this.#report(error);
    }
  }

  /** Counts queued events that are on disk already and stay there for the next client. */
  releaseQueued(events: number): void {
    this.#released += events;
    this.#retried += events;
  }

  /** Starts replaying what is pending, once memory is empty. */
  wake(): void {
    this.#replayer.wake();
  }

  stats(): SpoolStats {
    const { adopted, replayed } = this.#adopter;
    const released = this.#logs.reduce((sum, log) => sum + log.released, this.#released);
    const spooled = this.pending + released;
    const deadLettered = this.#deadLettered;
    return {
      spooled,
      adopted,
      replayed,
      deadLettered,
      oldestSpooledMs: this.#oldest(),
      spooledTotal: this.#written,
      retried: this.#retried,
      spoolBytes: this.#bytes(),
    };
  }

  /** Whether its path still leads to the directory, so that the next client finds it. */
  get isInPlace(): boolean {
    return this.#directory.isInPlace;
  }

  /** Writes segments anew whose files were removed, as far as the disk can be written. */
  restore(): void {
    try {
      this.#restore();
    } catch (error) {
      this.#report(error);
    }
  }

  /** Leaves what is on disk to the next client, at once, and returns how many events that are. */
  release(): number {
    if (this.#isReleased) {
      return 0;
    }
    this.#reportLost();
    const left = this.pending + this.#released;
    this.#isReleased = true;
    this.#housekeeper.stop();
    void this.#replayer.stop();
    const parts = [...this.#logs, this.#dead, this.#adopter];
    for (const act of [
      () => this.#syncer.syncNow(),
      ...parts.map((part) => () => part.release()),
      () => this.#directory.close(),
    ]) {
      try {
        act();
      } catch (error) {
        this.#report(error);
      }
    }
    return left;
  }

  #append(log: SegmentLog, events: readonly Entry[]): SegmentWriter {
    if (this.#isReleased) {
      throw new SpoolError("the client was shut down");
    }
    const writer = log.append(events);
    this.#syncer.wrote(writer);
    this.#written += events.length;
    return writer;
  }

  #restore(): void {
    const parts = [...this.#logs, this.#dead, this.#adopter];
    everyOf(parts, (part) => part.restore((writer) => this.#syncer.wroteAnew(writer)));
  }

  #reportLost(): void {
    for (const { value } of [...this.#requeued.takeLost(), ...this.#backlog.takeLost()]) {
      this.#host.lost(value, true);
    }
    for (const { value } of this.#adopter.lostRecords()) {
      this.#host.lost(value, false);
    }
  }

  #heartbeat(): void {
    try {
      const steps = [
        ...[...this.#logs, this.#dead].map((log) => () => log.heartbeat()),
        () => this.#restore(),
        () => this.#adopter.heartbeat(),
      ];
      everyOf(steps, (step) => step());
    } finally {
      this.#replayer.wake();
    }
  }

  #next(): ReplayBatch | undefined {
    if (this.hasBacklog) {
      const isDrained = this.#host.isDrained();
      const own = isDrained ? (this.#requeued.next() ?? this.#backlog.next()) : undefined;
      if (this.hasBacklog) {
        return own;
      }
    }
    return this.#host.hasCapacity() ? this.#adopter.next() : undefined;
  }

  #rejected({ record, reason }: FailedRecord, isOwn: boolean): void {
    this.deadLetter(record);
    this.#host.rejected(record.value, reason, isOwn);
  }

  #bytes(): number {
    try {
      return this.#isReleased ? 0 : this.#directory.bytes();
    } catch {
      return 0; // another process may have removed the directory
    }
  }

  #oldest(): number {
    const writers = this.#logs.flatMap((log) => log.writers);
    const unacked = writers.filter(({ isAcked }) => !isAcked);
    const times = [this.#adopter.createdAt, ...unacked.map(({ createdAt }) => createdAt)];
    const known = times.filter((time) => time !== undefined);
    return known.length > 0 ? Math.max(0, this.#clock() - Math.min(...known)) : 0;
  }

  /** Logs that the directory cannot be written. */
  #report(error: unknown): void {
    this.#failed(`spool write failed, make room in ${this.path}`)(error);
  }

  /** Returns what logs an error after the event and what follows from it. */
  #failed(event: string): (error: unknown) => void {
    return (error) => this.#host.warn(`${event}: ${asSpoolError(error).message}`);
  }
}
