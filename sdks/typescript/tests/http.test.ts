import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { expect, test, vi } from "vitest";
import type * as http from "../src/http.js";
import { others, run } from "./support/project.js";

test("a bundle for browsers sends events with nothing of Node", async () => {
  const source = new URL("../src/http.ts", import.meta.url).pathname;
  const options = ["--bundle", "--platform=browser", "--format=iife", "--global-name=usage"];
  // It fails for an import of Node's own modules.
  const bundle = run(join(others, ".bin", "esbuild"), [source, ...options], tmpdir());
  // What a page has, and neither `process` nor `Buffer` nor `require`.
  const globals = { fetch, URL, URLSearchParams, AbortSignal, crypto, console, setTimeout };
  const page = createContext(globals);
  runInContext(bundle, page);
  const { UsageClient, decimal } = page["usage"] as typeof http;
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    bodies.push((await request.toArray()).join(""));
    response.statusCode = 202;
    response.end(JSON.stringify({ ids: ["e-1"], id: "e-1", request_id: "r" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new UsageClient({ baseUrl, origin: "page" });
    const quantity = decimal("0.10000000000000000000001");
    const usage = { workspaceId: "ws-1", product: "api", metricType: "api_call" } as const;
    const occurredAt = new Date(0);
    expect(await client.emit("key", { ...usage, quantity, occurredAt, eventId: 7n })).toBe("e-1");
    expect(bodies).toEqual([
      '{"product":"api","metric_type":"api_call","quantity":0.10000000000000000000001,' +
        '"occurred_at":"1970-01-01T00:00:00.000Z","workspace_id":"ws-1","event_id":"7","origin":"page"}',
    ]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a redirect, of which browsers show nothing, is an error that says so", async () => {
  const { UsageClient } = await import("../src/http.js");
  const hidden = {
    type: "opaqueredirect",
    status: 0,
    headers: new Headers(),
    text: async () => "",
  };
  vi.stubGlobal("fetch", async () => hidden);
  const client = new UsageClient({ baseUrl: "http://127.0.0.1:1", origin: "page" });
  await expect(client.usage("key")).rejects.toThrow(/HTTP 0: it redirects/);
  vi.unstubAllGlobals();
});
