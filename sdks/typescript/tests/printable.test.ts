import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { printable } from "../src/describe.js";
import { ConfigError, EkaClient } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";

interface Case {
  readonly text: string;
  readonly printable: string;
}
const path = new URL("../../../tests/conformance/printable.json", import.meta.url);
const { cases, surrogates } = JSON.parse(readFileSync(path, "utf8")) as Record<string, Case[]>;
const hidden = "a\u202e\x1b[31m\x9b\u2028b\nc";

describe("text is shown as in every SDK", () => {
  test.each([...(cases ?? []), ...(surrogates ?? [])])(
    "$printable",
    ({ text, printable: shown }) => {
      expect(printable(text)).toBe(shown);
      expect(printable(shown)).toBe(shown);
    },
  );
});

describe("there are no hidden characters", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const named = Object.defineProperty(class {}, "name", { value: hidden });

  test.each([
    ["names", ["ws", hidden, "api_call"]],
    ["ids", [new named(), "api", "api_call"]],
    ["keys of metadata", ["ws", "api", "api_call", 1, "ok", null, { [hidden]: new Map() }]],
    [
      "values of metadata",
      ["ws", "api", "api_call", 1, "ok", null, { a: [new named(), 1n / 1n, Number.NaN] }],
    ],
  ])("in errors about %s", async (_, values) => {
    const { onError, all } = new Reported();
    const client = new EkaClient({ serviceName: "tests", producer: new Collector(), onError });
    (client as unknown as { record(...all: unknown[]): unknown }).record(...values);
    await client.shutdown();
    expect(all).toHaveLength(1);
    expect(all.map(({ error }) => printable(error.message))).toEqual(
      all.map(({ error }) => error.message),
    );
  });

  test("in errors of other code", async () => {
    const { onError, all } = new Reported();
    const producer = { send: () => Promise.reject(new Error(hidden)) };
    const client = new EkaClient({ serviceName: "tests", producer, onError });
    client.record("ws", "api", "api_call");
    await client.shutdown();
    expect(all.map(({ error }) => error.message)).toEqual([
      expect.stringContaining(printable(hidden)),
    ]);
  });

  test("in log lines", async () => {
    const lines: string[] = [];
    for (const level of ["debug", "error"] as const) {
      vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
    }
    const options = { serviceName: "tests", producer: new Collector(), debug: true };
    const client = new EkaClient(options);
    client.record(hidden, "api", "api_call");
    client.record("ws", hidden as never, "api_call" as never);
    await client.shutdown();
    expect(lines).toHaveLength(2);
    expect(lines.map(printable)).toEqual(lines);
  });

  test("in errors of the configuration", () => {
    const act = () => new EkaClient({ serviceName: "tests", kafkaBrokers: hidden });
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("\u202e") }),
    );
  });
});
