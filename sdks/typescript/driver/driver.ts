/** Drives the built TypeScript SDK by the protocol of tests/conformance/driver.md. */

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { isMainThread, Worker } from "node:worker_threads";
import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { Registry } from "prom-client";
import type * as sdk from "../src/index.js";
import type * as prometheus from "../src/prometheus.js";
import { usageClient } from "./usageClient.ts";

// The built package; its types are available before it is built.
const built = "../dist/index.js";
const { EkaClient, settings } = (await import(built)) as typeof sdk;
const adapter = "../dist/prometheus.js";
const { register } = (await import(adapter)) as typeof prometheus;

type Values = Readonly<Record<string, unknown>>;
type Command = (request: Values) => Promise<Values> | Values;

const input = createInterface({ input: process.stdin });
const turn = 50;
const never = new Promise<never>(() => {});
let client: sdk.EkaClient | undefined;
let registry = new Registry();
// What is active for OpenTelemetry.
let active = ROOT_CONTEXT;
context.setGlobalContextManager({
  active: () => active,
  with: (_, fn, thisArg, ...args) => fn.apply(thisArg, args),
  bind: (_, target) => target,
  enable() {
    return this;
  },
  disable() {
    return this;
  },
});
// Added to the clocks of the machine, in milliseconds.
let offset = 0;
let monotonic = 0;

function current(): sdk.EkaClient {
  if (client === undefined) {
    throw new Error("there is no client yet");
  }
  return client;
}

const commands: Readonly<Record<string, Command>> = {
  new({ settings: values, service_name: serviceName = "driver", on_error: mode, ...rest }) {
    offset = Number(rest["clock_offset"] ?? 0);
    monotonic = 0;
    client = new EkaClient({
      serviceName,
      clock: () => Date.now() + offset,
      monotonicClock: () => performance.now() + monotonic,
      onError: (error, { code, field, reason, eventId, index = null }) => {
        reply({ error: { code, field, reason, event_id: eventId, index } });
        if (mode === "throw") {
          throw error;
        }
      },
      ...Object.fromEntries(Object.entries(values as Values).map(option)),
    } as sdk.EkaClientOptions);
    registry = new Registry();
    if (rest["metrics"] === true) {
      register(client, { registry });
    }
    return { instance_id: client.instanceId };
  },

  span({ trace_id: traceId, span_id: spanId }) {
    const ids = { traceId: String(traceId), spanId: String(spanId), traceFlags: 1 };
    active = trace.setSpanContext(ROOT_CONTEXT, ids);
    return {};
  },

  // Node records on one thread, so that callers take turns.
  async record({ call, times = 1, threads = 1 }) {
    const callers = Array.from({ length: Number(threads) }, () =>
      repeated(Number(times), () => record(call as Values)),
    );
    return summary((await Promise.all(callers)).flat());
  },

  record_many({ calls, times = 1 }) {
    const events = Array.from({ length: Number(times) }, () => calls as Values[]).flat();
    return batch(events.length, loose().recordMany(events.map(camelKeys)));
  },

  record_amounts({ call, amounts }) {
    const { workspace_id: workspaceId, ...details } = call as Values;
    const all = (amounts as Values[]).map(({ quantity, cost, ...metric }) => {
      return [camelKeys(metric), quantity, cost];
    });
    return batch(all.length, loose().recordAmounts(workspaceId, all, camelKeys(details)));
  },

  void({ call }) {
    const { workspace_id: workspaceId, event_id: eventId, reason, ...metric } = call as Values;
    return one(loose().void(workspaceId, camelKeys(metric), eventId, reason));
  },

  session({ call, elapsed, wall = elapsed, fails = false, ends = 1 }) {
    const { workspaceId, product, metricType, ...details } = camelKeys(call as Values);
    const session = loose().session(workspaceId, { product, metricType }, details);
    monotonic += Number(elapsed);
    offset += Number(wall);
    if (fails === true) {
      session.fail();
    }
    const ids = Array.from({ length: Number(ends) }, () => session.end());
    const accepted = ids.filter((id) => id !== undefined);
    return { accepted, rejected: Number(ends) > 0 && accepted.length === 0 ? 1 : 0 };
  },

  session_boundary({ boundary, call, session_id: sessionId, at }) {
    const { workspaceId, product, metricType, ...details } = camelKeys(call as Values);
    const boundaries = { start: "sessionStart", beat: "sessionBeat", end: "sessionEnd" } as const;
    const method = boundaries[boundary as keyof typeof boundaries];
    const metric = { product, metricType };
    return one(loose()[method](workspaceId, metric, sessionId, { ...details, at }));
  },

  async log({ call }) {
    return summary(await repeated(1, () => log(call as Values)));
  },

  usage_client: (request) => usageClient(request),

  async flush({ timeout }) {
    const started = performance.now();
    const queued = await current().flush(Number(timeout));
    return { queued, took: performance.now() - started };
  },

  async metrics() {
    return { text: await registry.metrics() };
  },

  stats() {
    return snakeKeys(current().stats() as unknown as Values);
  },

  async shutdown({ timeout }) {
    const started = performance.now();
    const undelivered = await current().shutdown(timeout as number | undefined);
    return { undelivered, took: performance.now() - started };
  },

  // A Node process ends when nothing is left to do; process.exit() would not wait.
  exit({ code }) {
    process.exitCode = Number(code);
    input.close();
    process.stdin.destroy();
    return {};
  },

  halt({ code }) {
    process.exit(Number(code));
  },

  throw() {
    setImmediate(() => {
      throw new Error("uncaught on purpose");
    });
    return never;
  },

  hog() {
    const taken: unknown[] = [];
    for (;;) {
      taken.push(new Array(2 ** 21).fill(taken.length));
    }
  },

  handle({ signal }) {
    process.on(signal as NodeJS.Signals, () => process.exit(0));
    return {};
  },

  // Yields to the event loop now and then, as a service does between requests.
  async stream({ call, times, pause = 0 }) {
    let streamed = 0;
    for (let done = 1; times === 0 || done <= Number(times); done += 1) {
      const eventId = record(call as Values);
      if (eventId !== undefined) {
        streamed += 1;
        writeLine(`{"accepted": "${eventId}"}\n`);
      }
      if (eventId === undefined || pause !== 0 || done % turn === 0) {
        await setTimeout(Number(pause));
      }
    }
    return { streamed };
  },

  fork() {
    throw new Error("Node cannot fork");
  },
};

// biome-ignore lint/suspicious/noExplicitAny: what a request has is not checked
function loose(): any {
  return current();
}

function camelKeys(named: Values): Record<string, unknown> {
  const camel = (name: string) =>
    name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [camel(name), value]));
}

function snakeKeys(named: Values): Values {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [snake(name), value]));
}

function batch(events: number, accepted: string[] | undefined): Values {
  return { accepted: accepted ?? [], rejected: accepted === undefined ? events : 0 };
}

function one(accepted: string | undefined): Values {
  return batch(1, accepted === undefined ? undefined : [accepted]);
}

function reply(line: Values): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Writes synchronously, and again while the pipe is full. */
function writeLine(line: string): void {
  for (let rest = Buffer.from(line); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
        throw error;
      }
    }
  }
}

function option([name, value]: [string, unknown]): [string, unknown] {
  const key = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return [settings[key as keyof typeof settings].argument, value];
}

interface Outcome {
  readonly eventId: string | undefined;
  readonly took: number;
}

async function repeated(times: number, call: () => string | undefined): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let done = 0; done < times; done += 1) {
    const started = performance.now();
    const eventId = call();
    outcomes.push({ eventId, took: performance.now() - started });
    await undefined;
  }
  return outcomes;
}

function summary(outcomes: readonly Outcome[]): Values {
  const accepted = outcomes.flatMap(({ eventId }) => eventId ?? []);
  const slowest = outcomes.reduce((most, { took }) => Math.max(most, took), 0);
  return { accepted, rejected: outcomes.length - accepted.length, slowest };
}

function record(call: Values): string | undefined {
  const names = ["workspace_id", "product", "metric_type", "quantity", "status", "unit_cost"];
  const places = [...names, "metadata"];
  const named = Object.entries(call).filter(([name]) => !places.includes(name));
  const values = places.map((name) => call[name]);
  return loose().record(...values, camelKeys(Object.fromEntries(named)));
}

function log(call: Values): string | undefined {
  const names = ["workspace_id", "product", "metric_type", "message", "level", "metadata"];
  return current().log(...(names.map((name) => call[name]) as Parameters<sdk.EkaClient["log"]>));
}

async function answer(line: string): Promise<void> {
  let request: Values = {};
  try {
    request = JSON.parse(line) as Values;
    const command = commands[String(request["do"])];
    if (command === undefined) {
      throw new Error(`unknown command ${String(request["do"])}`);
    }
    const result = await command(request);
    if (command !== commands["exit"]) {
      reply({ id: request["id"], ...result });
    }
  } catch (error) {
    reply({ id: request["id"], fault: String(error) });
  }
}

/** Drives in a worker thread, which `terminate` ends. */
async function driveWorker(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { stdin: true });
  for await (const line of input) {
    if ((JSON.parse(line) as Values)["do"] === "terminate") {
      await worker.terminate();
      process.exit();
    }
    worker.stdin?.write(`${line}\n`);
  }
}

if (isMainThread && process.env["EKA_TEST_WORKER"] !== undefined) {
  await driveWorker();
} else {
  for await (const line of input) {
    await answer(line);
  }
}
