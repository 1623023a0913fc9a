/** The arguments of calls: what a metric type requires may not be left out. */

import type { Id, RecordOptions, UsageDetails } from "./callOptions.js";
import type { Amount } from "./decimal.js";
import type { LogLevel, MetricType, Product, Status } from "./generated/catalog.js";
import type { DeprecatedMetricTypes, Requirements } from "./generated/requirements.js";
import type { Metadata, MetadataLike } from "./metadata.js";
import type { CheckedFor, Metric, MetricTypeOf } from "./metric.js";

/** What a metric type requires; `unknown` if nothing, or if the name is known at run time only. */
type RequiredBy<P, M> =
  M extends CheckedFor<Product>
    ? unknown
    : P extends keyof Requirements
      ? M extends keyof Requirements[P]
        ? Requirements[P][M]
        : unknown
      : unknown;

type FieldsOf<R> = R extends { readonly fields: infer F } ? F : unknown;

type KeysOf<R> = R extends { readonly metadata: infer K } ? K & Metadata : unknown;

type MetadataOf<R> = unknown extends KeysOf<R> ? MetadataLike | null | undefined : KeysOf<R>;

type OptionsOf<R> = RecordOptions & FieldsOf<R>;

/** Whether something without keys is not of the type. */
type IsRequired<T> = object extends T ? false : true;

/** The products with deprecated metric types, and those of one. */
export type DeprecatedProduct = keyof DeprecatedMetricTypes & Product;
export type DeprecatedMetricType<P extends DeprecatedProduct> = DeprecatedMetricTypes[P] &
  MetricTypeOf<P>;

/** The last arguments of a call by positions, after those that it always takes. */
type Positions<R, Required extends unknown[], Optional extends unknown[]> =
  IsRequired<FieldsOf<R>> extends true
    ? [...Required, metadata: MetadataOf<R>, options: OptionsOf<R>]
    : IsRequired<KeysOf<R>> extends true
      ? [...Required, metadata: MetadataOf<R>, options?: OptionsOf<R>]
      : [...Optional, metadata?: MetadataOf<R>, options?: OptionsOf<R>];

/** What `record()` takes after product and metric type. */
export type RecordArguments<P, M> = Positions<
  RequiredBy<P, M>,
  [quantity: Amount | undefined, status: Status | undefined, unitCost: Amount | null | undefined],
  [quantity?: Amount, status?: Status, unitCost?: Amount | null]
>;

/** What `log()` takes after the message. */
export type LogArguments<P, M> = Positions<
  RequiredBy<P, M>,
  [level: LogLevel | undefined],
  [level?: LogLevel]
>;

/** What `recordMetric()` takes after the metric. */
export type MetricArguments<M> = M extends Metric
  ? RecordArguments<M["product"], M["metricType"]>
  : never;

/** What `record()` takes by name after one of `metrics`. */
export type DetailsArgument<M> = M extends Metric
  ? Named<RequiredBy<M["product"], M["metricType"]>>
  : never;

type Named<R> =
  IsRequired<FieldsOf<R> & KeysOf<R>> extends true
    ? [details: DetailsOf<R>]
    : [details?: DetailsOf<R>];

type DetailsOf<R> = UsageDetails &
  FieldsOf<R> &
  (IsRequired<KeysOf<R>> extends true ? { readonly metadata: KeysOf<R> } : unknown);

interface InWorkspace {
  readonly workspaceId: Id;
}

/** One event of `recordMany()`: all that `record()` takes, by name. */
export type UsageInput = { [P in Product]: EventOf<P> }[Product];

// A union of all metric types, which takes the compiler long, only where they require something.
type EventOf<P extends Product> = P extends keyof Requirements
  ? {
      [M in MetricType<P>]: InWorkspace & EventOfType<P, M> & DetailsOf<RequiredBy<P, M>>;
    }[MetricType<P>]
  : InWorkspace & Metric<P> & UsageDetails;

interface EventOfType<P, M> {
  readonly product: P;
  readonly metricType: M;
}

declare const needs: unique symbol;

/** Marks a metric type whose event needs more than the two names: its fields, or keys of its metadata. */
interface Needs<What> {
  readonly [needs]: What;
}

/** The metric types of a product that need nothing beside their names; others with what they need. */
export type MetricTypeAlone<P extends Product> = Alone<P, MetricTypeOf<P>>;

type Alone<P, M> = M extends unknown
  ? IsRequired<FieldsOf<RequiredBy<P, M>> & KeysOf<RequiredBy<P, M>>> extends true
    ? M & Needs<RequiredBy<P, M>>
    : M
  : never;
