/** Wires a client to its spool: the configuration of the spool, and its transport for replay. */

import { describeError, describeValue } from "./describe.js";
import { usageTopic } from "./generated/constants.js";
import { settings as table } from "./generated/settings.js";
import { httpDestination } from "./httpSettings.js";
import { murmur2 } from "./murmur2.js";
import type { EkaClientOptions } from "./options.js";
import type { OutboxSpool } from "./outbox.js";
import { configError, type Settings } from "./settings.js";
import type { SpoolConfig } from "./spool/config.js";
import { locate } from "./spool/location.js";
import { destinationOf } from "./spool/origin.js";
import type { SpooledRecord } from "./spool/record.js";
import type { FailedRecord, ReplayTransport } from "./spool/replayer.js";
import {
  asSendError,
  type Message,
  type Refusal,
  type SendError,
  type Transport,
} from "./transports/transport.js";

/** What a spool needs of its client. */
export type SpoolClient = Pick<SpoolConfig, "instanceId" | "clock" | "seq"> & {
  readonly warn: (text: string) => void;
  /** Creates a transport for replay. */
  readonly replayTransport: () => ReplayTransport;
};

/** What the outbox creates its spool with, or why there is none. */
export interface SpoolChoice {
  readonly spool?: OutboxSpool;
  /** Why its directory cannot be used; empty if it can, or no spool is wanted. */
  readonly error: string;
}

/**
 * Returns what the outbox creates its spool with. If its directory cannot be used, it warns.
 *
 * @throws ConfigError instead, if an option or a variable requests the spool.
 */
export function outboxSpool(
  settings: Settings,
  options: EkaClientOptions,
  isDisabled: boolean,
  { warn, replayTransport, ...client }: SpoolClient,
): SpoolChoice {
  const request = requestIn(options);
  // Tests inject a producer, and must not replay what others left on disk.
  const isWanted = options.producer === undefined || request?.isOption === true;
  if (settings.spool === "off" || !isWanted || isDisabled) {
    return { error: "" };
  }
  try {
    const config: SpoolConfig = {
      ...client,
      directory: locate(settings.spoolDir),
      isDurable: settings.spool === "durable",
      maxBytes: settings.spoolMaxBytes,
      syncMs: settings.spoolSyncMs,
      destination: destination(settings, options),
    };
    return { spool: { config, replayTransport }, error: "" };
  } catch (error) {
    const reason = describeError(error);
    if (request !== undefined) {
      const { name, value } = request;
      throw configError(name, describeValue(value), `a usable directory: ${reason}`);
    }
    const advice = `set ${table.spoolDir.variable} to a usable directory, or ${table.spool.variable}=off`;
    warn(`no spool, undelivered events are lost when this process ends; ${advice}: ${reason}`);
    return { error: reason };
  }
}

interface SpoolRequest {
  readonly name: string;
  readonly value: unknown;
  readonly isOption: boolean;
}

/** Returns the option or the variable that requests a spool; undefined if none does. */
function requestIn(options: EkaClientOptions): SpoolRequest | undefined {
  for (const { argument, variable } of [table.spoolDir, table.spool]) {
    const [option, value] = [options[argument], process.env[variable]];
    if (option !== undefined) {
      return { name: argument, value: option, isOption: true };
    }
    if (value) {
      return { name: variable, value, isOption: false };
    }
  }
  return undefined;
}

function destination(settings: Settings, options: EkaClientOptions): Buffer {
  return settings.transport === "http" && options.producer === undefined
    ? httpDestination(usageTopic, settings.httpUrl ?? "")
    : destinationOf(usageTopic, brokersOf(settings, options));
}

function brokersOf(
  settings: Settings,
  { producer, kafkaConfig = {} }: EkaClientOptions,
): readonly string[] | "producer" {
  const given = kafkaConfig["bootstrapBrokers"] ?? settings.kafkaBrokers ?? [];
  const brokers = (Array.isArray(given) ? given : [given]) as unknown[];
  return producer === undefined ? brokers.map(address) : "producer";
}

/** Formats an address, which the library accepts as a string or as an object. */
function address(broker: unknown): string {
  const { host, port } = Object(broker) as { host?: unknown; port?: unknown };
  return host === undefined ? String(broker) : `${String(host)}:${String(port)}`;
}

/** Replays over a transport: the records of one lane in order, lanes in parallel. */
export class LaneReplayTransport implements ReplayTransport {
  readonly #transport: Transport;
  readonly #batchBytes: number;

  constructor(transport: Transport, batchBytes: number) {
    this.#transport = transport;
    this.#batchBytes = batchBytes;
  }

  async send(records: readonly SpooledRecord[]): Promise<readonly FailedRecord[]> {
    const { lanes } = this.#transport;
    const byLane = new Map<number, Item[]>();
    for (const record of records) {
      const hash = murmur2(record.key);
      const { key, value } = record;
      const lane = byLane.get(hash % lanes) ?? [];
      byLane.set(hash % lanes, lane);
      lane.push({ record, workspace: { key, hash }, value });
    }
    const failed = await Promise.all([...byLane.values()].map((lane) => this.#sendLane(lane)));
    return failed.flat().sort((a, b) => a.record.start - b.record.start);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #sendLane(items: readonly Item[]): Promise<FailedRecord[]> {
    const failed: FailedRecord[] = [];
    for (let from = 0; from < items.length; ) {
      const batch = this.#batch(items, from);
      from += batch.length;
      const fault = await this.#fault(batch);
      if (fault !== undefined) {
        if (fault.refused.length > 0) {
          failed.push(...fault.refused.flatMap((refusal) => refusedItem(batch, refusal)));
          continue;
        }
        const { isFinal, message: reason } = fault;
        // What follows a batch that is sent again must not overtake it.
        const undelivered = isFinal ? batch : [...batch, ...items.slice(from)];
        failed.push(...undelivered.map(({ record }) => ({ record, reason, isFinal })));
        if (!isFinal) {
          break;
        }
      }
    }
    return failed;
  }

  #batch(items: readonly Item[], from: number): readonly Item[] {
    let [to, bytes] = [from, 0];
    do {
      bytes += items[to]?.value.length ?? 0;
      to += 1;
    } while (to < items.length && bytes + (items[to]?.value.length ?? 0) <= this.#batchBytes);
    return items.slice(from, to);
  }

  async #fault(batch: readonly Item[]): Promise<SendError | undefined> {
    try {
      await this.#transport.send(batch);
      return undefined;
    } catch (error) {
      return asSendError(error);
    }
  }
}

interface Item {
  readonly record: SpooledRecord;
  readonly workspace: { readonly key: Buffer; readonly hash: number };
  readonly value: Buffer;
}

function refusedItem(batch: readonly Item[], { index, reason }: Refusal): FailedRecord[] {
  return batch.slice(index, index + 1).map(({ record }) => ({ record, reason, isFinal: true }));
}

/** A transport that replay shares with the client, which closes it. */
export class SharedTransport implements Transport {
  readonly lanes: number;
  readonly immediate = false;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.lanes = transport.lanes;
    this.#transport = transport;
  }

  async send(batch: readonly Message[]): Promise<void> {
    await this.#transport.send(batch);
  }

  async connect(): Promise<void> {
    await this.#transport.connect();
  }

  async close(): Promise<void> {}
}
