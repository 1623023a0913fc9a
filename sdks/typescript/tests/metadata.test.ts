import { expect, test } from "vitest";
import { limits } from "../src/generated/limits.js";
import { EkaClient, type Metadata } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";
import { busy } from "./support/waiting.js";

function encoded(metadata: unknown): { text: string; messages: string[] } {
  const producer = new Collector();
  const reported = new Reported();
  const client = new EkaClient({ serviceName: "tests", producer, onError: reported.onError });
  client.record("ws", "api", "api_call", 1, "ok", null, metadata as Metadata);
  return { text: String(producer.events[0]?.["metadata"]), messages: reported.messages };
}

const cycle: Record<string, unknown> = { name: "me" };
cycle["self"] = cycle;

class Money {
  readonly amount = 5;
  readonly #secret = 1;
  get secret(): number {
    return this.#secret;
  }
}

test.each([
  ["a Date", { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
  ["a bigint", { n: 2n ** 64n }, '{"n":18446744073709551616}'],
  ["undefined, omitted as JSON does", { a: undefined, b: [undefined] }, '{"b":[null]}'],
  ["toJSON()", { a: { toJSON: (key: string) => `I am ${key}` } }, '{"a":"I am a"}'],
  ["a toJSON() of its own", { toJSON: () => ({ b: 1 }) }, '{"b":1}'],
  ["an instance of a class", { price: new Money() }, '{"price":{"amount":5}}'],
  ["an object without a prototype", { a: Object.create(null) }, '{"a":{}}'],
  [
    "a boxed primitive",
    { a: Object("x"), b: Object(1), c: Object(false) },
    '{"a":"x","b":1,"c":false}',
  ],
  ["a lone surrogate in a value", { a: "x\ud800y" }, '{"a":"x\ufffdy"}'],
  ["a lone surrogate in a key", { "\udc00": 1 }, '{"\ufffd":1}'],
  ["text that looks like a surrogate's escape", { a: "\\ud800" }, '{"a":"\\\\ud800"}'],
])("metadata keeps %s", (_, metadata, text) =>
  expect(encoded(metadata)).toEqual({ text, messages: [] }),
);

test.each([
  ["a Map", { m: new Map([[1, 2]]) }, '{"m":"[object Map]"}', "'m' of type Map became a string"],
  ["a Set", { m: new Set() }, '{"m":"[object Set]"}', "'m' of type Set became a string"],
  ["an Error", { e: new RangeError("no") }, '{"e":"RangeError: no"}', "'e' of type RangeError"],
  ["a function", { f: function go() {} }, '{"f":"[function go]"}', "'f' of type function"],
  ["a symbol", { s: Symbol("x") }, '{"s":"Symbol(x)"}', "'s' of type symbol"],
  ["a Buffer", { b: Buffer.from("hi") }, '{"b":"hi"}', "'b' of type Buffer"],
  ["an invalid Date", { d: new Date(Number.NaN) }, '{"d":"Invalid Date"}', "'d' of type Date"],
  ["NaN", { a: { b: [Number.NaN] } }, '{"a":{"b":["NaN"]}}', "'a.b.0' is not a finite number"],
  [
    "an object that holds itself",
    cycle,
    '{"name":"me","self":"[too deep]"}',
    "'self' holds itself",
  ],
  [
    "a getter that throws",
    {
      get a() {
        throw new Error("no");
      },
      b: 1,
    },
    '{"a":"[unreadable]","b":1}',
    "'a' could not be read",
  ],
  [
    "a toJSON() that throws",
    {
      a: {
        toJSON() {
          throw new Error("no");
        },
      },
    },
    '{"a":"[unreadable]"}',
    "'a' could not be read",
  ],
  [
    "a toJSON() that does not return an object",
    { toJSON: () => 1 },
    "{}",
    "its toJSON() does not return an object",
  ],
])("metadata degrades %s, and reports it", (_, metadata, text, reason) => {
  const got = encoded(metadata);
  expect(got.text).toBe(text);
  expect(got.messages).toEqual([expect.stringContaining(reason)]);
});

test("an object whose toJSON() always returns another one is cut at the depth limit", () => {
  const endless: object = { toJSON: () => ({ more: endless }) };
  expect(encoded({ endless }).text).toContain(limits.metadata.tooDeep);
});

test.each([
  ["a long text", { a: "x".repeat(40_000) }],
  ["many keys", Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key-${i}`, i]))],
  ["a long list", { a: Array.from({ length: 100_000 }, () => 1) }],
  ["a very long list", { a: new Array(5_000_000).fill(0) }],
  ["a long integer", { a: 7n ** 300_000n }],
  ["a large buffer", { a: Buffer.alloc(50_000_000) }],
  ["text of three bytes a character", { a: "क".repeat(12_000) }],
])("metadata with %s is cut to the marker, without reading all of it", (_, metadata) => {
  const spent = busy();
  const got = encoded(metadata);
  expect(spent()).toBeLessThan(250);
  expect(got.text).toBe(limits.metadata.oversize);
  expect(got.messages[0]).toContain("it was cut, being over 32768 bytes");
});
