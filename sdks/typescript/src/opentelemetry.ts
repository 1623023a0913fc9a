/**
 * Exposes clients to OpenTelemetry, through the package `@opentelemetry/api`.
 *
 * @example
 * import { register } from "@eka-care/usage-sdk/opentelemetry";
 * register(usage); // after the provider of meters is set
 */

import { type Meter, metrics, type Observable } from "@opentelemetry/api";
import { sdkVersion } from "./generated/constants.js";
import { allMetrics, type Clients, ExposedClients } from "./scrape.js";
import type { SelfMetric } from "./tables.js";

/** What `register()` takes by name. */
export interface OpenTelemetryOptions {
  /**
   * The meter that observes the clients.
   *
   * @default one of the global provider, which must be set before
   */
  readonly meter?: Meter | undefined;
}

const registered = new WeakMap<Meter, ExposedClients>();

/**
 * Makes a meter observe clients, each value as the sum over them, and counts their events by product,
 * metric type and status from now on.
 *
 * Clients that the meter observes already are joined; registering one again changes nothing. They are
 * kept, so that no counter falls when one is shut down.
 */
export function register(clients: Clients, { meter }: OpenTelemetryOptions = {}): void {
  const observing = meter ?? metrics.getMeter("@eka-care/usage-sdk", sdkVersion);
  const exposed = registered.get(observing) ?? new ExposedClients();
  exposed.add(clients);
  if (registered.has(observing)) {
    return;
  }
  registered.set(observing, exposed);
  const instruments = new Map(
    allMetrics.map((metric) => [metric, instrumentOf(metric, observing)]),
  );
  observing.addBatchObservableCallback(
    (result) => {
      for (const [metric, instrument] of instruments) {
        for (const { labels, value } of exposed.samples(metric)) {
          result.observe(instrument, value, labels);
        }
      }
    },
    [...instruments.values()],
  );
}

function instrumentOf({ type, otelName, otelUnit, help }: SelfMetric, meter: Meter): Observable {
  const options = { unit: otelUnit, description: help };
  return type === "counter"
    ? meter.createObservableCounter(otelName, options)
    : meter.createObservableGauge(otelName, options);
}
