import { EkaClient, isMetricType, isProduct, metrics } from "../../src/index.js";

const client = new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:9092" });

client.record("ws", "api", "api_call", 1, "ok");
client.record("ws", "api", "sms");
//                         ^ '"sms"' is not assignable to parameter of type '"api_call" | "api_error"'
client.record("ws", "ap", "api_call");
//                  ^ '"ap"' is not assignable to parameter of type '"abdm" | "agent" | "api"
client.record("ws", "api", "api_call", 1, "okay");
//                                        ^ '"okay"' is not assignable to parameter of type '"error" | "ok" | undefined'
client.record("ws", "api", "api_call", "1");
//                                     ^ '"1"' is not assignable to parameter of type 'number | bigint | undefined'
client.record("ws", "api", "api_call", 1, "ok", null, []);
//                                                    ^ 'never[]' is not assignable to parameter of type
client.record("ws", "api", "api_call", 1, "ok", null, {}, { eventID: "x" });
//                                                          ^ 'eventID' does not exist in type 'RecordOptions'
client.record(5, "api", "api_call");
//            ^ 'number' is not assignable to parameter of type 'string'

client.recordMetric("ws", metrics.api.api_call);
client.recordMetric("ws", metrics.api.sms);
//                                    ^ Property 'sms' does not exist on type
client.recordMetric("ws", { product: "api", metricType: "sms" });
//                        ^ '"sms"' is not assignable to type

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
