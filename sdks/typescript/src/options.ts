/** The options of a client. */

import type { BeforeSend } from "./beforeSend.js";
import { describeValue } from "./describe.js";
import type { SettingOptions } from "./generated/settings.js";
import { isJsonObject } from "./jsonText.js";
import type { Logger, OnError } from "./reporting.js";
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
   * Receives the metadata of each event, and returns what may leave the process: keys dropped, values
   * replaced. It is called by `record()`, before the event is encoded, stored or sent. If it throws, or
   * returns anything else, the event has none of its metadata, and `onError` receives
   * `metadata.degraded`.
   */
  readonly beforeSend?: BeforeSend | undefined;
  /**
   * Whether to log every accepted event by `logger.debug`: its ids, not its metadata.
   *
   * @default false
   */
  readonly debug?: boolean | undefined;
  /**
   * Receives warnings, accepted events if `debug` is set, and errors without `onError`. The second
   * argument of an error has its `code`, `field` and `event_id`, as far as they are known.
   *
   * @default console
   */
  readonly logger?: Logger | undefined;
  /**
   * Replaces Kafka, for instance by an `InMemoryProducer` of the `testing` entry point. There is no
   * spool then, unless the option `spool` or `spoolDir` requests one.
   */
  readonly producer?: ProducerLike | undefined;
  /**
   * Returns milliseconds since 1970. Where it throws, or returns no time, the default is used, and
   * the log says so.
   *
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
  /**
   * Returns milliseconds since any moment, by a clock that nobody sets: sessions are measured by it. It may
   * fail, as `clock`.
   *
   * @default performance.now
   */
  readonly monotonicClock?: (() => number) | undefined;
  /**
   * Mints the instance id, then event ids. Where it throws, the default is used, and the log says so.
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

const ownOptions = [
  "serviceName",
  "kafkaConfig",
  "onError",
  "beforeSend",
  "debug",
  "logger",
  "producer",
  "clock",
  "monotonicClock",
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
