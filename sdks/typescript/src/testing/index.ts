/** Support for the tests of a service: usage is collected in memory, to assert on. */

export type { UsageEvent } from "../generated/event.js";
export type { ExpectedEvent } from "./matching.js";
export { InMemoryProducer } from "./producer.js";
