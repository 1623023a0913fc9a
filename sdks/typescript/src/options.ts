/** The options of a client and of its calls. */

import { describeValue } from "./describe.js";
import type { SettingOptions } from "./generated/settings.js";
import { isJsonObject } from "./jsonText.js";
import type { OnError } from "./reporting.js";
import { checkOptionNames, configError } from "./settings.js";
import type { ProducerLike } from "./transports/injected.js";
import type { KafkaConfig } from "./transports/kafkaOptions.js";

/** Options of a client; an option that is a setting overrides its environment variable. */
export interface EkaClientOptions extends SettingOptions {
  /** The name of the service, which every event carries. */
  readonly serviceName: string;
  /** Options of @platformatic/kafka's `Producer`, which override every setting. */
  readonly kafkaConfig?: KafkaConfig | undefined;
  /**
   * Receives each error with its context.
   *
   * @default logs errors, at most one line per second and code
   */
  readonly onError?: OnError | undefined;
  /**
   * Whether to log every accepted event by `console.debug`.
   *
   * @default false
   */
  readonly debug?: boolean | undefined;
  /**
   * Replaces Kafka, for instance by an `InMemoryProducer` of the `testing` entry point. There is no
   * spool then, unless the option `spool` or `spoolDir` requests one.
   */
  readonly producer?: ProducerLike | undefined;
  /**
   * Returns milliseconds since 1970.
   *
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
  /**
   * Mints the instance id, then event ids.
   *
   * @default UUIDv7
   */
  readonly newId?: (() => string) | undefined;
  /**
   * The name of the machine, which every event carries.
   *
   * @default os.hostname()
   */
  readonly hostname?: string | undefined;
}

/** Options of a call of `record()`. */
export interface RecordOptions {
  /**
   * An idempotency key: events with the same id count once.
   *
   * @default a new UUIDv7
   */
  readonly eventId?: string | null | undefined;
  /**
   * When the usage happened, as a Date or an RFC 3339 string.
   *
   * @default now
   */
  readonly occurredAt?: Date | string | null | undefined;
}

const ownOptions = [
  "serviceName",
  "kafkaConfig",
  "onError",
  "debug",
  "producer",
  "clock",
  "newId",
  "hostname",
] as const satisfies readonly Exclude<keyof EkaClientOptions, keyof SettingOptions>[];

/** Throws a TypeError if an option is not one of a client's, which would otherwise go unnoticed. */
export function checkOptions(options: EkaClientOptions): void {
  if (!isJsonObject(options)) {
    throw new TypeError(
      "Expected the options of EkaClient to be an object, such as { serviceName: 'billing' }",
    );
  }
  checkOptionNames({ ...options }, ownOptions);
  const { kafkaConfig = {} } = options;
  if (!isJsonObject(kafkaConfig)) {
    const hint = "an object of options of @platformatic/kafka";
    throw configError("kafkaConfig", describeValue(kafkaConfig), hint);
  }
}
