/** What a client and its calls can be told. */

import { describeValue } from "./describe.js";
import type { SettingOptions } from "./generated/settings.js";
import { isJsonObject } from "./jsonText.js";
import type { OnError } from "./reporting.js";
import { checkOptionNames, configError } from "./settings.js";
import type { ProducerLike } from "./transports/injected.js";
import type { KafkaConfig } from "./transports/kafkaOptions.js";

/** Options of a client; those that are settings override their environment variable. */
export interface EkaClientOptions extends SettingOptions {
  /** The service that reports; stands in every event. */
  readonly serviceName: string;
  /** Options of @platformatic/kafka's `Producer`, which override every setting. */
  readonly kafkaConfig?: KafkaConfig | undefined;
  /** Hears each error with its context; without it errors are logged, a line a second a code. */
  readonly onError?: OnError | undefined;
  /**
   * Whether to log every accepted event, by `console.debug`.
   *
   * @default false
   */
  readonly debug?: boolean | undefined;
  /** Takes the place of Kafka, for instance an `InMemoryProducer` of the `testing` entry point. */
  readonly producer?: ProducerLike | undefined;
  /**
   * Milliseconds since 1970.
   *
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
  /** Mints the instance id, then event ids, in place of UUIDv7. */
  readonly newId?: (() => string) | undefined;
  /** In place of the machine's own name. */
  readonly hostname?: string | undefined;
}

/** What a call of `record()` can name. */
export interface RecordOptions {
  /** An idempotency key: two events of one id count once. */
  readonly eventId?: string | null | undefined;
  /** When it happened, a Date or an RFC 3339 string; now by default. */
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

/** Throws where an option is none of a client's. */
export function checkOptions(options: EkaClientOptions): void {
  if (!isJsonObject(options)) {
    throw new TypeError("EkaClient takes an object of options, such as { serviceName: 'billing' }");
  }
  checkOptionNames({ ...options }, ownOptions);
  const { kafkaConfig = {} } = options;
  if (!isJsonObject(kafkaConfig)) {
    const hint = "an object of options of @platformatic/kafka";
    throw configError("kafkaConfig", describeValue(kafkaConfig), hint);
  }
}
