/** The adapters of Prometheus and OpenTelemetry, through their own libraries. */

import { metrics as api } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { decimal, EkaClient, errorCodes, metrics, sdkVersion } from "../src/index.js";
import * as opentelemetry from "../src/opentelemetry.js";
import * as prometheus from "../src/prometheus.js";
import { InMemoryProducer } from "../src/testing/index.js";

const { sms, email } = metrics.comms;

/** Calls that the compiler has not checked. */
type Loose = Record<"record" | "recordMany" | "recordAmounts", (...values: unknown[]) => unknown>;

function setUp(registry = new Registry()) {
  const producer = new InMemoryProducer();
  const client = new EkaClient({ serviceName: "s", producer, onError: () => {} });
  prometheus.register(client, { registry });
  return { registry, producer, client, loose: client as unknown as Loose };
}

/** Returns the series of a metric that has labels, as `outcome product/metricType status value`. */
async function series(registry: Registry, name: string): Promise<string[]> {
  const found = await registry.getSingleMetric(name)?.get();
  return (found?.values ?? [])
    .map(({ labels, value }) => {
      const { outcome, product, metric_type, status } = labels as Record<string, string>;
      return `${outcome} ${product}/${metric_type} ${status} ${value}`;
    })
    .sort();
}

async function value(registry: Registry, name: string): Promise<number | undefined> {
  return (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
}

describe("Prometheus", () => {
  test("a call that is counted never throws, whatever its arguments are", () => {
    const { client, loose } = setUp();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const call = ["w", "comms", "sms", 1, "ok", null, {}];
    for (let index = 0; index < 5; index += 1) {
      expect(loose.record(...call.with(index, proxy))).toBeUndefined();
    }
    expect(loose.recordMany([proxy])).toBeUndefined();
    expect(Object.values(client.stats().rejected).reduce((sum, count) => sum + count)).toBe(6);
  });

  test("each call counts its events, with the quantity that they have", async () => {
    const { registry, client } = setUp();
    client.record("w", sms, { quantity: 2, status: "error" });
    client.record("w", sms, { quantity: decimal("0.25"), serviceName: "other" });
    client.record("w", "comms", "sms", 3n);
    client.recordMetric("w", sms);
    client.recordMany([{ workspaceId: "w", ...sms, quantity: 4 }]);
    client.recordAmounts(
      "w",
      [
        [sms, 0],
        [email, 1],
      ],
      { eventId: "e" },
    );
    client.log("w", "comms", "sms", "refused");
    client.bind({ workspaceId: "w" }).record(undefined, sms, { quantity: 5 });
    client.void("w", sms, "e", "a mistake");
    client.sessionStart("w", metrics.ekascribe.transcription_minute, "s");
    client.sessionEnd("w", metrics.ekascribe.transcription_minute, "s");
    expect(await series(registry, "eka_usage_amounts_total")).toEqual([
      "accepted comms/email ok 1",
      "accepted comms/sms error 3",
      "accepted comms/sms ok 13.25",
      "accepted comms/sms void 0",
      "accepted ekascribe/transcription_minute ok 0",
    ]);
    expect(await series(registry, "eka_usage_events_total")).toEqual([
      "accepted comms/email ok 1",
      "accepted comms/sms error 2",
      "accepted comms/sms ok 5",
      "accepted comms/sms void 1",
      "accepted ekascribe/transcription_minute ok 2",
    ]);
  });

  test("rejected events have no names or quantities that the catalog lacks", async () => {
    const { registry, client, loose } = setUp();
    loose.record("w", sms, { quantity: -1 });
    loose.record("w", "comms", "sms", 2, "lost");
    loose.record("w", "comms", "fax", 3);
    loose.record("w", "c\0", "sms", 1e300);
    loose.record("w", "comms", "sms", 1n << 90n);
    loose.record("", "comms", "sms", 0.5);
    client.void("w", sms, "e", " ");
    client.session("w", sms);
    loose.recordMany([{ workspaceId: "w", ...email, quantity: 8 }, 5]);
    loose.recordAmounts(
      "w",
      [
        [sms, 0],
        [email, 16],
      ],
      { eventId: " " },
    );
    expect(await series(registry, "eka_usage_amounts_total")).toEqual([
      "rejected _OTHER/_OTHER ok 0",
      "rejected comms/_OTHER ok 3",
      "rejected comms/email ok 24",
      "rejected comms/sms _OTHER 2",
      "rejected comms/sms ok 0.5",
      "rejected comms/sms void 0",
    ]);
    const counted = (await registry.getSingleMetric("eka_usage_events_total")?.get())?.values ?? [];
    const rejected = Object.values(client.stats().rejected).reduce((sum, events) => sum + events);
    expect(counted.reduce((sum, each) => sum + each.value, 0)).toBe(rejected);
  });

  test("an event that fails counts as accepted and as failed, also after shutdown", async () => {
    const { registry, client, producer } = setUp();
    producer.fault = "refused";
    client.record("w", sms, { quantity: 1.5 });
    await client.flush();
    await client.shutdown();
    expect(await series(registry, "eka_usage_amounts_total")).toEqual([
      "accepted comms/sms ok 1.5",
      "failed comms/sms ok 1.5",
    ]);
  });

  test("nothing is counted before, and anew after a reset", async () => {
    const client = new EkaClient({ serviceName: "s", producer: new InMemoryProducer() });
    client.record("w", sms);
    const registry = new Registry();
    prometheus.register(client, { registry });
    expect(await series(registry, "eka_usage_events_total")).toEqual([]);
    expect(await value(registry, "eka_usage_accepted_total")).toBe(1);
    client.record("w", sms);
    await client.resetAfterRestore();
    client.record("w", sms, { quantity: 2 });
    expect(await series(registry, "eka_usage_amounts_total")).toEqual(["accepted comms/sms ok 2"]);
  });

  test("several clients are summed, each once", async () => {
    const { registry, client } = setUp();
    const other = setUp(registry).client;
    prometheus.register([client, other.bind({ workspaceId: "w" })], { registry });
    client.record("w", sms);
    other.record("w", sms);
    expect(await value(registry, "eka_usage_accepted_total")).toBe(2);
    expect(await series(registry, "eka_usage_events_total")).toEqual(["accepted comms/sms ok 2"]);
    expect(await value(registry, "eka_usage_accepted_total")).toBe(2);
  });

  test("the text has each metric, and a series for each rejection before there is one", async () => {
    const text = await setUp().registry.metrics();
    expect(text).toContain("# TYPE eka_usage_queue_events gauge\neka_usage_queue_events 0\n");
    const rejections = Object.values(errorCodes).filter(({ outcome }) => outcome === "rejected");
    expect(text.match(/^eka_usage_rejected_total\{code="[^"]+"\} 0$/gm)).toHaveLength(
      rejections.length,
    );
  });

  test("a disabled client counts alike", async () => {
    const client = new EkaClient({ serviceName: "s", disabled: true });
    const registry = new Registry();
    prometheus.register(client, { registry });
    client.record("w", sms);
    expect(await series(registry, "eka_usage_events_total")).toEqual(["accepted comms/sms ok 1"]);
  });
});

describe("OpenTelemetry", () => {
  test("a reader receives what clients count, summed", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9 });
    const provider = new MeterProvider({ readers: [reader] });
    api.setGlobalMeterProvider(provider);
    const [first, second] = [setUp().client, setUp().client];
    opentelemetry.register(first);
    opentelemetry.register([first.bind({ workspaceId: "w" }), second]);
    first.record("w", sms, { quantity: 0.5 });
    second.record("w", sms, { quantity: 2 });
    await first.shutdown();
    const { scopeMetrics } = (await reader.collect()).resourceMetrics;
    const [scope] = scopeMetrics;
    expect(scope?.scope).toMatchObject({ name: "@eka-care/usage-sdk", version: sdkVersion });
    const amounts = scope?.metrics.find(
      ({ descriptor }) => descriptor.name === "eka_usage.amounts",
    );
    expect(amounts?.descriptor.unit).toBe("{unit}");
    expect(amounts).toMatchObject({ isMonotonic: true });
    expect(amounts?.dataPoints.map(({ attributes, value }) => ({ attributes, value }))).toEqual([
      {
        attributes: { outcome: "accepted", product: "comms", metric_type: "sms", status: "ok" },
        value: 2.5,
      },
    ]);
    await provider.shutdown();
    api.disable();
  });
});
