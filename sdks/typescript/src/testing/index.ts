/** For the tests of a service: usage is collected in memory, and can be asserted on. */

export type { UsageEvent } from "../generated/event.js";
export type { ExpectedEvent } from "./matching.js";
export { InMemoryProducer } from "./producer.js";
