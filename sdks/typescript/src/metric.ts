import type { MetricType, Product } from "./generated/catalog.js";

/** One metric type of one product; the generated `metrics` are its values. */
export type Metric<P extends Product = Product> = {
  [K in P]: { readonly product: K; readonly metricType: MetricType<K> };
}[P];

declare const checked: unique symbol;

/** Marks a metric type that `isMetricType()` found to be one of the product that it was given. */
export interface CheckedFor<P extends Product> {
  readonly [checked]: P;
}

/**
 * The metric types that go with a product. With one of several, a name that belongs to any of them
 * may be wrong for this one: it must be checked by `isMetricType()`, or be one of `metrics`.
 */
export type MetricTypeOf<P extends Product> =
  IsUnion<P> extends false ? MetricType<P> : MetricType<P> & CheckedFor<P>;

type IsUnion<T, Every = T> = T extends unknown ? ([Every] extends [T] ? false : true) : never;

/** The rules of metric types that have any, by product and name. */
export type MetricRules = Readonly<Record<string, Readonly<Record<string, MetricRule>>>>;

/** What one metric type requires beyond the limits of every event. */
export interface MetricRule {
  readonly quantity?: {
    readonly integer: boolean;
    readonly minimum?: number;
    readonly maximum?: number;
  };
  readonly metadata?: Readonly<Record<string, MetadataKey>>;
  /** The metadata keys about persons, each with what becomes of its value: `hash` or `drop`. */
  readonly pii?: Readonly<Record<string, string>>;
  /** In the order of the event. */
  readonly fields?: readonly FieldRule[];
}

/** A field that a metric type requires, or the values to which it limits it. */
export interface FieldRule {
  /** Its name on the wire. */
  readonly name: string;
  readonly required: boolean;
  /** The allowed values as JSON texts; any value if this is absent. */
  readonly allowed?: readonly string[];
}

/** A metadata key that a metric type declares. */
export interface MetadataKey {
  readonly required: boolean;
  readonly type?: string;
  /** The allowed values as JSON texts; any value if this is absent. */
  readonly allowed?: readonly string[];
}
