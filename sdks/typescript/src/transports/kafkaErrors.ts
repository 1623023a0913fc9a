/** What an error of @platformatic/kafka means for a batch. Its errors are nested in each other. */

import { describeError } from "../describe.js";
import { finalErrors } from "../generated/spool.js";
import { SendError } from "./transport.js";

const unknownTopic = "UNKNOWN_TOPIC_OR_PARTITION";

/** The fault of a batch, in words, and when to send it again. */
export function sendError(error: unknown, topic: string): SendError {
  const all = [...flat(error)];
  const answer = all.find((inner) => typeof inner["apiId"] === "string");
  if (answer?.["apiId"] === unknownTopic || all.some(isUnknownTopic)) {
    // It may be about to be created; the library would not ask again.
    return new SendError(`unknown topic '${topic}': it has to be created first`, "always");
  }
  const unsupported = all.find(isUnsupported);
  if (unsupported !== undefined) {
    return new SendError(describeError(unsupported), "never");
  }
  if (answer !== undefined) {
    const text = `${describeError(answer)} [${String(answer["apiId"])}]`;
    const retry = answer["canRetry"] === true ? "counted" : "never";
    return new SendError(text, retry, isFinal(error));
  }
  return new SendError(reason(error), "always");
}

/** Whether Kafka refused for a reason that does not pass. */
export function isFinal(error: unknown): boolean {
  return [...flat(error)].some((inner) => finalErrors.has(Number(inner["apiCode"])));
}

type Properties = Error & Readonly<Record<string, unknown>>;

/** An error, and those that it gathers; not its causes, which are no answers of a broker. */
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

/** The last of what was tried, and why that failed, which is what helps. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return reason((error.errors as unknown[]).at(-1));
  }
  if (!(error instanceof Error)) {
    return describeError(error);
  }
  const cause = error.cause === undefined ? "" : ` ${reason(error.cause)}`;
  return `${error.message}${cause}`;
}
