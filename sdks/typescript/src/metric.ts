import type { MetricType, Product } from "./generated/catalog.js";

/** One metric type of one product; the generated `metrics` are its values. */
export type Metric<P extends Product = Product> = {
  [K in P]: { readonly product: K; readonly metricType: MetricType<K> };
}[P];

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
}

/** A metadata key that a metric type declares. */
export interface MetadataKey {
  readonly required: boolean;
  readonly type?: string;
  /** The allowed values as JSON texts; any value if this is absent. */
  readonly allowed?: readonly string[];
}
