/** The transport to Kafka by @platformatic/kafka, which compresses, and tracks partition leaders. */

import { describeError } from "../describe.js";
import type { EkaError } from "../errors.js";
import { usageTopicPartitions } from "../generated/constants.js";
import { hideSecrets, type Settings } from "../settings.js";
import { checkReplicas } from "./acks.js";
import { sendError } from "./kafkaErrors.js";
import { type KafkaConfig, producerOptions } from "./kafkaOptions.js";
import {
  asEkaError,
  type BytesProducer,
  checkProducerOptions,
  createProducer,
} from "./kafkaProducer.js";
import { Throttle } from "./throttle.js";
import { type Message, SendError, type Transport } from "./transport.js";

/** Receives what concerns no single event. */
export interface KafkaListener {
  readonly onError?: (error: EkaError) => void;
  readonly warn?: (text: string) => void;
}

/** Sends to one topic by a producer of its own. */
export class KafkaTransport implements Transport {
  // With as many lanes as partitions, a partition without a leader does not delay the others.
  readonly lanes = usageTopicPartitions;
  readonly immediate = false;
  readonly #topic: string;
  readonly #settings: Settings;
  readonly #brokers: number;
  readonly #warn: (text: string) => void;
  #checksReplicas: boolean;
  readonly #producer: Promise<BytesProducer>;
  readonly #throttle = new Throttle();

  /**
   * Starts to load the Kafka client, in the background; `listener` receives why that fails.
   *
   * @throws ConfigError if an option is invalid.
   */
  constructor(
    settings: Settings,
    config: KafkaConfig,
    topic: string,
    { onError = () => undefined, warn = () => undefined }: KafkaListener = {},
  ) {
    this.#topic = topic;
    this.#settings = settings;
    const options = producerOptions(settings, config, warn);
    this.#brokers = [options["bootstrapBrokers"]].flat().length;
    if (Object.keys(config).length > 0) {
      checkProducerOptions(options, settings); // the settings are checked already
    }
    this.#warn = warn;
    this.#checksReplicas = options["acks"] === 1;
    this.#producer = createProducer(options, settings, (connection) => {
      this.#throttle.observe(connection);
    });
    this.#producer.catch((error: unknown) => onError(asEkaError(error)));
  }

  async send(batch: readonly Message[]): Promise<void> {
    const topic = this.#topic;
    const messages = batch.map(({ workspace, value }) => ({
      topic,
      key: workspace.key,
      value,
      partition: workspace.hash, // the producer takes it modulo the number of partitions
    }));
    const producer = await this.#loaded();
    try {
      await this.#throttle.pace(
        () => this.#leader(producer, batch),
        () => producer.send({ messages }),
      );
      if (this.#checksReplicas) {
        this.#checksReplicas = false;
        void checkReplicas(producer, topic, this.#warn);
      }
    } catch (error) {
      throw this.#fault(producer, error);
    }
  }

  async connect(): Promise<void> {
    const producer = await this.#loaded();
    for (let untried = this.#brokers; ; untried -= 1) {
      try {
        await producer.metadata({ topics: [this.#topic] });
        return;
      } catch (error) {
        const fault = this.#fault(producer, error);
        if (fault.retry !== "always" || untried <= 1) {
          throw fault;
        }
      }
    }
  }

  async close(): Promise<void> {
    this.#throttle.close();
    const producer = await this.#producer;
    await producer.close(true);
  }

  /** Returns the address of the broker that a batch goes to. */
  async #leader(producer: BytesProducer, [first]: readonly Message[]): Promise<string> {
    const { topics, brokers } = await producer.metadata({ topics: [this.#topic] });
    const partitions = topics.get(this.#topic)?.partitions ?? [];
    const leader = partitions[(first?.workspace.hash ?? 0) % partitions.length]?.leader;
    const broker = leader === undefined ? undefined : brokers.get(leader);
    return `${broker?.host}:${broker?.port}`;
  }

  async #loaded(): Promise<BytesProducer> {
    try {
      return await this.#producer;
    } catch (error) {
      throw new SendError(describeError(error), "never");
    }
  }

  #fault(producer: BytesProducer, error: unknown): SendError {
    const fault = sendError(error, this.#topic);
    if (fault.retry === "always") {
      producer.clearMetadata(); // the leader of the partition may have changed
    }
    fault.message = hideSecrets(fault.message, this.#settings);
    return fault;
  }
}
