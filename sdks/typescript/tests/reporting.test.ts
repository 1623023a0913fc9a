import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EkaClient, type OnError } from "../src/index.js";
import { Collector } from "./support/collector.js";
import { eventually } from "./support/waiting.js";

const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  for (const level of ["error", "warn"] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
  }
});
afterEach(() => vi.restoreAllMocks());

function client(onError?: OnError): EkaClient {
  return new EkaClient({ serviceName: "tests", producer: new Collector(), onError });
}

const wrong = (recording: EkaClient) => recording.record("", "api", "api_call");

describe("without onError", () => {
  test("without onError a code is logged once per second, and what is suppressed is counted", async () => {
    let now = 5000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const recording = client();
    for (let number = 0; number < 10; number += 1) {
      wrong(recording);
      now += 250;
    }
    const line = "\\[usage-sdk\\] invalid workspaceId ''.* \\[workspace_id\\.invalid\\]";
    const more = " \\(3 similar lines were suppressed\\)";
    expect(lines).toEqual(
      ["", more, more].map((end) => expect.stringMatching(`^${line}${end}$`) as string),
    );
    await recording.shutdown();
    expect(lines[3]).toBe(
      "[usage-sdk] 1 more errors like the last workspace_id.invalid were suppressed",
    );
  });

  test("without onError each code has a line of its own", () => {
    const recording = client();
    wrong(recording);
    recording.record("ws", "api", "api_call", -1);
    recording.record("ws", "api", "api_call", 1, "ok", null, { f: () => 1 });
    expect(lines).toHaveLength(3);
  });

  test("a logger of the host's receives lines with code, field and event_id", () => {
    const logger = { debug: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const recording = new EkaClient({ serviceName: "tests", producer: new Collector(), logger });
    recording.record("", "api", "api_call", 1, "ok", null, null, { eventId: "e-1" });
    const known = { code: "workspace_id.invalid", field: "workspace_id", event_id: "e-1" };
    expect(logger.error).toHaveBeenCalledExactlyOnceWith(expect.any(String), known);
    const eventId = recording.record("ws", "api", "api_call", 1, "ok", null, { f: () => 1 });
    const degraded = { code: "metadata.degraded", field: "metadata", event_id: eventId };
    expect(logger.warn).toHaveBeenCalledExactlyOnceWith(expect.any(String), degraded);
    expect(lines).toEqual([]);
  });

  test("a console that throws does no harm", () => {
    vi.spyOn(console, "error").mockImplementation(() => {
      throw new Error("closed");
    });
    expect(wrong(client())).toBeUndefined();
  });
});

describe("an onError", () => {
  test("an onError that throws is logged, and does no harm", () => {
    const recording = client(() => {
      throw new Error("mine");
    });
    expect(wrong(recording)).toBeUndefined();
    expect(lines[0]).toContain("onError threw mine on: invalid workspaceId");
  });

  test("an onError that rejects is logged, and does no harm", async () => {
    wrong(client(async () => Promise.reject(new Error("mine"))));
    await eventually(() => expect(lines[0]).toContain("onError threw mine"));
  });

  test("an onError that records what fails too does not recurse", () => {
    let calls = 0;
    const recording: EkaClient = client(() => {
      calls += 1;
      wrong(recording);
    });
    wrong(recording);
    expect(calls).toBe(1);
    expect(recording.stats().rejected).toEqual({ "workspace_id.invalid": 2 });
    expect(lines).toHaveLength(1);
  });
});
