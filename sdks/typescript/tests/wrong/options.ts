import { EkaClient } from "../../src/index.js";

new EkaClient({ serviceName: "tests" });
new EkaClient({});
//            ^ Property 'serviceName' is missing in type '{}'
new EkaClient({ serviceName: "tests", kafkaBroker: "127.0.0.1:9092" });
//                                    ^ 'kafkaBroker' does not exist in type 'EkaClientOptions'
new EkaClient({ serviceName: "tests", compression: "lzma" });
//                                    ^ '"lzma"' is not assignable to type '"gzip" | "lz4" | "none"
new EkaClient({ serviceName: "tests", acks: "0" });
//                                    ^ '"0"' is not assignable to type '"1" | "all" | undefined'
new EkaClient({ serviceName: "tests", flushIntervalMs: "50" });
//                                    ^ 'string' is not assignable to type 'number'
new EkaClient({ serviceName: "tests", onError: (error) => error.problem });
//                                                              ^ 'problem' does not exist on type 'EkaError'
new EkaClient({ serviceName: "tests", producer: { send: () => 1 } });
//                                                            ^ 'number' is not assignable to type 'Promise<unknown>'
