/** The client of the HTTP API, which needs nothing of Node: `@eka-care/usage-sdk/http`. */

export type { UsageInput } from "./calls.js";
export { decimal } from "./decimal.js";
export type { ListEventsQuery, UsageQuery } from "./generated/queries.js";
export {
  type UsageDocument,
  UsageError,
  type UsageProblem,
} from "./usageAnswer.js";
export { UsageClient, type UsageClientOptions } from "./usageClient.js";
export type { NamedUsage, UsageEventInput } from "./usageEvent.js";
