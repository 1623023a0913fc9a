/** Kafka by @platformatic/kafka, which batches, compresses and knows the leaders. */

import { Producer, type ProducerOptions } from "@platformatic/kafka";
import { describeError } from "../describe.js";
import { ConfigError } from "../errors.js";
import { usageTopicPartitions } from "../generated/constants.js";
import { hideSecrets, type Settings } from "../settings.js";
import { sendError } from "./kafkaErrors.js";
import { type KafkaConfig, kafkaOptions } from "./kafkaOptions.js";
import type { Message, Transport } from "./transport.js";

type BytesProducer = Producer<Buffer, Buffer, Buffer, Buffer>;
type BytesOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer>;

/** Sends to one topic with a producer of its own. */
export class KafkaTransport implements Transport {
  // With as many lanes as partitions, a partition without a leader holds up no other.
  readonly lanes = usageTopicPartitions;
  readonly immediate = false;
  readonly #topic: string;
  readonly #settings: Settings;
  readonly #producer: BytesProducer;

  constructor(settings: Settings, config: KafkaConfig, topic: string) {
    this.#topic = topic;
    this.#settings = settings;
    this.#producer = producer({ ...kafkaOptions(settings), ...config }, settings);
    keepOutOfTheWay(this.#producer);
  }

  async send(batch: readonly Message[]): Promise<void> {
    const topic = this.#topic;
    const messages = batch.map(({ workspace, value }) => ({
      topic,
      key: workspace.key,
      value,
      partition: workspace.hash, // the producer takes it modulo the partitions that there are
    }));
    try {
      await this.#producer.send({ messages });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async connect(): Promise<void> {
    try {
      await this.#producer.metadata({ topics: [this.#topic] });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async close(): Promise<void> {
    await this.#producer.close(true);
  }

  #fault(error: unknown): Error {
    const fault = sendError(error, this.#topic);
    if (fault.retry === "always") {
      this.#producer.clearMetadata(); // whoever led the partition may not do so any more
    }
    fault.message = hideSecrets(fault.message, this.#settings);
    return fault;
  }
}

function producer(config: KafkaConfig, settings: Settings): BytesProducer {
  const options = config as unknown as BytesOptions;
  try {
    // It checks its options only where it is strict, but then it checks every message too.
    void new Producer({ ...options, strict: true }).close();
    return new Producer(options);
  } catch (error) {
    const why = hideSecrets(describeError(error), settings);
    const text = `invalid kafkaConfig: @platformatic/kafka says: ${why}`;
    throw new ConfigError("config.invalid", text);
  }
}

/** An open connection must not keep the process alive, and an error on one must not end it. */
function keepOutOfTheWay({ connections }: BytesProducer): void {
  connections.on("connecting", ({ connection }) => {
    connection.on("error", () => undefined);
    connection.once("connecting", () => queueMicrotask(() => connection.socket.unref()));
  });
}
