import { describe, expect, test } from "vitest";
import { EkaClient } from "../src/index.js";
import { Collector } from "./support/collector.js";

const size = 200_000;
/** What grows with the size took from 100 ms, of an object of many keys, to minutes, of a bigint. */
const limitMs = 100;
/** A busy machine disturbs a few calls, and what grows with the size is slow each time. */
const attempts = 20;

/** Milliseconds of processor time of the first call within the limit, or of the best of all. */
function cost(call: (client: { [name: string]: (...all: unknown[]) => unknown }) => void): number {
  const client = new EkaClient({
    serviceName: "tests",
    producer: new Collector(),
    onError: () => undefined,
  });
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < attempts && best >= limitMs; attempt++) {
    const begin = process.cpuUsage();
    call(client as never);
    const { user, system } = process.cpuUsage(begin);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

const long = "x".repeat(size);
// JavaScript lists all keys of an object or none, which takes about 0.2 µs each.
const members = Object.fromEntries(Array.from({ length: size / 10 }, (_, i) => [`k${i}`, i]));
const values: [string, unknown][] = [
  ["text", long],
  ["wide text", "é".repeat(size)],
  ["lone surrogates", "\ud800".repeat(size)],
  ["bigint", 1n << BigInt(4 * size)],
  ["negative bigint", -(1n << BigInt(4 * size))],
  ["array", new Array(size).fill(null)],
  ["sparse array", new Array(size)],
  ["array of arrays", Array.from({ length: size }, () => [])],
  ["object", members],
  ["long key", { [long]: 1 }],
  ["Map", new Map(Object.entries(members))],
  ["Set", new Set(Object.keys(members))],
  ["bytes", new Uint8Array(size)],
  ["buffer", Buffer.alloc(size)],
  ["array buffer", new ArrayBuffer(size)],
  ["error", new Error(long)],
  ["boxed text", Object(long)],
  ["symbol", Symbol(long)],
  ["instance of a class", Object.assign(new (class Details {})(), members)],
  ["regular expression", new RegExp("x".repeat(10_000))],
];

describe.each(values)("a large argument is quick: %s", (_, value) => {
  const valid = ["ws", "api", "api_call", 1, "ok", 1, {}] as const;
  test.each([0, 1, 2, 3, 4, 5, 6])("as argument %i of record()", (place) => {
    const all: unknown[] = [...valid];
    all[place] = value;
    expect(cost((client) => client["record"]?.(...all))).toBeLessThan(limitMs);
  });

  test.each([
    ["the idempotency key", ["record", ...valid, { eventId: value }]],
    ["the time", ["record", ...valid, { occurredAt: value }]],
    ["the options", ["record", ...valid, value]],
    ["a value of metadata", ["record", ...valid.slice(0, 6), { a: value }]],
    ["a deep value of metadata", ["record", ...valid.slice(0, 6), { a: [{ b: [value] }] }]],
    ["the message of log()", ["log", "ws", "api", "api_call", value]],
    ["the level of log()", ["log", "ws", "api", "api_call", "", value]],
    ["the metadata of log()", ["log", "ws", "api", "api_call", "", "error", value]],
  ])("as %s", (_name, [method, ...all]) => {
    expect(cost((client) => client[method as string]?.(...all))).toBeLessThan(limitMs);
  });
});
