import { decimal, EkaClient, isMetricType, isProduct, metrics } from "../../src/index.js";

const client = new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:9092" });

client.record("ws", "api", "api_call", 1, "ok");
client.record("ws", "api", "sms");
//                         ^ '"sms"' is not assignable to parameter of type '"api_call" | "api_error"'
client.record("ws", "ap", "api_call");
//                  ^ '"ap"' is not assignable to parameter of type '"abdm" | "agent" | "api"
client.record("ws", "api", "api_call", 1, "okay");
//                                        ^ '"okay"' is not assignable to parameter of type '"error" | "ok" | undefined'
client.record("ws", "api", "api_call", "1");
//                                     ^ '"1"' is not assignable to parameter of type 'Amount | undefined'
client.record("ws", "api", "api_call", 1, "ok", null, []);
//                                                    ^ 'never[]' is not assignable to parameter of type
client.record("ws", "api", "api_call", 1, "ok", null, {}, { eventID: "x" });
//                                                          ^ 'eventID' does not exist in type 'RecordOptions'
client.record(5, "api", "api_call", 1, "ok", null, null, { eventId: 5n });
client.record(true, "api", "api_call");
//            ^ 'boolean' is not assignable to parameter of type 'Id'

client.record("ws", "api", "api_call", 1, "ok", null, new Map());
//                                                    ^ 'Map<any, any>' is not assignable to parameter of type
client.record("ws", "api", "api_call", 1, "ok", null, Promise.resolve({}));
//                                                    ^ 'Promise<{}>' is not assignable to parameter of type
client.record("ws", "api", "api_call", 1, "ok", null, () => ({}));
//                                                    ^ '() => {}' is not assignable to parameter of type
client.record("ws", "api", "api_call", 1, "ok", null, {}, "order-7");
//                                                        ^ '"order-7"' has no properties in common with type 'RecordOptions'

client.record("ws", metrics.api.api_call);
client.record("ws", metrics.api.api_call, { quantity: 2n, status: "error", eventId: "x" });
client.record("ws", metrics.api.api_call, { event_id: "x" });
//                                          ^ 'event_id' does not exist in type 'UsageDetails'
client.record("ws", metrics.api.api_call, { quantity: "2" });
//                                          ^ 'string' is not assignable to type 'Amount | undefined'
client.record("ws", metrics.api.api_call, { unitCost: decimal("0.1"), quantity: decimal("2") });
client.record("ws", { product: "api", metricType: "sms" }, {});
//                                    ^ '"sms"' is not assignable to type '"api_call" | "api_error"'
client.record("ws", "api", { quantity: 2 });
//                         ^ is not assignable to parameter of type '"api_call" | "api_error"'

client.recordMetric("ws", metrics.api.api_call);
client.recordMetric("ws", metrics.api.sms);
//                                    ^ Property 'sms' does not exist on type
client.recordMetric("ws", { product: "api", metricType: "sms" });
//                        ^ '"sms"' is not assignable to type

client.recordMany([
  { workspaceId: "ws", ...metrics.api.api_call, quantity: 2n, runId: "r" },
  { workspaceId: 5, product: "api", metricType: "api_call", cost: decimal("0.1") },
]);
client.recordMany([{ workspaceId: "ws", product: "api", metricType: "sms" }]);
//                 ^ Types of property 'metricType' are incompatible
client.recordMany([{ workspaceId: "ws", ...metrics.api.api_call, quantity: "2" }]);
//                                                               ^ 'string' is not assignable to type
client.recordMany([{ workspaceId: "ws", ...metrics.api.api_call, event_id: "e" }]);
//                                                               ^ 'event_id' does not exist in type
client.recordAmounts("ws", [[metrics.api.api_call, 2, decimal("0.1")]], { eventId: "e" });
client.recordAmounts("ws", [[metrics.api.api_call, "2"]], { eventId: "e" });
//                                                 ^ 'string' is not assignable to type 'Amount'
client.recordAmounts("ws", [[metrics.api.api_call, 2]], {});
//                                                      ^ Property 'eventId' is missing
client.void("ws", metrics.api.api_call, "id", 5);
//                                            ^ 'number' is not assignable to parameter of type 'string'
client.sessionStart("ws", metrics.api.api_call, "s", { status: "ok" });
//                                                     ^ 'status' does not exist in type 'BoundaryDetails'
client.sessionEnd("ws", metrics.api.api_call, "s", { status: "ok", at: 5 });
client.session("ws", metrics.api.api_call).end("void");
//                                             ^ '"void"' is not assignable to parameter of type '"error" | "ok" | undefined'
client.record(undefined, metrics.api.api_call);
//            ^ 'undefined' is not assignable to parameter of type 'Id'
client.bind({ workspaceId: "ws" }).record(undefined, metrics.api.api_call);
client.bind({ runId: "r" }).record(undefined, metrics.api.api_call);
//                                 ^ 'undefined' is not assignable to parameter of type 'Id'

client.log("ws", "api", "api_error", "it broke", "warn");
//                                               ^ '"warn"' is not assignable to parameter of type
client.log("ws", "api", "sms", "it broke");
//                      ^ '"sms"' is not assignable to parameter of type '"api_call" | "api_error"'

const [product, metricType]: string[] = ["api", "api_call"];
if (isProduct(product) && isMetricType(product, metricType)) {
  client.record("ws", product, metricType);
}
client.record("ws", product ?? "", metricType);
//                  ^ 'string' is not assignable to parameter of type

declare const either: "api" | "comms";
client.record("ws", either, "sms");
//                          ^ '"sms"' is not assignable to parameter of type
client.log("ws", either, "api_call", "it broke");
//                       ^ '"api_call"' is not assignable to parameter of type
if (isMetricType(either, metricType)) {
  client.record("ws", either, metricType);
}

interface Details {
  readonly model: string;
}
class Call implements Details {
  readonly model = "m-2";
}
declare const details: Details;
client.record("ws", "api", "api_call", 1, "ok", null, details);
client.record("ws", metrics.api.api_call, { metadata: new Call() });
client.log("ws", "api", "api_error", "it broke", "error", details);
