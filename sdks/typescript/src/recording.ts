/** The calls that record, which a client and those bound to it have. */

import { withDefault } from "./batch.js";
import type {
  AmountsDetails,
  BoundaryDetails,
  Id,
  MetricAmount,
  SessionDetails,
  SessionEndDetails,
} from "./callOptions.js";
import type {
  DeprecatedMetricType,
  DeprecatedProduct,
  DetailsArgument,
  LogArguments,
  MetricArguments,
  MetricTypeAlone,
  RecordArguments,
  UsageInput,
} from "./calls.js";
import * as checks from "./checks.js";
import { describeValue, nearest } from "./describe.js";
import type { EkaError } from "./errors.js";
import { type LogLevel, logLevels, type Product } from "./generated/catalog.js";
import { defaultLogLevel, defaultStatus, logStatus, voidStatus } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import { logMetadata, type MetadataLike } from "./metadata.js";
import type { Metric, MetricTypeOf } from "./metric.js";
import type { Rejected } from "./outcomes.js";
import type { Recorder } from "./recorder.js";
import { safely } from "./safely.js";
import type { Session } from "./session.js";

/**
 * Records one event like `record()`, but returns the error in place of passing it to `onError`.
 *
 * For fronts that answer their caller: it is no part of the public API.
 */
export let tryRecord: (calls: Recording, ...values: readonly unknown[]) => string | EkaError;

/** The calls that record. `W` is what the workspace may be: undefined too, where one is bound. */
export class Recording<W extends Id | undefined = Id> {
  readonly #recorder: Recorder;

  static {
    tryRecord = (calls, ...values) => {
      const recorder = calls.#recorder;
      try {
        return recorder.record(...(values as Parameters<Recorder["record"]>));
      } catch (error) {
        const known = aboutCall(...(values as Parameters<typeof aboutCall>));
        return recorder.core.instance.outcomes.countRejected(error, known);
      }
    };
  }

  /** @internal */
  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** Identifies this client; every event carries it. */
  get instanceId(): string {
    return this.#recorder.core.instance.encoder.instanceId;
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
    workspaceId: W,
    metric: M,
    ...details: DetailsArgument<M>
  ): string | undefined;
  /** @deprecated The metric type is; the constant of `metrics` says since when, and what to use. */
  record<P extends DeprecatedProduct, M extends DeprecatedMetricType<P>>(
    workspaceId: W,
    product: P,
    metricType: M,
    ...rest: RecordArguments<P, M>
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
    workspaceId: W,
    product: P,
    metricType: M,
    ...rest: RecordArguments<P, M>
  ): string | undefined;
  /** The compiler reports the errors of its last overload, which is why one covers both forms. */
  record<T extends Product | Metric>(
    workspaceId: W,
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
    try {
      return this.#recorder.record(
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
      return this.#recorder.rejected(
        error,
        aboutCall(workspaceId, product, metricType, quantity, status, unitCost, metadata, options),
      );
    }
  }

  /** Records one usage event like `record()`, by one of `metrics`. */
  recordMetric<M extends Metric>(
    workspaceId: W,
    metric: M,
    ...rest: MetricArguments<M>
  ): string | undefined {
    const { product, metricType } = checks.metricNames(metric);
    return this.#unchecked.record(workspaceId, product, metricType, ...rest);
  }

  /**
   * Records 1 to 500 events: all of them, or none. Never blocks, never throws.
   *
   * With the spool mode `durable` they are one record on disk, so that after a crash all of them are
   * delivered, or none.
   *
   * @param events What `record()` takes, by name.
   * @returns The ids in the order of the events; undefined if they were rejected, in which case
   * `onError` was called once, with the index of the first invalid event.
   *
   * @example
   * usage.recordMany([
   *   { workspaceId: "workspace-1", ...metrics.agent.input_token, quantity: 1200 },
   *   { workspaceId: "workspace-1", ...metrics.agent.output_token, quantity: 80 },
   * ]);
   */
  recordMany(events: readonly UsageInput[]): string[] | undefined {
    return this.#recorder.recordMany(events);
  }

  /**
   * Records several amounts of one piece of work, all or none, as events with one id: retried, they
   * count once. Never blocks, never throws.
   *
   * @param workspaceId As for `record()`.
   * @param amounts At most 500: each metric once, with how much and perhaps what it cost. Zero makes no event.
   * @param details The id of the piece of work, and what the events have in common.
   * @returns As `recordMany()`; an empty array if all amounts are zero.
   *
   * @example
   * const { input_token, output_token } = metrics.agent;
   * usage.recordAmounts("workspace-1", [[input_token, 1200], [output_token, 80]], { eventId });
   */
  recordAmounts(
    workspaceId: W,
    amounts: readonly MetricAmount[],
    details: AmountsDetails,
  ): string[] | undefined {
    return this.#recorder.recordAmounts(workspaceId, amounts, details);
  }

  /** @deprecated The metric type is; the constant of `metrics` says since when, and what to use. */
  log<P extends DeprecatedProduct, M extends DeprecatedMetricType<P>>(
    workspaceId: W,
    product: P,
    metricType: M,
    message: string,
    ...rest: LogArguments<P, M>
  ): string | undefined;
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
    workspaceId: W,
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
      this.#recorder.degraded(lost.join("; "), eventId);
    }
    return eventId;
  }

  /**
   * Takes one event back, which is not billed then: by an event of its own, which stays for the
   * audit. The void of a void restores. Never blocks, never throws.
   *
   * @param workspaceId As for `record()`.
   * @param metric That of the event.
   * @param eventId The id of the event.
   * @param reason Why, for the audit; 4,096 characters are kept.
   * @returns The id of the void; undefined if it was not accepted.
   */
  void(workspaceId: W, metric: Metric, eventId: Id, reason: string): string | undefined {
    return this.#reported(workspaceId, metric, voidStatus, () =>
      this.#recorder.void(workspaceId, metric, eventId, reason),
    );
  }

  /**
   * Records that a session starts, which another process may end. Never blocks, never throws.
   *
   * @param workspaceId As for `record()`.
   * @param metric One whose unit is a time.
   * @param sessionId What all boundaries of the session have in common.
   * @param details When it was, and what else is known.
   * @returns The event's id; undefined if it was not accepted.
   */
  sessionStart(
    workspaceId: W,
    metric: Metric,
    sessionId: Id,
    details?: BoundaryDetails,
  ): string | undefined {
    return this.#boundary("start", workspaceId, metric, sessionId, details);
  }

  /** Records that a session goes on: one that never ends counts up to its last beat. */
  sessionBeat(
    workspaceId: W,
    metric: Metric,
    sessionId: Id,
    details?: BoundaryDetails,
  ): string | undefined {
    return this.#boundary("beat", workspaceId, metric, sessionId, details);
  }

  /** Records that a session ends. */
  sessionEnd(
    workspaceId: W,
    metric: Metric,
    sessionId: Id,
    details?: SessionEndDetails,
  ): string | undefined {
    return this.#boundary("end", workspaceId, metric, sessionId, details);
  }

  /**
   * Starts a clock in this process, which records one event when it ends: its quantity is how long
   * that took, by a clock that nobody sets. Never throws.
   *
   * @param workspaceId As for `record()`.
   * @param metric One whose unit is a time.
   * @param details As for `record()`.
   * @returns The session. If it never ends, nothing is recorded, and `onError` receives
   * `session.unfinished` when the client is shut down.
   *
   * @example
   * using session = usage.session("workspace-1", metrics.ekascribe.transcription_minute);
   */
  session(workspaceId: W, metric: Metric, details?: SessionDetails): Session {
    return this.#recorder.session(workspaceId, metric, details);
  }

  /** Mints an id, for events that name each other before they are recorded. */
  newEventId(): string {
    return this.#recorder.newEventId();
  }

  #boundary(
    boundary: "start" | "beat" | "end",
    workspaceId: W,
    metric: Metric,
    sessionId: Id,
    details: SessionEndDetails | undefined,
  ): string | undefined {
    const status = safely(() => details?.status);
    return this.#reported(workspaceId, metric, status, () =>
      this.#recorder.boundary(boundary, workspaceId, metric, sessionId, details),
    );
  }

  #reported(
    workspaceId: unknown,
    metric: Metric,
    status: unknown,
    record: () => string,
  ): string | undefined {
    try {
      return record();
    } catch (error) {
      const identity = { workspaceId, ...checks.metricNames(metric), status };
      return this.#recorder.rejected(error, { identity });
    }
  }

  /** Records by names that the compiler has not checked. */
  get #unchecked(): { record(...values: unknown[]): string | undefined } {
    return this as never;
  }
}

/** Returns what is known of a call of `record()`, by position or by name. */
function aboutCall(
  workspaceId: unknown,
  product: unknown,
  metricType: unknown,
  quantity: unknown,
  status: unknown,
  _unitCost: unknown,
  _metadata: unknown,
  options: unknown,
): Rejected {
  const isByName = typeof product === "object" && product !== null;
  const given = isByName ? metricType : options;
  const read = <K extends string>(name: K) => safely(() => Object(given)[name] as unknown);
  const identity = { eventId: read("eventId"), workspaceId };
  return isByName
    ? {
        identity: { ...identity, ...checks.metricNames(product), status: read("status") },
        quantity: withDefault(read("quantity")),
      }
    : { identity: { ...identity, product, metricType, status }, quantity };
}
