/** What waits on disk, on its way to Kafka by a transport of its own. */

import { describeError } from "./describe.js";
import { murmur2 } from "./murmur2.js";
import type { SpooledRecord } from "./spool/record.js";
import type { Carrier, Refusal } from "./spool/replayer.js";
import { type Message, SendError, type Transport } from "./transports/transport.js";

/** Sends the records of one key one after another, and others beside them. */
export class TransportCarrier implements Carrier {
  readonly #transport: Transport;
  readonly #batchBytes: number;

  constructor(transport: Transport, batchBytes: number) {
    this.#transport = transport;
    this.#batchBytes = batchBytes;
  }

  async send(records: readonly SpooledRecord[]): Promise<readonly Refusal[]> {
    const { lanes } = this.#transport;
    const byLane = new Map<number, Item[]>();
    for (const record of records) {
      const hash = murmur2(record.key);
      const { key, value } = record;
      const lane = byLane.get(hash % lanes) ?? [];
      byLane.set(hash % lanes, lane);
      lane.push({ record, workspace: { key, hash }, value });
    }
    const refusals = await Promise.all([...byLane.values()].map((lane) => this.#sendLane(lane)));
    return refusals.flat().sort((a, b) => a.record.start - b.record.start);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #sendLane(items: readonly Item[]): Promise<Refusal[]> {
    const refusals: Refusal[] = [];
    for (let from = 0; from < items.length; ) {
      const batch = this.#batch(items, from);
      from += batch.length;
      const fault = await this.#fault(batch);
      if (fault !== undefined) {
        const { isFinal, message: why } = fault;
        // What follows a batch that is to be repeated must not overtake it.
        const refused = isFinal ? batch : [...batch, ...items.slice(from)];
        refusals.push(...refused.map(({ record }) => ({ record, why, isFinal })));
        if (!isFinal) {
          break;
        }
      }
    }
    return refusals;
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
      return error instanceof SendError ? error : new SendError(describeError(error), "counted");
    }
  }
}

interface Item {
  readonly record: SpooledRecord;
  readonly workspace: { readonly key: Buffer; readonly hash: number };
  readonly value: Buffer;
}

/** A transport that somebody else closes. */
export class Lent implements Transport {
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
