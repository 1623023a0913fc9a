/** What clients expose about themselves, for the adapters of monitoring systems. */

import { coreOf, type EkaClient } from "./client.js";
import type { EventCount } from "./counting.js";
import { errorCodes } from "./generated/errors.js";
import { selfMetrics } from "./generated/selfMetrics.js";
import type { Stats } from "./ledger.js";
import type { ClientCore } from "./lifecycle.js";
import type { SelfMetric } from "./tables.js";

/** One client, or several. */
export type Clients = EkaClient<never> | readonly EkaClient<never>[];

/** One value of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** All metrics, in a fixed order. */
export const allMetrics: readonly SelfMetric[] = Object.values(selfMetrics);

type Samples = ReadonlyMap<SelfMetric, readonly Sample[]>;

// Codes of events that are not accepted: each has a series before there is one.
const rejections = Object.entries(errorCodes)
  .filter(([, { outcome }]) => outcome === "rejected")
  .map(([code]) => code);

/**
 * The clients that one adapter exposes together, each value as the sum over them. It keeps them, so
 * that no counter falls when one is shut down.
 */
export class ExposedClients {
  readonly #cores = new Set<ClientCore>();
  #samples: Samples | undefined;

  /** Adds clients, unless they are there, and counts their events from now on. */
  add(clients: Clients): void {
    for (const client of [clients].flat() as EkaClient<never>[]) {
      const core = coreOf(client);
      core.count();
      this.#cores.add(core);
    }
  }

  /** Returns the values of a metric now; those of one turn of the event loop are of one moment. */
  samples(metric: SelfMetric): readonly Sample[] {
    if (this.#samples === undefined) {
      this.#samples = this.#read();
      queueMicrotask(() => {
        this.#samples = undefined;
      });
    }
    return this.#samples.get(metric) ?? [];
  }

  #read(): Samples {
    const found = new Map(allMetrics.map((metric) => [metric, new Map<string, Sample>()]));
    for (const core of this.#cores) {
      const stats = core.stats();
      const counts = core.instance.outcomes.counts?.all() ?? [];
      for (const [metric, samples] of found) {
        for (const { labels, value } of valuesOf(metric, stats, counts)) {
          const key = Object.values(labels).join("/");
          const before = samples.get(key)?.value ?? 0;
          samples.set(key, {
            labels,
            value: metric.isMax ? Math.max(before, value) : before + value,
          });
        }
      }
    }
    return new Map(Array.from(found, ([metric, samples]) => [metric, [...samples.values()]]));
  }
}

/** Returns the values of a metric of one client. */
function valuesOf(
  metric: SelfMetric,
  stats: Stats,
  counts: readonly EventCount[],
): readonly Sample[] {
  const { events, amounts } = selfMetrics;
  if (metric === events || metric === amounts) {
    const value = metric === events ? "events" : "amount";
    return counts.map(({ outcome, product, metricType: metric_type, status, ...count }) => ({
      labels: { outcome, product, metric_type, status },
      value: count[value],
    }));
  }
  const found = stats[metric.stats as keyof Stats];
  if (typeof found === "object") {
    const counted = found as Readonly<Record<string, number>>;
    const codes = new Set([...rejections, ...Object.keys(counted)]);
    return Array.from(codes, (code) => ({ labels: { code }, value: counted[code] ?? 0 }));
  }
  return [{ labels: {}, value: Number(found) / metric.divisor }];
}
