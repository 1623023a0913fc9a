/** Interprets the errors of @platformatic/kafka, which are nested, for the batch that failed. */

import { describeError } from "../describe.js";
import { finalErrors } from "../generated/spool.js";
import { SendError } from "./transport.js";

const unknownTopic = "UNKNOWN_TOPIC_OR_PARTITION";
// Not about a batch: a partition is between two leaders or lacks replicas, or a disk failed.
const transient: ReadonlySet<unknown> = new Set([
  "BROKER_NOT_AVAILABLE",
  "FENCED_LEADER_EPOCH",
  "KAFKA_STORAGE_ERROR",
  "LEADER_NOT_AVAILABLE",
  "LISTENER_NOT_FOUND",
  "NETWORK_EXCEPTION",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "NOT_LEADER_OR_FOLLOWER",
  "REPLICA_NOT_AVAILABLE",
  "REQUEST_TIMED_OUT",
  "UNKNOWN_LEADER_EPOCH",
]);

/** Converts the error of a batch to a SendError, which determines whether it is sent again. */
export function sendError(error: unknown, topic: string): SendError {
  const all = [...flat(error)];
  const response = all.find((inner) => typeof inner["apiId"] === "string");
  if (response?.["apiId"] === unknownTopic || all.some(isUnknownTopic)) {
    // It may be created later, and the library itself does not retry.
    return new SendError(`unknown topic '${topic}': create it first`, "always");
  }
  const unsupported = all.find(isUnsupported);
  if (unsupported !== undefined) {
    return new SendError(describeError(unsupported), "never");
  }
  if (response !== undefined) {
    const text = `${describeError(response)} [${String(response["apiId"])}]`;
    return new SendError(text, retryOf(response), isFinal(error));
  }
  return new SendError(lastReason(error), "always");
}

function retryOf({ apiId, canRetry }: Properties): SendError["retry"] {
  if (transient.has(apiId)) {
    return "always";
  }
  return canRetry === true ? "counted" : "never";
}

/** Reports whether Kafka rejected a batch permanently. */
export function isFinal(error: unknown): boolean {
  return [...flat(error)].some((inner) => finalErrors.has(Number(inner["apiCode"])));
}

type Properties = Error & Readonly<Record<string, unknown>>;

/** Yields an error and those that it aggregates; not its causes, which are not broker responses. */
function* flat(error: unknown): Generator<Properties> {
  if (error instanceof Error) {
    yield error as Properties;
  }
  for (const inner of error instanceof AggregateError ? (error.errors as unknown[]) : []) {
    yield* flat(inner);
  }
}

function isUnknownTopic({ message }: Error): boolean {
  return message.startsWith("Unknown topic ");
}

function isUnsupported(error: Properties): boolean {
  return String(error["code"]).startsWith("PLT_KFK_UNSUPPORTED");
}

/** Describes the last attempt and its causes, which is the most useful part. */
function lastReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return lastReason((error.errors as unknown[]).at(-1));
  }
  if (!(error instanceof Error)) {
    return describeError(error);
  }
  const cause = error.cause === undefined ? "" : ` ${lastReason(error.cause)}`;
  return `${error.message}${cause}`;
}
