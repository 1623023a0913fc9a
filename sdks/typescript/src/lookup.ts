/** Look-up of names that are not known at compile time, for instance from a configuration. */

import type { MetricType, Product } from "./generated/catalog.js";
import { metrics } from "./generated/metrics.js";
import type { CheckedFor, Metric } from "./metric.js";

const byProduct: ReadonlyMap<string, ReadonlyMap<string, Metric>> = grouped(
  Object.values(metrics).flatMap<Metric>((product) => Object.values(product)),
);

/** Reports whether this is the name of a product. */
export function isProduct(value: unknown): value is Product {
  return byProduct.has(value as string);
}

/** Reports whether this is the name of a metric type of the product. */
export function isMetricType<P extends Product>(
  product: P,
  value: unknown,
): value is MetricType<P> & CheckedFor<P> {
  return findMetric(product, value) !== undefined;
}

/** Returns the constant of a metric type, for `recordMetric()`; undefined if there is none. */
export function findMetric(product: unknown, metricType: unknown): Metric | undefined {
  return byProduct.get(product as string)?.get(metricType as string);
}

/** Returns the names of all products. */
export function productNames(): readonly string[] {
  return [...byProduct.keys()];
}

/** Returns the names of a product's metric types. */
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
