/**
 * Exposes clients to Prometheus, through the package `prom-client`.
 *
 * @example
 * import { register } from "@eka-care/usage-sdk/prometheus";
 * register(usage);
 */

import { Counter, register as defaultRegistry, Gauge, type Registry } from "prom-client";
import { allMetrics, type Clients, ExposedClients } from "./scrape.js";
import type { SelfMetric } from "./tables.js";

/** What `register()` takes by name. */
export interface PrometheusOptions {
  /**
   * The registry that exposes the clients.
   *
   * @default the one of `prom-client`
   */
  readonly registry?: Registry | undefined;
}

const registered = new WeakMap<Registry, ExposedClients>();

/**
 * Exposes clients in a registry, each value as the sum over them, and counts their events by
 * product, metric type and status from now on.
 *
 * Clients that the registry has already are joined; registering one again changes nothing. They are
 * kept, so that no counter falls when one is shut down.
 *
 * @throws Error if the registry has another metric of such a name.
 */
export function register(clients: Clients, { registry }: PrometheusOptions = {}): void {
  const exposing = registry ?? defaultRegistry;
  const exposed = registered.get(exposing) ?? new ExposedClients();
  exposed.add(clients);
  if (!registered.has(exposing)) {
    for (const metric of allMetrics) {
      expose(metric, exposed, exposing);
    }
    registered.set(exposing, exposed);
  }
}

function expose(metric: SelfMetric, exposed: ExposedClients, registry: Registry): void {
  const { name, help } = metric;
  const options = { name, help, labelNames: metric.labels, registers: [registry] };
  if (metric.type === "counter") {
    new Counter({
      ...options,
      // Counters of prom-client take increments only; nothing reads them between these two.
      collect() {
        this.reset();
        for (const { labels, value } of exposed.samples(metric)) {
          this.inc(labels, value);
        }
      },
    });
  } else {
    new Gauge({
      ...options,
      collect() {
        for (const { labels, value } of exposed.samples(metric)) {
          this.set(labels, value);
        }
      },
    });
  }
}
