/** Names that come from outside, such as a configuration: whether the catalog knows them. */

import type { MetricType, Product } from "./generated/catalog.js";
import { metrics } from "./generated/metrics.js";
import type { Metric } from "./metric.js";

const byProduct: ReadonlyMap<string, ReadonlyMap<string, Metric>> = grouped(
  Object.values(metrics).flatMap<Metric>((product) => Object.values(product)),
);

/** Whether this is the name of a product. */
export function isProduct(value: unknown): value is Product {
  return byProduct.has(value as string);
}

/** Whether this is the name of a metric type of the product. */
export function isMetricType<P extends Product>(
  product: P,
  value: unknown,
): value is MetricType<P> {
  return findMetric(product, value) !== undefined;
}

/** The constant of a metric type, for `recordMetric()`; undefined where the catalog has none. */
export function findMetric(product: unknown, metricType: unknown): Metric | undefined {
  return byProduct.get(product as string)?.get(metricType as string);
}

/** The names of products. */
export function productNames(): readonly string[] {
  return [...byProduct.keys()];
}

/** The names of a product's metric types. */
export function metricTypeNames(product: string): readonly string[] {
  return [...(byProduct.get(product)?.keys() ?? [])];
}

function grouped(all: readonly Metric[]): Map<string, Map<string, Metric>> {
  const found = new Map<string, Map<string, Metric>>();
  for (const metric of all) {
    const group = found.get(metric.product) ?? new Map<string, Metric>();
    found.set(metric.product, group.set(metric.metricType, metric));
  }
  return found;
}
