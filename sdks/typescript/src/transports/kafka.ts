/** The transport to Kafka by @platformatic/kafka, which compresses, and tracks partition leaders. */

import { type Broker, Producer, type ProducerOptions } from "@platformatic/kafka";
import { describeError } from "../describe.js";
import { ConfigError } from "../errors.js";
import { usageTopicPartitions } from "../generated/constants.js";
import { hideSecrets, type Settings } from "../settings.js";
import { sendError } from "./kafkaErrors.js";
import { type KafkaConfig, kafkaOptions } from "./kafkaOptions.js";
import type { Message, SendError, Transport } from "./transport.js";

type BytesProducer = Producer<Buffer, Buffer, Buffer, Buffer>;
type Lookup = (brokers: Broker[], ...callback: unknown[]) => unknown;
type BytesOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer>;

/** Sends to one topic by a producer of its own. */
export class KafkaTransport implements Transport {
  // With as many lanes as partitions, a partition without a leader does not delay the others.
  readonly lanes = usageTopicPartitions;
  readonly immediate = false;
  readonly #topic: string;
  readonly #settings: Settings;
  readonly #producer: BytesProducer;
  readonly #brokers: number;

  constructor(settings: Settings, config: KafkaConfig, topic: string) {
    this.#topic = topic;
    this.#settings = settings;
    const options = { ...kafkaOptions(settings), ...config };
    this.#producer = producer(options, settings);
    this.#brokers = [options["bootstrapBrokers"]].flat().length;
    detach(this.#producer);
    preferResponsive(this.#producer);
  }

  async send(batch: readonly Message[]): Promise<void> {
    const topic = this.#topic;
    const messages = batch.map(({ workspace, value }) => ({
      topic,
      key: workspace.key,
      value,
      partition: workspace.hash, // the producer takes it modulo the number of partitions
    }));
    try {
      await this.#producer.send({ messages });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async connect(): Promise<void> {
    for (let untried = this.#brokers; ; untried -= 1) {
      try {
        await this.#producer.metadata({ topics: [this.#topic] });
        return;
      } catch (error) {
        const fault = this.#fault(error);
        if (fault.retry !== "always" || untried <= 1) {
          throw fault;
        }
      }
    }
  }

  async close(): Promise<void> {
    await this.#producer.close(true);
  }

  #fault(error: unknown): SendError {
    const fault = sendError(error, this.#topic);
    if (fault.retry === "always") {
      this.#producer.clearMetadata(); // the leader of the partition may have changed
    }
    fault.message = hideSecrets(fault.message, this.#settings);
    return fault;
  }
}

function producer(config: KafkaConfig, settings: Settings): BytesProducer {
  const options = config as unknown as BytesOptions;
  try {
    // It validates its options only if it is strict, but then it validates every message too.
    void new Producer({ ...options, strict: true }).close();
    return new Producer(options);
  } catch (error) {
    const reason = hideSecrets(describeError(error), settings);
    const text = `invalid kafkaConfig, rejected by @platformatic/kafka: ${reason}`;
    throw new ConfigError("config.invalid", text);
  }
}

/** Lets no open connection keep the process alive, and no error on one end it. */
function detach({ connections }: BytesProducer): void {
  connections.on("connecting", ({ connection }) => {
    connection.on("error", () => undefined);
    connection.once("connecting", () => queueMicrotask(() => connection.socket.unref()));
  });
}

/**
 * Lets the library try the bootstrap brokers in the order in which their connections failed.
 *
 * It uses the first that accepts a connection, which may never answer a request. The connection is
 * closed then, but its own order is the same each time, unless it counts the retries itself.
 */
function preferResponsive({ connections }: BytesProducer): void {
  const failures = new Map<string, number>();
  let count = 0;
  const key = ({ host, port }: Broker) => `${host}:${port}`;
  const failed = ({ broker }: { broker: Broker }) => failures.set(key(broker), ++count);
  connections.on("failed", failed);
  connections.on("disconnect", failed);
  const lastFailure = (broker: Broker) => failures.get(key(broker)) ?? 0;
  const inGivenOrder = connections.getFirstAvailable.bind(connections) as Lookup;
  const inOrder: Lookup = (brokers, ...callback) =>
    inGivenOrder(
      brokers.toSorted((a, b) => lastFailure(a) - lastFailure(b)),
      ...callback,
    );
  connections.getFirstAvailable = inOrder as typeof connections.getFirstAvailable;
}
