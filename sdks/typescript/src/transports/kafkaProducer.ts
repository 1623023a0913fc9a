/**
 * Loads @platformatic/kafka and creates its producers.
 *
 * It is loaded in the background, and only by a client that needs it: no bundler can include it, so a
 * bundle has to run without it until then, and a service with a producer of its own never needs it.
 */

import type { Broker, Producer, ProducerOptions } from "@platformatic/kafka";
import { describeError } from "../describe.js";
import { ConfigError, DeliveryError, EkaError, message } from "../errors.js";
import { safely } from "../safely.js";
import { hideSecrets, type Settings } from "../settings.js";
import type { KafkaConfig } from "./kafkaOptions.js";

/** A producer of bytes. */
export type BytesProducer = Producer<Buffer, Buffer, Buffer, Buffer>;
type BytesOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer>;
type Library = typeof import("@platformatic/kafka");
type Lookup = (brokers: Broker[], ...callback: unknown[]) => unknown;

const name = "@platformatic/kafka";

/** Throws a ConfigError if the library rejects its options; where it cannot be loaded at once, later. */
export function checkProducerOptions(options: KafkaConfig, settings: Settings): void {
  // Not by an import, which bundlers would resolve.
  const { createRequire } = process.getBuiltinModule("node:module");
  const library = safely(() => createRequire(import.meta.url)(name) as Library);
  if (library !== undefined) {
    check(library, options, settings);
  }
}

/**
 * Loads the library and creates a producer; rejects with a ConfigError if it rejects its options.
 *
 * @param onConnection Receives each connection of the producer.
 */
export async function createProducer(
  options: KafkaConfig,
  settings: Settings,
  onConnection: (connection: object) => void,
): Promise<BytesProducer> {
  const library = await load();
  check(library, options, settings);
  const producer = new library.Producer(options as unknown as BytesOptions);
  producer.connections.on("connecting", ({ connection }) => onConnection(connection));
  detach(producer);
  preferResponsive(producer);
  return producer;
}

/** Returns the error of `createProducer()` as one to be reported. */
export function asEkaError(error: unknown): EkaError {
  return error instanceof EkaError
    ? error
    : new DeliveryError(
        "delivery.failed",
        message("delivery.failed", { hint: describeError(error) }),
      );
}

async function load(): Promise<Library> {
  try {
    return await import("@platformatic/kafka");
  } catch (error) {
    const reason = describeError(error);
    throw new Error(`${name} cannot be loaded; a bundle needs it as external: ${reason}`);
  }
}

/** It validates its options only if it is strict, but then it validates every message too. */
function check({ Producer }: Library, options: KafkaConfig, settings: Settings): void {
  try {
    void new Producer({ ...(options as unknown as BytesOptions), strict: true }).close();
  } catch (error) {
    const reason = hideSecrets(describeError(error), settings);
    const text = `invalid kafkaConfig, rejected by ${name}: ${reason}`;
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
