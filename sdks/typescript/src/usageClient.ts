/** The client of the HTTP API, by the `fetch` of browsers, Node, Bun, Deno and edge runtimes. */

import { describeValue } from "./describe.js";
import {
  type ListEventsQuery,
  listEventsQuery,
  type UsageQuery,
  usageQuery,
} from "./generated/queries.js";
import type { QueryParameters } from "./tables.js";
import {
  type Answer,
  Attempts,
  canPass,
  localError,
  read,
  reasonOf,
  type UsageDocument,
  UsageError,
} from "./usageAnswer.js";
import { encodeEvents, type UsageEventInput } from "./usageEvent.js";
import { queryOf } from "./usageQuery.js";

const eventsPath = "/v1/events";
const usagePath = "/v1/usage";
/** What timers can wait for: 24 days. */
const longestMs = 2 ** 31 - 1;

/** Options of a `UsageClient`. */
export interface UsageClientOptions {
  /** The address of the API, such as `https://usage.example.com`. */
  readonly baseUrl: string;
  /** The name of the service, which each event gets. */
  readonly origin: string;
  /**
   * How long one attempt may take.
   *
   * @default 5000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How many attempts there are in all; those answered 429 do not count.
   *
   * @default 3
   */
  readonly maxRetries?: number | undefined;
  /**
   * Receives an error where events are given up.
   *
   * @default console
   */
  readonly logger?: { error(text: string): unknown } | undefined;
  /** Waits between attempts, for tests. */
  readonly sleep?: ((milliseconds: number) => Promise<unknown>) | undefined;
}

interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token: string;
  readonly body?: string;
  /** What its answer has. */
  readonly answers?: "id" | "ids";
}

/**
 * Sends events to the HTTP API, and asks it, for programs without the SDK's own delivery.
 *
 * A call waits for its answer. What cannot be sent after all attempts is logged and lost: use `EkaClient`
 * with `EKA_TRANSPORT=http` where no event may be. The key is given to each call.
 *
 * @example
 * const usage = new UsageClient({ baseUrl: "https://usage.example.com", origin: "billing-api" });
 * await usage.emit(token, { workspaceId: "workspace-1", eventType: "api.api_call" });
 *
 * @throws UsageError if an option is invalid.
 */
export class UsageClient {
  readonly #baseUrl: string;
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #logger: { error(text: string): unknown };
  readonly #sleep: (milliseconds: number) => Promise<unknown>;

  constructor(options: UsageClientOptions) {
    const { baseUrl, origin, timeoutMs = 5000, maxRetries = 3 } = options;
    const address = "http://host or https://host, without a user, a query or a fragment";
    // It may have a password.
    check(
      "baseUrl",
      isUrl(baseUrl),
      address,
      String(baseUrl).includes("@") ? "an address" : baseUrl,
    );
    const isNamed = typeof origin === "string" && origin.trim() !== "";
    check("origin", isNamed, "the name of the service", origin);
    const isTime = typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= longestMs;
    check("timeoutMs", isTime, `more than 0, and at most ${longestMs}`, timeoutMs);
    const isCount = Number.isInteger(maxRetries) && maxRetries >= 1;
    check("maxRetries", isCount, "an integer of at least 1", maxRetries);
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
    this.#maxRetries = maxRetries;
    this.#logger = options.logger ?? console;
    this.#sleep = options.sleep ?? wait;
  }

  /**
   * Sends one event; resolves to its id, or to undefined if it was given up, which is logged. Rejects
   * with a UsageError if the event is invalid or the server refuses it.
   */
  async emit(token: string, event: UsageEventInput): Promise<string | undefined> {
    const body = encodeEvents([event], this.#origin, true);
    const answered = await this.#send({
      method: "POST",
      path: eventsPath,
      token,
      body,
      answers: "id",
    });
    return answered?.["id"] as string | undefined;
  }

  /**
   * Sends 1 to 500 events, all or none; resolves to their ids, or to undefined if they were given up,
   * which is logged. Rejects with a UsageError whose `details` name each event that is invalid.
   */
  async emitMany(
    token: string,
    events: readonly UsageEventInput[],
  ): Promise<readonly string[] | undefined> {
    const body = encodeEvents(events, this.#origin);
    const answered = await this.#send({
      method: "POST",
      path: eventsPath,
      token,
      body,
      answers: "ids",
    });
    return answered?.["ids"] as readonly string[] | undefined;
  }

  /** Resolves to events and what became of them, as `docs/http-api.md` describes. */
  async listEvents(token: string, filters?: ListEventsQuery): Promise<UsageDocument> {
    return await this.#get(eventsPath, token, filters, listEventsQuery);
  }

  /** Resolves to what was used, as `docs/http-api.md` describes. */
  async usage(token: string, query?: UsageQuery): Promise<UsageDocument> {
    return await this.#get(usagePath, token, query, usageQuery);
  }

  async #get(
    path: string,
    token: string,
    query: object | undefined,
    known: QueryParameters,
  ): Promise<UsageDocument> {
    const parameters = String(queryOf(query, known));
    const asked = parameters === "" ? path : `${path}?${parameters}`;
    return (await this.#send({ method: "GET", path: asked, token })) ?? {};
  }

  async #send(request: Request): Promise<UsageDocument | undefined> {
    const isKey = typeof request.token === "string" && /^[\x21-\x7e]+$/.test(request.token);
    if (!isKey) {
      throw localError([{ field: "token", message: "expected an API key" }]);
    }
    const attempts = new Attempts(this.#maxRetries);
    for (;;) {
      const answer = await this.#try(request);
      if (!canPass(answer)) {
        return read(answer, request.answers);
      }
      const pauseMs = attempts.pauseMs(answer);
      if (pauseMs !== undefined) {
        await this.#sleep(pauseMs);
      } else if (request.body === undefined) {
        throw new UsageError(`no answer: ${reasonOf(answer)}`, [], answer.status);
      } else {
        this.#logger.error(`events not sent, given up: ${reasonOf(answer)} (token ***)`);
        return undefined;
      }
    }
  }

  async #try({ method, path, token, body }: Request): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    try {
      const response = await fetch(`${this.#baseUrl}${path}`, {
        method,
        headers,
        ...(body !== undefined && { body }),
        redirect: "manual", // the key is for this server alone
        signal: AbortSignal.timeout(Math.ceil(this.#timeoutMs)),
      });
      const retryAfter = response.headers.get("retry-after") ?? "";
      return { status: response.status, retryAfter, text: await response.text(), reason: "" };
    } catch (error) {
      const { message = error, cause } = Object(error) as { message?: unknown; cause?: unknown };
      const why = cause === undefined ? String(message) : `${String(message)}: ${String(cause)}`;
      return { status: 0, retryAfter: "", text: "", reason: why.replaceAll(token, "***") };
    }
  }
}

function isUrl(text: unknown): boolean {
  const isBare = typeof text === "string" && /^https?:\/\/(?!.*[?#@])[\x21-\x7e]+$/.test(text);
  return isBare && URL.canParse(text) && new URL(text).port !== "0";
}

function check(field: string, isValid: boolean, expected: string, value: unknown): void {
  if (!isValid) {
    const message = `expected ${expected}, got ${describeValue(value)}`;
    throw localError([{ field, message }]);
  }
}

async function wait(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
