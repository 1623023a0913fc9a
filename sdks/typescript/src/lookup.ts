/** Look-up of names that are not known at compile time, for instance from a configuration. */

import type { MetricType, Product } from "./generated/catalog.js";
import { type Metrics, metricNames } from "./generated/metrics.js";
import { acceptsUndeclared, aliases, spelled } from "./generated/rules.js";
import type { CheckedFor, Metric } from "./metric.js";
import { UndeclaredName } from "./undeclared.js";

const byProduct: ReadonlyMap<string, ReadonlyMap<string, Metric>> = new Map(
  Object.entries(metricNames).map(([product, names]) => [product, group(product, names)]),
);

/** Every metric type as a constant, by product and name: `metrics.product.metric_type`. */
export const metrics: Metrics = {
  ...Object.fromEntries(
    Array.from(byProduct, ([product, group]) => [
      identifier(product, product),
      Object.fromEntries(
        Array.from(group, ([name, metric]) => [identifier(`${product}/${name}`, name), metric]),
      ),
    ]),
  ),
  ...(acceptsUndeclared ? { undeclared } : {}),
} as unknown as Metrics;

/** Returns the metric of an event type: one that is apart, unless the catalog has it. */
function undeclared(eventType: unknown): Metric {
  const text = String(eventType);
  const found = findEventType(text);
  if (found !== undefined) {
    return found;
  }
  const [product = "", ...rest] = text.split(".");
  return { product, metricType: new UndeclaredName(rest.join(".")) } as unknown as Metric;
}

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

function group(product: string, names: string): Map<string, Metric> {
  const metric = (metricType: string) => ({ product, metricType }) as Metric;
  return new Map(names.split(" ").map((name) => [name, metric(name)]));
}

/** Returns the key of a product or a metric type in `metrics`. */
function identifier(path: string, name: string): string {
  return spelled[path] ?? name.replaceAll(/[.-]/g, "_");
}
