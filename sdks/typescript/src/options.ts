/** The options of a client and of its calls. */

import type { Amount } from "./decimal.js";
import { describeError, describeValue, nearest, quoted } from "./describe.js";
import { invalid, ValidationError } from "./errors.js";
import type { Status } from "./generated/catalog.js";
import { type EventFields, eventFields } from "./generated/fields.js";
import type { SettingOptions } from "./generated/settings.js";
import { isJsonObject } from "./jsonText.js";
import type { MetadataLike } from "./metadata.js";
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

/** An id; an integer is sent as its decimal digits. */
export type Id = string | number | bigint;

/** Options of a call of `record()`. */
export interface RecordOptions extends EventFields {
  /**
   * An idempotency key: events with the same id count once.
   *
   * @default a new UUIDv7
   */
  readonly eventId?: Id | null | undefined;
  /**
   * When the usage happened, as a Date or an RFC 3339 string.
   *
   * @default now
   */
  readonly occurredAt?: Date | string | null | undefined;
}

/** What `record()` takes by name, beside the workspace and one of `metrics`. */
export interface UsageDetails extends RecordOptions {
  /**
   * How much, in the unit of the metric type.
   *
   * @default 1
   */
  readonly quantity?: Amount | undefined;
  /** @default "ok" */
  readonly status?: Status | undefined;
  /** The cost of one unit, if known. */
  readonly unitCost?: Amount | null | undefined;
  /** Further details. What JSON cannot represent becomes a string; oversized metadata is cut. */
  readonly metadata?: MetadataLike | null | undefined;
}

const fieldNames = eventFields
  .filter(({ calls }) => calls?.includes("record"))
  .map(({ key }) => key);
const optionNames = ["eventId", "occurredAt", ...fieldNames];
const detailNames = ["quantity", "status", "unitCost", "metadata", ...optionNames];

/** Reads the options of a call; throws a ValidationError. */
export function recordOptions(given: unknown): RecordOptions | undefined {
  return given == null ? undefined : read("options", given, optionNames, readOptions);
}

/** Reads the details of a call; throws a ValidationError. */
export function usageDetails(given: unknown): UsageDetails {
  return given == null ? {} : read("details", given, detailNames, readDetails);
}

function readOptions(given: RecordOptions): RecordOptions {
  const { eventId, occurredAt } = given;
  const found: Record<string, unknown> = { eventId, occurredAt };
  for (const name of fieldNames) {
    const value = (given as Record<string, unknown>)[name];
    if (value != null) {
      found[name] = value;
    }
  }
  return found;
}

function readDetails(given: UsageDetails): UsageDetails {
  const { quantity, status, unitCost, metadata } = given;
  return { quantity, status, unitCost, metadata, ...readOptions(given) };
}

/** Reads each option once; one that goes unnoticed would bill a retry twice. */
function read<T extends object>(
  parameter: string,
  given: unknown,
  names: readonly string[],
  values: (given: T) => T,
): T {
  try {
    if (isPlain(given) || isJsonObject(given)) {
      for (const name in given) {
        if (!names.includes(name)) {
          const hint = nearest(name, names);
          throw invalid("options.invalid", { parameter, given: quoted(name), hint });
        }
      }
      return values(given as T);
    }
  } catch (error) {
    if (error instanceof ValidationError) {
      throw error;
    }
    const hint = `it cannot be read: ${describeError(error)}`;
    throw invalid("options.invalid", { parameter, given: describeValue(given), hint });
  }
  const hint = `expected an object with any of ${names.join(", ")}`;
  throw invalid("options.invalid", { parameter, given: describeValue(given), hint });
}

/** Recognizes most objects without the checks of `isJsonObject()`, which take as long as the call. */
function isPlain(given: unknown): given is object {
  return typeof given === "object" && Object.getPrototypeOf(given) === Object.prototype;
}

const ownOptions = [
  "serviceName",
  "kafkaConfig",
  "onError",
  "debug",
  "logger",
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
