/**
 * What keeps events on disk that Kafka does not have yet: docs/spool-format.md. It knows keys and
 * bytes, and no events.
 */

import { Adopter } from "./adoption.js";
import { Backlog } from "./backlog.js";
import type { SpoolConfig } from "./config.js";
import { type Directory, SpoolError } from "./directory.js";
import { Housekeeper } from "./housekeeping.js";
import { Origin } from "./origin.js";
import { type FailedRecord, type ReplayBatch, Replayer, type ReplayTransport } from "./replayer.js";
import { SegmentLog } from "./segmentLog.js";
import type { AckGroup, SegmentWriter } from "./segmentWriter.js";
import { Syncer } from "./syncer.js";
import { defaultTuning } from "./tuning.js";

/** What a spool asks and tells of whoever has it. */
export interface SpoolHost {
  /** Whether nothing waits in memory that came before what is on disk. */
  isDrained(): boolean;
  /** Whether there is time to send what others left behind. */
  isQuiet(): boolean;
  /** Creates a transport for replay, apart from the client's own. */
  replayTransport(): ReplayTransport;
  /** Own events were delivered from the disk. */
  replayed(events: number): void;
  /** Kafka rejected an event permanently, of this client or of one that is gone. */
  rejected(event: Buffer, reason: string, isOwn: boolean): void;
  /** Something that people should know. */
  warn(text: string): void;
}

/** What became of events by way of the disk. */
export interface SpoolStats {
  readonly spooled: number;
  readonly adopted: number;
  readonly replayed: number;
  readonly deadLettered: number;
  readonly oldestSpooledMs: number;
}

/** The spool of one client. */
export class Spool {
  readonly isDurable: boolean;
  readonly #clock: () => number;
  readonly #host: SpoolHost;
  readonly #directory: Directory;
  readonly #returned: Backlog;
  readonly #backlog: Backlog;
  readonly #events: SegmentLog;
  readonly #dead: SegmentLog;
  readonly #logs: readonly SegmentLog[];
  readonly #adopter: Adopter;
  readonly #replayer: Replayer;
  readonly #syncer: Syncer;
  readonly #housekeeper: Housekeeper;
  #deadLettered = 0;
  #left = 0;
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
      delivered: (events: number) => host.replayed(events),
      rejected: (failed: FailedRecord) => this.#rejected(failed, true),
    };
    this.#backlog = new Backlog(this.#events, origin.id, listener);
    // What was in memory was accepted before whatever waits in the backlog.
    const returned = new SegmentLog("events", config, origin, () => 1);
    this.#returned = new Backlog(returned, origin.id, listener);
    this.#logs = [returned, this.#events];
    this.#adopter = new Adopter(directory, origin, tuning, {
      rejected: (failed) => this.#rejected(failed, false),
      warn: (text) => host.warn(text),
    });
    const source = {
      next: () => this.#next(),
      transport: () => host.replayTransport(),
      onError: (error: unknown) => this.#trouble(error),
    };
    this.#replayer = new Replayer(source, tuning);
    this.#syncer = new Syncer(directory, syncMs, (error) => this.#trouble(error));
    const onError = (error: unknown) => this.#trouble(error);
    this.#housekeeper = new Housekeeper(() => this.#heartbeat(), tuning.heartbeatMs, onError);
  }

  /** Where events are kept. */
  get path(): string {
    return this.#directory.path;
  }

  /** Whether events wait on disk, so that later ones have to wait there too. */
  get isBehind(): boolean {
    return this.#returned.isBehind || this.#backlog.isBehind;
  }

  /** How many events wait on disk that this client is to deliver. */
  get waiting(): number {
    return this.#logs.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Keeps an event that is delivered from memory; throws a SpoolError. */
  keep(key: Buffer, event: string | Buffer): AckGroup {
    return this.#append(this.#events, key, event).track();
  }

  /** Keeps an event that waits until all before it are delivered; throws a SpoolError. */
  defer(key: Buffer, event: string | Buffer): void {
    this.#backlog.add(this.#append(this.#events, key, event));
  }

  /**
   * Keeps an event that was not delivered from memory, and goes before those that were deferred
   * meanwhile; throws a SpoolError.
   */
  takeBack(key: Buffer, event: Buffer): void {
    try {
      this.#returned.add(this.#append(this.#returned.log, key, event));
    } catch {
      this.defer(key, event); // that takes no segment more
    }
  }

  /** Keeps an event that was refused for good, for people to look at. */
  bury(key: Buffer, event: Buffer): void {
    try {
      const writer = this.#dead.append(key, event);
      this.#syncer.wrote(writer);
      this.#deadLettered += 1;
    } catch (error) {
      this.#trouble(error);
    }
  }

  /** So many events that are kept are not delivered from memory after all. */
  leave(events: number): void {
    this.#left += events;
  }

  /** Memory is empty, so that what waits here may go. */
  wake(): void {
    this.#replayer.wake();
  }

  stats(): SpoolStats {
    const { adopted, replayed } = this.#adopter;
    const entrusted = this.#logs.reduce((sum, log) => sum + log.entrusted, 0);
    const spooled = this.waiting + entrusted + this.#left;
    const deadLettered = this.#deadLettered;
    return { spooled, adopted, replayed, deadLettered, oldestSpooledMs: this.#oldest() };
  }

  /** Leaves what is on disk to the next client, at once, and says how many events that are. */
  release(): number {
    if (this.#isReleased) {
      return 0;
    }
    const kept = this.waiting + this.#left;
    this.#isReleased = true;
    this.#housekeeper.stop();
    void this.#replayer.stop();
    const parts = [...this.#logs, this.#dead, this.#adopter];
    for (const act of [() => this.#syncer.now(), ...parts.map((part) => () => part.release())]) {
      try {
        act();
      } catch (error) {
        this.#trouble(error);
      }
    }
    return kept;
  }

  #append(log: SegmentLog, key: Buffer, event: string | Buffer): SegmentWriter {
    if (this.#isReleased) {
      throw new SpoolError("the client was shut down");
    }
    const writer = log.append(key, event);
    this.#syncer.wrote(writer);
    return writer;
  }

  #heartbeat(): void {
    try {
      for (const log of [...this.#logs, this.#dead]) {
        log.heartbeat();
      }
      this.#adopter.heartbeat();
    } finally {
      this.#replayer.wake();
    }
  }

  #next(): ReplayBatch | undefined {
    if (this.isBehind) {
      const isDrained = this.#host.isDrained();
      const own = isDrained ? (this.#returned.next() ?? this.#backlog.next()) : undefined;
      if (this.isBehind) {
        return own;
      }
    }
    return this.#host.isQuiet() ? this.#adopter.next() : undefined;
  }

  #rejected({ record: { key, value }, reason }: FailedRecord, isOwn: boolean): void {
    this.bury(key, value);
    this.#host.rejected(value, reason, isOwn);
  }

  #oldest(): number {
    const writers = this.#logs.flatMap((log) => log.writers);
    const undone = writers.filter(({ isAcked }) => !isAcked);
    const times = [this.#adopter.createdAt, ...undone.map(({ createdAt }) => createdAt)];
    const known = times.filter((time) => time !== undefined);
    return known.length > 0 ? Math.max(0, this.#clock() - Math.min(...known)) : 0;
  }

  #trouble(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#host.warn(`the spool in '${this.path}' has trouble: ${why}`);
  }
}
