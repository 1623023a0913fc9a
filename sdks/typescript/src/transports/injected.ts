/** The transport of an injected producer, which replaces Kafka or wraps it. */

import { describeError } from "../describe.js";
import { isFinal } from "./kafkaErrors.js";
import { type Message, SendError, type Transport } from "./transport.js";

/** One Kafka message. */
export interface ProducerMessage {
  /** The workspace id, so that the events of a workspace keep their order. */
  readonly key: Buffer;
  /** The event as JSON. */
  readonly value: Buffer;
}

/** What a client needs of a producer. */
export interface ProducerLike {
  /**
   * Whether `record()` itself calls `send()`, for each event, which suits tests.
   *
   * @default false
   */
  readonly immediate?: boolean;
  /** Resolves once the messages are delivered; rejects if they cannot be, retries included. */
  send(batch: { topic: string; messages: ProducerMessage[] }): Promise<unknown>;
  /** Called once, before the first batch. */
  connect?(): Promise<unknown> | undefined;
  /** Called by `shutdown()`. */
  disconnect?(): Promise<unknown> | undefined;
}

/** Sends batches to an injected producer, one after another. */
export class InjectedTransport implements Transport {
  readonly lanes = 1;
  readonly immediate: boolean;
  readonly #producer: ProducerLike;
  readonly #topic: string;
  // Shared with the successors.
  readonly #connection: { opened?: Promise<unknown> | undefined };
  #hasSuccessor = false;

  constructor(producer: ProducerLike, topic: string, connection = {}) {
    this.#connection = connection;
    this.#producer = producer;
    this.#topic = topic;
    this.immediate = producer.immediate ?? false;
  }

  async send(batch: readonly Message[]): Promise<void> {
    const messages = batch.map(({ workspace, value }) => ({ key: workspace.key, value }));
    try {
      if (this.#producer.connect !== undefined) {
        await this.connect();
      }
      await this.#producer.send({ topic: this.#topic, messages });
    } catch (error) {
      throw new SendError(describeError(error), "never", isFinal(error));
    }
  }

  async connect(): Promise<void> {
    this.#connection.opened ??= Promise.resolve(this.#producer.connect?.());
    try {
      await this.#connection.opened;
    } catch (error) {
      this.#connection.opened = undefined;
      throw error;
    }
  }

  /** Returns a transport that goes on with the producer, which `close()` then leaves connected. */
  successor(): InjectedTransport {
    this.#hasSuccessor = true;
    return new InjectedTransport(this.#producer, this.#topic, this.#connection);
  }

  async close(): Promise<void> {
    if (!this.#hasSuccessor) {
      await this.#producer.disconnect?.();
    }
  }
}
