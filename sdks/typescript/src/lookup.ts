/** Look-up of names that are not known at compile time, for instance from a configuration. */

import type { MetricType, Product } from "./generated/catalog.js";
import { metrics } from "./generated/metrics.js";
import { aliases } from "./generated/rules.js";
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

let eventTypes: ReadonlyMap<unknown, Metric> | undefined;

/**
 * Returns the constant of an event type, `product.metric_type`, or of an alias; undefined if unknown.
 *
 * For names that come as one string: from HTTP, CloudEvents, imports. Never split them, since both parts
 * may contain points.
 */
export function findEventType(name: unknown): Metric | undefined {
  eventTypes ??= new Map([...named(), ...Object.entries(aliases).map(aliased)]);
  return eventTypes.get(name);
}

function named(): [string, Metric][] {
  const all = [...byProduct.values()].flatMap((group) => [...group.values()]);
  return all.map((metric) => [`${metric.product}.${metric.metricType}`, metric]);
}

function aliased([alias, names]: [string, readonly [string, string]]): [string, Metric] {
  return [alias, findMetric(...names) as Metric];
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
