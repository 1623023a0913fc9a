/** Converts settings to options of @platformatic/kafka's producer. */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { describeError } from "../describe.js";
import { clientName, settings as table } from "../generated/settings.js";
import { retryPause } from "../retryPause.js";
import { PasswordFile } from "../secret.js";
import { configError, type Settings } from "../settings.js";

/** Options of @platformatic/kafka's `Producer`, which override every setting. */
export type KafkaConfig = Readonly<Record<string, unknown>>;

// The broker responds within the produce timeout; a response that takes twice as long is lost.
const produceTimeout = 5_000;
const requestTimeout = 10_000;
// A changed leader is detected by its response, so metadata needs no frequent refresh.
const metadataMaxAge = 300_000;

/** Returns the options of the producer: those of the settings, overridden by `config`. */
export function producerOptions(
  settings: Settings,
  config: KafkaConfig,
  warn?: (text: string) => void,
): KafkaConfig {
  // Idempotence requires all acknowledgements.
  const isOverridden = config["acks"] !== undefined && config["idempotent"] === undefined;
  const kafkaAcks = isOverridden ? "1" : settings.kafkaAcks;
  return { ...kafkaOptions({ ...settings, kafkaAcks }, warn), ...config };
}

function kafkaOptions(settings: Settings, warn?: (text: string) => void): KafkaConfig {
  const brokers = settings.kafkaBrokers ?? [];
  return {
    clientId: clientName,
    bootstrapBrokers: brokers,
    compression: settings.kafkaCompressionType,
    timeout: produceTimeout,
    requestTimeout,
    metadataMaxAge,
    ...acks(settings),
    ...security(settings, brokers),
    ...(settings.kafkaSecurityProtocol.startsWith("SASL") && { sasl: credentials(settings, warn) }),
  };
}

/** Lanes retry batches. Only with idempotence the library does, as it needs the same producer. */
function acks({ kafkaAcks, kafkaRetries, kafkaRetryDelayMs }: Settings): KafkaConfig {
  if (kafkaAcks !== "all") {
    return { acks: Number(kafkaAcks), retries: 0 };
  }
  // The library treats a number below two as unlimited.
  const retryDelay = (_client: unknown, _id: unknown, attempt: number) =>
    retryPause(kafkaRetryDelayMs, attempt - 1);
  return { idempotent: true, retries: Math.max(2, kafkaRetries), retryDelay };
}

function security(settings: Settings, brokers: readonly string[]): KafkaConfig {
  const protocol = settings.kafkaSecurityProtocol;
  return {
    ...(protocol.endsWith("SSL") && {
      tls: certificates(settings),
      // Brokers behind a proxy need the server name (SNI), which an IP address cannot be.
      tlsServerName: !brokers.some((broker) => isIP(broker.replace(/:\d+$|[[\]]/g, ""))),
    }),
  };
}

function certificates(settings: Settings): SecureContextOptions {
  const { kafkaSslCertificateLocation, kafkaSslKeyLocation } = settings;
  const [ca, cert, key] = (
    ["kafkaSslCaLocation", "kafkaSslCertificateLocation", "kafkaSslKeyLocation"] as const
  ).map((name) => content(settings, name));
  requirePair(settings, "kafkaSslCertificateLocation", "kafkaSslKeyLocation");
  requirePair(settings, "kafkaSslKeyLocation", "kafkaSslCertificateLocation");
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw configError(
      table.kafkaSslCertificateLocation.argument,
      `'${kafkaSslCertificateLocation}'`,
      `a PEM file of the certificate of the key in '${kafkaSslKeyLocation}': ${describeError(error)}`,
    );
  }
  return { ...(ca && { ca }), ...(cert && { cert, key }) };
}

type Location = "kafkaSslCaLocation" | "kafkaSslCertificateLocation" | "kafkaSslKeyLocation";

function content(settings: Settings, name: Location): Buffer | undefined {
  const path = settings[name];
  if (path === undefined) {
    return undefined;
  }
  try {
    return readFileSync(path);
  } catch (error) {
    throw configError(table[name].argument, `'${path}'`, `a file: ${describeError(error)}`);
  }
}

function requirePair(settings: Settings, given: Location, other: Location): void {
  if (settings[given] !== undefined && settings[other] === undefined) {
    const hint = `a PEM file, since ${table[given].argument} is '${settings[given]}'`;
    throw configError(table[other].argument, "''", hint);
  }
}

/** The library asks for the password at each connection, so that a rotated one is found. */
function credentials(settings: Settings, warn?: (text: string) => void): KafkaConfig {
  const { kafkaSaslPassword: password, kafkaSaslPasswordFile: path } = settings;
  const file = path === undefined ? undefined : new PasswordFile(path, warn);
  return {
    mechanism: settings.kafkaSaslMechanism,
    username: settings.kafkaSaslUsername,
    password: () => (file?.latest() ?? password)?.reveal(),
  };
}
