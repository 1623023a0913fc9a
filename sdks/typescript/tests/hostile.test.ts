/** Values and functions of a caller that throw wherever they can: no call throws, and each is named. */

import { expect, test } from "vitest";
import { EkaClient, metrics } from "../src/index.js";
import { InMemoryProducer } from "../src/testing/index.js";

type Loose = Record<string, (...values: unknown[]) => unknown>;

const traps = [
  "get",
  "has",
  "ownKeys",
  "getOwnPropertyDescriptor",
  "getPrototypeOf",
  "isExtensible",
] as const;

const targets = {
  object: () => ({ a: 1 }),
  array: () => [1],
  function: () => () => 1,
  date: () => new Date(),
  map: () => new Map([[1, 2]]),
  number: () => new Number(3),
};

/** Returns proxies of an object, each with one trap that throws an error, or the proxy before. */
function* hostile(name: string, target: () => object): Generator<readonly [string, unknown]> {
  for (const trap of traps) {
    const throwing = (thrown: unknown) =>
      new Proxy(target(), {
        [trap]() {
          throw thrown;
        },
      });
    const proxy = throwing(new Error("trapped"));
    yield [`${name}, ${trap} throws`, proxy];
    yield [`${name}, ${trap} throws a proxy`, throwing(proxy)];
  }
  const { proxy, revoke } = Proxy.revocable(target(), {});
  revoke();
  yield [`${name}, revoked`, proxy];
  const handler = {
    get: () => 5,
    ownKeys: () => ["a", "b"],
    getOwnPropertyDescriptor: () => undefined,
    getPrototypeOf: () => null,
  };
  yield [`${name}, inconsistent`, new Proxy(target(), handler)];
}

const { api_call } = metrics.api;
const { transcription_minute } = metrics.ekascribe;
const record = (client: Loose, ...rest: unknown[]) =>
  client["record"]?.("ws", "api", "api_call", ...rest);

/** Calls with one value in each place that they have. */
const calls: Readonly<Record<string, (client: Loose, value: unknown) => unknown>> = {
  workspace: (client, value) => client["record"]?.(value, "api", "api_call"),
  product: (client, value) => client["record"]?.("ws", value, "api_call"),
  metricType: (client, value) => client["record"]?.("ws", "api", value),
  metric: (client, value) => client["recordMetric"]?.("ws", value),
  details: (client, value) => client["record"]?.("ws", api_call, value),
  quantity: (client, value) => record(client, value),
  status: (client, value) => record(client, 1, value),
  unitCost: (client, value) => record(client, 1, "ok", value),
  metadata: (client, value) => record(client, 1, "ok", 1, value),
  "value of metadata": (client, value) => record(client, 1, "ok", 1, { key: value }),
  "element of metadata": (client, value) => record(client, 1, "ok", 1, { key: [value] }),
  options: (client, value) => record(client, 1, "ok", 1, {}, value),
  eventId: (client, value) => record(client, 1, "ok", 1, {}, { eventId: value }),
  occurredAt: (client, value) => record(client, 1, "ok", 1, {}, { occurredAt: value }),
  tags: (client, value) => record(client, 1, "ok", 1, {}, { tags: value }),
  tag: (client, value) => record(client, 1, "ok", 1, {}, { tags: [value] }),
  vendor: (client, value) => record(client, 1, "ok", 1, {}, { vendor: value }),
  cost: (client, value) => record(client, 1, "ok", undefined, {}, { cost: value }),
  message: (client, value) => client["log"]?.("ws", "api", "api_call", value),
  level: (client, value) => client["log"]?.("ws", "api", "api_call", "text", value),
  "metadata of log": (client, value) =>
    client["log"]?.("ws", "api", "api_call", "text", "error", value),
  events: (client, value) => client["recordMany"]?.(value),
  event: (client, value) => client["recordMany"]?.([value]),
  amounts: (client, value) => client["recordAmounts"]?.("ws", value, { eventId: "e" }),
  amount: (client, value) => client["recordAmounts"]?.("ws", [value], { eventId: "e" }),
  "details of amounts": (client, value) => client["recordAmounts"]?.("ws", [[api_call, 1]], value),
  "metric of void": (client, value) => client["void"]?.("ws", value, "id", "reason"),
  "id of void": (client, value) => client["void"]?.("ws", api_call, value, "reason"),
  reason: (client, value) => client["void"]?.("ws", api_call, "id", value),
  "metric of session": (client, value) => client["session"]?.("ws", value),
  "details of session": (client, value) => client["session"]?.("ws", transcription_minute, value),
  sessionId: (client, value) => client["sessionStart"]?.("ws", transcription_minute, value),
  "details of start": (client, value) =>
    client["sessionStart"]?.("ws", transcription_minute, "s", value),
  bound: (client, value) => record(client["bind"]?.(value) as Loose),
  "bound metadata": (client, value) =>
    record(client["bind"]?.({ metadata: value }) as Loose, 1, "ok", 1, { key: 1 }),
};

test.each(Object.entries(calls))(
  "no proxy as %s makes a call throw, or fail unnamed",
  (_, call) => {
    const codes: string[] = [];
    const onError = ({ code, message }: { code: string; message: string }) => {
      codes.push(code === "delivery.failed" ? message : code);
    };
    const client = new EkaClient({ serviceName: "s", producer: new InMemoryProducer(), onError });
    for (const [name, target] of Object.entries(targets)) {
      for (const [kind, value] of hostile(name, target)) {
        codes.length = 0;
        const result = call(client as unknown as Loose, value);
        expect(codes.join().includes("unexpected") ? `${kind}: ${codes}` : "").toBe("");
        expect(result !== undefined || codes.length === 1, kind).toBe(true);
      }
    }
  },
);

test.each([
  [
    "throw",
    () => {
      throw new Error("mine");
    },
    "threw: mine",
  ],
  ["return nothing", () => undefined, "returned what it must not"],
])("a clock and a source of ids that %s are replaced by the SDK's own", (_, hook, how) => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const producer = new InMemoryProducer();
  const client = new EkaClient({
    serviceName: "s",
    producer,
    logger: { debug: write, warn: write, error: write },
    clock: hook as unknown as () => number,
    monotonicClock: hook as unknown as () => number,
    newId: hook as unknown as () => string,
  });
  const id = client.record("ws", metrics.api.api_call);
  expect(client.session("ws", transcription_minute).end()).toBeDefined();
  expect(client.newEventId()).not.toBe(id);
  expect(producer.events.map(({ event_id }) => event_id)).toContain(id);
  for (const name of [
    "the clock",
    "the monotonic clock",
    ...(how.includes("threw") ? ["newId"] : []),
  ]) {
    expect(lines.filter((line) => line.includes(`${name} ${how}`))).toHaveLength(1);
  }
});
