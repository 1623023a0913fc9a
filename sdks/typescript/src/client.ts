/** The client: accepts usage events, and delivers each one or reports why it cannot. */

import { isDisabledByDefault } from "./ambient.js";
import type {
  DetailsArgument,
  LogArguments,
  MetricArguments,
  MetricTypeAlone,
  RecordArguments,
} from "./calls.js";
import * as checks from "./checks.js";
import { describeError, describeValue, nearest } from "./describe.js";
import { DeliveryError, type EkaError, MetadataDegradedError, message } from "./errors.js";
import { type Encoded, EventEncoder } from "./event.js";
import { type LogLevel, logLevels, type Product } from "./generated/catalog.js";
import { defaultLogLevel, defaultStatus, logStatus, usageTopic } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import { ownHostname } from "./host.js";
import { close, type Instance } from "./instance.js";
import type { Stats } from "./ledger.js";
import { logMetadata, type MetadataLike } from "./metadata.js";
import type { Metric, MetricTypeOf } from "./metric.js";
import {
  checkOptions,
  type EkaClientOptions,
  type Id,
  type RecordOptions,
  recordOptions,
  usageDetails,
} from "./options.js";
import { Outbox } from "./outbox.js";
import { outboxSettings } from "./outboxSettings.js";
import { Outcomes } from "./outcomes.js";
import { safely } from "./safely.js";
import { checkSecurity, passwordInClear, sendsPasswordInClear } from "./security.js";
import { resolveSettings } from "./settings.js";
import { register, type ShutdownHooks, unregister } from "./shutdownHooks.js";
import { LaneReplayTransport, outboxSpool, SharedTransport } from "./spoolWiring.js";
import { DisabledTransport } from "./transports/disabled.js";
import { InjectedTransport } from "./transports/injected.js";
import { type KafkaListener, KafkaTransport } from "./transports/kafka.js";

/**
 * Reports usage to Kafka, without ever blocking or crashing its caller.
 *
 * Create one per process and keep it: it connects on its own, and when the process ends it sends
 * what is queued, or spills it to disk. Errors never reach the caller of `record()`: they are passed
 * to `onError`, with a code.
 *
 * @example
 * const usage = new EkaClient({ serviceName: "billing-api", kafkaBrokers: "127.0.0.1:9092" });
 * usage.record("workspace-1", "api", "api_call");
 *
 * @throws ConfigError if an option or an environment variable is invalid.
 * @throws TypeError if an option has an unknown name.
 */
export class EkaClient implements AsyncDisposable {
  #instance: Instance;
  readonly #newInstance: (before?: Instance) => Instance;
  readonly #debug: boolean;
  readonly #isDisabled: boolean;
  readonly #shutdownTimeoutMs: number;
  readonly #hooks: ShutdownHooks;
  #closing: Promise<number> | undefined;

  constructor(options: EkaClientOptions) {
    checkOptions(options);
    const { producer, kafkaConfig = {}, clock = () => Date.now(), newId } = options;
    const isOff = isDisabledByDefault(options);
    const hasBrokers = isOff || producer !== undefined || "bootstrapBrokers" in kafkaConfig;
    const notRequired = hasBrokers ? (["kafkaBrokers"] as const) : [];
    const settings = resolveSettings({ ...options }, process.env, notRequired);
    this.#isDisabled = isOff || settings.disabled;
    const usesKafka = producer === undefined && !this.#isDisabled;
    if (usesKafka) {
      checkSecurity(settings, { ...options }, kafkaConfig);
    }
    const serviceName = checks.serviceName(options.serviceName);
    const hostname = checks.hostname(options.hostname ?? ownHostname());
    const kafka = (listener: KafkaListener) =>
      new KafkaTransport(settings, kafkaConfig, usageTopic, listener);
    const sending = outboxSettings(settings, clock);
    this.#newInstance = (before) => {
      const encoder = new EventEncoder(serviceName, hostname, { clock, newId }, settings);
      const outcomes = new Outcomes(options.onError, usageTopic, options.logger);
      const injected =
        producer && (before?.injected?.successor() ?? new InjectedTransport(producer, usageTopic));
      const warn = (text: string) => outcomes.warn(text);
      const onError = (error: EkaError) => outcomes.report(error, {});
      const enabled = () => injected ?? kafka({ onError, warn });
      const transport = this.#isDisabled ? new DisabledTransport(producer) : enabled();
      const { spool, error: spoolError } = outboxSpool(settings, options, this.#isDisabled, {
        instanceId: encoder.instanceId,
        clock,
        seq: () => encoder.numbered,
        warn,
        replayTransport: () =>
          new LaneReplayTransport(
            injected === undefined ? kafka({ warn }) : new SharedTransport(injected),
            sending.lateBatchBytes,
          ),
      });
      const outbox = new Outbox(transport, sending, outcomes, spool);
      return { encoder, outcomes, outbox, injected, spoolError };
    };
    this.#instance = this.#newInstance();
    if (usesKafka && sendsPasswordInClear(settings, kafkaConfig)) {
      this.#outcomes.warn(passwordInClear);
    }
    this.#debug = options.debug ?? false;
    this.#shutdownTimeoutMs = settings.shutdownTimeoutMs;
    this.#hooks = {
      timeoutMs: settings.shutdownTimeoutMs,
      queued: () => this.#outbox.queued,
      drain: (timeoutMs) => this.#outbox.drain(timeoutMs),
      shutdown: (timeoutMs) => this.shutdown(timeoutMs),
      abandon: () => this.#outbox.abandon(),
      warn: (text) => this.#outcomes.warn(text),
    };
    if (!this.#isDisabled) {
      register(this.#hooks, settings.flushOnSigterm);
    }
  }

  /** Identifies this client; every event carries it. */
  get instanceId(): string {
    return this.#encoder.instanceId;
  }

  /**
   * Records one usage event. Never blocks, never throws.
   *
   * @param workspaceId The customer's workspace to bill, 1 to 256 characters or an integer.
   * @param metric One of `metrics`.
   * @param details How much, and what else is known: see `UsageDetails`.
   * @returns The event's id; undefined if it was not accepted, in which case `onError` was called.
   */
  record<M extends Metric>(
    workspaceId: Id,
    metric: M,
    ...details: DetailsArgument<M>
  ): string | undefined;
  /**
   * Records one usage event, by names and positions. Never blocks, never throws.
   *
   * @param workspaceId The customer's workspace to bill, 1 to 256 characters or an integer.
   * @param product One of `products`.
   * @param metricType One of the product's metric types.
   * @param quantity How much, in the unit of the metric type. Default: 1.
   * @param status One of `statuses`. Default: `ok`.
   * @param unitCost The cost of one unit, if known.
   * @param metadata Further details. What JSON cannot represent becomes a string; oversized metadata
   * is cut.
   * @param options An idempotency key, when the usage happened, and what else is known of it.
   * @returns The event's id; undefined if it was not accepted, in which case `onError` was called.
   */
  record<P extends Product, M extends MetricTypeOf<P>>(
    workspaceId: Id,
    product: P,
    metricType: M,
    ...rest: RecordArguments<P, M>
  ): string | undefined;
  /** The compiler reports the errors of its last overload, which is why one covers both forms. */
  record<T extends Product | Metric>(
    workspaceId: Id,
    productOrMetric: T,
    metricTypeOrDetails: [T] extends [Product] ? MetricTypeAlone<T> : DetailsArgument<T>[0],
  ): string | undefined;
  record(
    workspaceId: unknown,
    product: unknown,
    metricType?: unknown,
    quantity: unknown = limits.quantity.default,
    status: unknown = defaultStatus,
    unitCost?: unknown,
    metadata?: unknown,
    options?: unknown,
  ): string | undefined {
    if (typeof product === "object" && product !== null) {
      return this.#recordDetails(workspaceId, product, metricType);
    }
    let event: Encoded;
    let known: RecordOptions | undefined;
    try {
      const reason = this.#outbox.rejectReason();
      if (reason !== undefined) {
        throw reason;
      }
      known = recordOptions(options);
      event = this.#encoder.encode(
        workspaceId,
        product,
        metricType,
        quantity,
        status,
        unitCost,
        metadata,
        known,
      );
      this.#put(event);
    } catch (error) {
      const eventId = known?.eventId ?? safely(() => Object(options).eventId as unknown);
      this.#outcomes.rejected(error, { eventId, workspaceId, product, metricType, status });
      return undefined;
    }
    if (event.lost !== "" || this.#debug) {
      this.#accepted(event);
    }
    return event.eventId;
  }

  /** Records one usage event like `record()`, by one of `metrics`. */
  recordMetric<M extends Metric>(
    workspaceId: Id,
    metric: M,
    ...rest: MetricArguments<M>
  ): string | undefined {
    const { product, metricType } = checks.metricNames(metric);
    return this.#unchecked.record(workspaceId, product, metricType, ...rest);
  }

  /**
   * Records one failure: an event with the status of errors, whose metadata has level and message. It
   * is not billed.
   *
   * @param message What happened.
   * @param level One of `logLevels`. Default: `error`.
   * @param metadata Further details.
   * @param options As for `record()`.
   * @returns The same as `record()`.
   */
  log<P extends Product, M extends MetricTypeOf<P>>(
    workspaceId: Id,
    product: P,
    metricType: M,
    message: string,
    ...rest: LogArguments<P, M>
  ): string | undefined;
  log(
    workspaceId: unknown,
    product: unknown,
    metricType: unknown,
    message: string,
    level: LogLevel = defaultLogLevel,
    metadata?: MetadataLike | null,
    options?: unknown,
  ): string | undefined {
    const known = checks.logLevel(level);
    const details = logMetadata(metadata, known ?? defaultLogLevel, message);
    const rest = [undefined, logStatus, undefined, details.metadata, options] as const;
    const eventId = this.#unchecked.record(workspaceId, product, metricType, ...rest);
    const lost = details.lost === "" ? [] : [details.lost];
    if (known === undefined) {
      lost.unshift(`level ${describeValue(level)}: ${nearest(level, logLevels)}`);
    }
    if (lost.length > 0 && eventId !== undefined) {
      this.#degraded(lost.join("; "), eventId);
    }
    return eventId;
  }

  /** Resolves once Kafka is reachable; rejects with a DeliveryError if it is not. Never needed. */
  async connect(): Promise<void> {
    try {
      await this.#outbox.connect();
    } catch (error) {
      const text = message("delivery.failed", { hint: describeError(error) });
      throw new DeliveryError("delivery.failed", text);
    }
  }

  /**
   * Waits until every accepted event is delivered or has failed, including those on disk. Never
   * rejects.
   *
   * @param timeoutMs The limit in milliseconds. Default: the setting `shutdownTimeoutMs`.
   * @returns The number of events left; 0 is success.
   */
  async flush(timeoutMs: number = this.#shutdownTimeoutMs): Promise<number> {
    return await this.#outbox.flush(timeoutMs);
  }

  /** Returns the counters of this client. */
  stats(): Stats {
    const stats = this.#outcomes.stats(this.#encoder.numbered, this.#outbox.spoolStats);
    return { ...stats, spoolError: this.#instance.spoolError, disabled: this.#isDisabled };
  }

  /**
   * Shuts down gracefully: sends what is queued. What Kafka does not acknowledge in time is spilled
   * to disk for the next process, or given up if there is no spool.
   *
   * Afterwards `record()` fails with `client.closed`. Further calls return the same promise's result.
   *
   * @param timeoutMs The limit in milliseconds. Default: the setting `shutdownTimeoutMs`.
   * @returns The number of events given up; `onError` received `shutdown.timeout` for each.
   */
  async shutdown(timeoutMs: number = this.#shutdownTimeoutMs): Promise<number> {
    this.#closing ??= this.#close(timeoutMs);
    return await this.#closing;
  }

  /**
   * Makes the client a new instance, in a process restored from a snapshot of its memory.
   *
   * Call it in each process that is restored, before it records: otherwise all copies have one
   * `instanceId`, the same sequence numbers and the same files on disk. Each copy sends what was
   * queued in the snapshot, as `shutdown()` does; it counts once. A client that was shut down stays
   * so. Argument and result are those of `shutdown()`.
   */
  async resetAfterRestore(timeoutMs: number = this.#shutdownTimeoutMs): Promise<number> {
    if (this.#closing !== undefined || this.#isDisabled) {
      return 0;
    }
    const before = this.#instance;
    this.#instance = this.#newInstance(before);
    return await close(before, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #close(timeoutMs: number): Promise<number> {
    const undelivered = await close(this.#instance, timeoutMs);
    unregister(this.#hooks);
    return undelivered;
  }

  get #encoder(): EventEncoder {
    return this.#instance.encoder;
  }

  get #outbox(): Outbox {
    return this.#instance.outbox;
  }

  get #outcomes(): Outcomes {
    return this.#instance.outcomes;
  }

  /** Records by names that the compiler has not checked. */
  get #unchecked(): { record(...values: unknown[]): string | undefined } {
    return this as never;
  }

  #recordDetails(workspaceId: unknown, metric: object, details: unknown): string | undefined {
    const { product, metricType } = checks.metricNames(metric);
    try {
      const { quantity, status, unitCost, metadata, ...options } = usageDetails(details);
      return this.#unchecked.record(
        workspaceId,
        product,
        metricType,
        quantity,
        status,
        unitCost,
        metadata,
        options,
      );
    } catch (error) {
      const eventId = safely(() => Object(details).eventId as unknown);
      this.#outcomes.rejected(error, { eventId, workspaceId, product, metricType });
      return undefined;
    }
  }

  #put(event: Encoded): void {
    try {
      this.#outbox.put(event);
    } catch (error) {
      this.#encoder.rollbackSeq();
      throw error;
    }
  }

  #accepted({ eventId, json, lost }: Encoded): void {
    if (this.#debug) {
      this.#outcomes.accepted(json);
    }
    if (lost !== "") {
      this.#degraded(lost, eventId);
    }
  }

  #degraded(hint: string, eventId: string): void {
    const text = message("metadata.degraded", { hint });
    this.#outcomes.report(new MetadataDegradedError("metadata.degraded", text), { eventId });
  }
}
