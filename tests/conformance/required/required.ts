import { EkaClient, findMetric, isMetricType, metrics } from "../../src/index.js";

const client = new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:9092" });
const { legal, search } = metrics.outer_api;
const court = { court: "TJSP" };
const given = { vendor: "jusbrasil", model: "small" } as const;

client.record("ws", "outer_api", "legal", 1, "ok", null, { ...court, more: 1 }, given);
client.record("ws", "outer_api", "legal", 1, undefined, null, court, { ...given, cost: 1000000 });
client.record("ws", legal, { ...given, quantity: 2, metadata: court });
client.recordMetric("ws", legal, 1, "ok", null, court, given);
client.log("ws", "outer_api", "legal", "closed", "error", court, given);
client.record("ws", search, { vendor: "any" });
client.recordMany([
  { workspaceId: "ws", ...legal, ...given, metadata: court },
  { workspaceId: "ws", ...search, vendor: "any" },
  { workspaceId: "ws", ...metrics.api.api_call },
]);

client.recordMany([{ workspaceId: "ws", ...search }]);
//                 ^ Property 'vendor' is missing
client.recordMany([{ workspaceId: "ws", ...legal, ...given }]);
//                 ^ Property 'metadata' is missing
client.record("ws", "outer_api", "legal");
//                               ^ '"legal"' is not assignable to parameter of type
client.record("ws", "outer_api", "legal", 1, "ok", null, court);
//                  ^ 'string' is not assignable to parameter of type 'Metric'
client.record("ws", "outer_api", "legal", 1, "ok", null, {}, given);
//                                                       ^ Property 'court' is missing
client.record("ws", "outer_api", "legal", 1, "ok", null, court, { model: "small" });
//                                                              ^ Property 'vendor' is missing
client.record("ws", "outer_api", "legal", 1, "ok", null, court, { ...given, vendor: "other" });
//                                                                          ^ '"other"' is not assignable to type '"jusbrasil"'
client.record("ws", "outer_api", "legal", 1, "ok", null, court, { ...given, cost: 2 });
//                                                                          ^ '2' is not assignable to type '(Amount & (0 | 0.00005 | 1000000))
client.record("ws", "outer_api", "legal", 1, "ok", null, court, { ...given, model: null });
//                                                                          ^ 'null' is not assignable to type '"large \"é\"" | "small"'
client.record("ws", "outer_api", "search", 1, "ok", null, null, { vendor: "x", model: "huge" });
//                                                                             ^ '"huge"' is not assignable to type
client.record("ws", legal);
//     ^ Expected 3 arguments, but got 2.
client.record("ws", legal, { ...given });
//                         ^ Property 'metadata' is missing
client.record("ws", search, { model: "small" });
//                          ^ Property 'vendor' is missing
client.recordMetric("ws", search);
//     ^ Expected 7 arguments, but got 2.
client.log("ws", "outer_api", "search", "closed");
//     ^ Expected 7 arguments, but got 4.

const metric = findMetric("outer_api", "legal");
if (metric !== undefined) {
  client.record("ws", metric, { quantity: 2 });
}
const name: string = "legal";
if (isMetricType("outer_api", name)) {
  client.record("ws", "outer_api", name, 1);
}
