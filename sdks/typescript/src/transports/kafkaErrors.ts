/** Interprets the errors of @platformatic/kafka, which are nested, for the batch that failed. */

import { describeError } from "../describe.js";
import { finalErrors } from "../generated/spool.js";
import { SendError } from "./transport.js";

const unknownTopic = "UNKNOWN_TOPIC_OR_PARTITION";

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
    const retry = response["canRetry"] === true ? "counted" : "never";
    return new SendError(text, retry, isFinal(error));
  }
  return new SendError(lastReason(error), "always");
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
