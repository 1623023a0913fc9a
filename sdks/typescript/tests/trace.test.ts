import { context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "../src/generated/limits.js";
import { EkaClient, type EkaClientOptions, metrics } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";
import { AsyncContextManager } from "./support/contextManager.js";

const { maxBytes } = limits.metadata;
const { api_call } = metrics.api;
const { transcription_minute } = metrics.ekascribe;
const ids = { trace_id: "00000000000000000000000000000abc", span_id: "0000000000000def" };
const active = { traceId: ids.trace_id, spanId: ids.span_id, traceFlags: 1 };

beforeAll(() => {
  context.setGlobalContextManager(new AsyncContextManager());
});

afterAll(() => context.disable());

function setUp(options: Partial<EkaClientOptions> = {}) {
  const producer = new Collector();
  const { onError, ...reported } = new Reported();
  const given = { serviceName: "tests", producer, onError, traceMetadata: true, ...options };
  const client = new EkaClient(given);
  const metadata = () => producer.events.map((event) => JSON.parse(String(event["metadata"])));
  return { client, metadata, errors: reported.all };
}

function inSpan(record: () => unknown, span = trace.wrapSpanContext(active)): void {
  context.with(trace.setSpan(ROOT_CONTEXT, span), record);
}

describe("traceMetadata", () => {
  test("every call has the ids of the active span", async () => {
    const { client, metadata, errors } = setUp();
    inSpan(() => {
      client.record("ws-1", api_call, { metadata: { a: 1 } });
      client.record("ws-1", api_call);
      client.recordMany([{ workspaceId: "ws-1", ...api_call }]);
      client.recordAmounts("ws-1", [[api_call, 1]], { eventId: "e" });
      client.bind({ metadata: { a: 1 } }).record("ws-1", api_call);
      client.log("ws-1", "api", "api_error", "no");
      client.sessionStart("ws-1", transcription_minute, "s");
      client.void("ws-1", api_call, "e", "a mistake");
      client.session("ws-1", transcription_minute).end();
    });
    const found = metadata();
    expect(found.length).toBe(9);
    expect(found[0]).toEqual({ ...ids, a: 1 });
    for (const one of found) {
      expect(one).toMatchObject(ids);
    }
    expect(errors).toEqual([]);
  });

  test("they are those of the asynchronous context", async () => {
    const { client, metadata } = setUp();
    let done: Promise<unknown> = Promise.resolve();
    inSpan(() => {
      done = Promise.resolve().then(() => client.record("ws-1", api_call));
    });
    await done;
    expect(metadata()).toEqual([ids]);
  });

  test.each([{ trace_id: "mine" }, { span_id: null }])(
    "a caller that gives %o keeps it and gets no other",
    (given) => {
      const { client, metadata } = setUp();
      inSpan(() => client.record("ws-1", api_call, { metadata: given }));
      inSpan(() => client.bind({ metadata: given }).record("ws-1", api_call));
      expect(metadata()).toEqual([given, given]);
    },
  );

  test("there are none unless they are asked for and a span is active", () => {
    const off = setUp({ traceMetadata: false });
    inSpan(() => off.client.record("ws-1", api_call));
    const on = setUp();
    on.client.record("ws-1", api_call);
    inSpan(
      () => on.client.record("ws-1", api_call),
      trace.wrapSpanContext({ traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 }),
    );
    expect([...off.metadata(), ...on.metadata()]).toEqual([{}, {}, {}]);
  });

  test("a span that cannot be read leaves the event as it is", () => {
    const { client, metadata, errors } = setUp();
    const broken = {
      spanContext: () => {
        throw new Error("broken");
      },
    } as unknown as Span;
    inSpan(() => client.record("ws-1", api_call, { metadata: { a: 1 } }), broken);
    expect(metadata()).toEqual([{ a: 1 }]);
    expect(errors).toEqual([]);
  });

  test.each([undefined, (given: object) => ({ ...given })])(
    "they are left out where they would cut the caller's metadata (%o)",
    (beforeSend) => {
      const room = maxBytes - '{"k":"",}'.length - (JSON.stringify(ids).length - 2);
      for (const more of [0, 1]) {
        const { client, metadata, errors } = setUp({ beforeSend });
        const own = { k: "x".repeat(room + more) };
        inSpan(() => client.record("ws-1", api_call, { metadata: own }));
        expect(metadata()).toEqual([more === 0 ? { ...ids, ...own } : own]);
        expect(errors).toEqual([]);
      }
    },
  );

  test("what is too large anyway is cut as without a span", () => {
    const { client, metadata, errors } = setUp();
    const many = Object.fromEntries(Array.from({ length: maxBytes }, (_, at) => [`k${at}`, at]));
    inSpan(() => client.record("ws-1", api_call, { metadata: many }));
    expect(metadata()).toEqual([{ _truncated: true }]);
    expect(errors.map(({ error }) => error.code)).toEqual(["metadata.degraded"]);
  });

  test("what is no metadata is rejected with a span too", () => {
    const { client, metadata, errors } = setUp();
    const wrong = [1] as unknown as object;
    inSpan(() => client.record("ws-1", api_call, { metadata: wrong as never }));
    expect(metadata()).toEqual([]);
    expect(errors.map(({ error }) => error.code)).toEqual(["metadata.invalid"]);
  });

  test("beforeSend sees them and may drop them", () => {
    const { client, metadata } = setUp({ beforeSend: ({ span_id: _, ...rest }) => rest });
    inSpan(() => client.record("ws-1", api_call));
    expect(metadata()).toEqual([{ trace_id: ids.trace_id }]);
  });
});
