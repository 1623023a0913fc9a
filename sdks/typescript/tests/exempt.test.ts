import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { EkaClient, metrics } from "../src/index.js";
import { Collector, Reported } from "./support/collector.js";

vi.mock(import("../src/generated/rules.js"), async (original) => ({
  ...(await original()),
  metricRules: {
    ekascribe: {
      transcription_minute: {
        quantity: { integer: true, minimum: 1 },
        metadata: { room: { required: true } },
        pii: { name: "hash" as const, reason: "drop" as const },
        fields: [{ name: "vendor", required: true }],
      },
    },
  },
}));

const minutes = metrics.ekascribe.transcription_minute;

test("no rule but that on persons holds for voids and boundaries, and all hold for a session", () => {
  const producer = new Collector();
  const reported = new Reported();
  const { onError } = reported;
  let monotonic = 0;
  const monotonicClock = () => monotonic;
  const client = new EkaClient({ serviceName: "tests", producer, onError, monotonicClock });
  client.void("ws-1", minutes, "id", "because");
  client.sessionStart("ws-1", minutes, "s-1", { metadata: { name: "x" } });
  client.sessionBeat("ws-1", minutes, "s-1");
  client.sessionEnd("ws-1", minutes, "s-1", { status: "error" });
  expect(reported.messages).toEqual([]);
  expect(producer.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  const digest = createHash("sha256").update('"x"').digest("hex");
  const metadata = producer.events.map((event) => event["metadata"]);
  expect(metadata.slice(0, 3)).toEqual(["{}", `{"name":"sha256:${digest}"}`, "{}"]);
  const session = client.session("ws-1", minutes, { vendor: "v", metadata: { room: 1 } });
  monotonic = 30_000;
  session.end();
  client.session("ws-1", minutes).end();
  expect(reported.codes).toEqual(["quantity.invalid", "quantity.invalid"]);
});
