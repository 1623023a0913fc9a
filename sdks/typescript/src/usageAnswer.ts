/** What an answer of the HTTP API means for the caller: a result, an error, or another attempt. */

const limited = 429;
const limitedMs = 5000;
const mostLimited = 3;
const redirected =
  "it redirects, and the key is for this server alone: use the address it redirects to";

/** What is wrong with one event, as far as it is known. */
export interface UsageProblem {
  readonly index?: number;
  readonly field?: string;
  readonly code?: string;
  readonly message?: string;
  readonly [name: string]: unknown;
}

/** The document of an answer, with the names of `docs/http-api.md`. */
export type UsageDocument = Readonly<Record<string, unknown>>;

/** The HTTP API refuses a request for good, or its arguments are invalid. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The status of HTTP; 0 if nothing was sent or answered. */
  readonly status: number;
  /** One of `docs/errors.md`; empty if there is none. */
  readonly code: string;
  /** What is wrong with each event. */
  readonly details: readonly UsageProblem[];

  constructor(message: string, details: readonly UsageProblem[] = [], status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** Returns the error of arguments that are not sent. */
export function localError(problems: readonly UsageProblem[]): UsageError {
  const [{ index, field, message } = {}] = problems;
  const place = index === undefined ? "" : `event ${index}: `;
  return new UsageError(`${place}invalid ${field}: ${message}`, problems);
}

/** An answer, or why there is none. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string;
  readonly text: string;
  /** Why there is none; empty if there is one. */
  readonly reason: string;
}

/** Returns why an answer is no success, for a log. */
export function reasonOf({ status, reason }: Answer): string {
  return reason || `HTTP ${status}`;
}

/** Reports whether another attempt may succeed. */
export function canPass({ status, reason }: Answer): boolean {
  return reason !== "" || status === limited || status >= 500;
}

/** Counts the attempts of one request, besides those that are answered 429. */
export class Attempts {
  readonly #most: number;
  #failed = 0;
  #limited = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns how many milliseconds to wait before the next attempt; undefined if there is none. */
  pauseMs({ status, retryAfter }: Answer): number | undefined {
    if (status === limited) {
      this.#limited += 1;
      const given = retryAfter.trim();
      const pauseMs = /^\d{1,6}$/.test(given) ? Number(given) * 1000 : limitedMs;
      return this.#limited === mostLimited ? undefined : pauseMs;
    }
    this.#limited = 0;
    this.#failed += 1;
    return this.#failed === this.#most ? undefined : 1000 * 2 ** (this.#failed - 1);
  }
}

/**
 * Returns the document of an answer, which has what is expected.
 *
 * @throws UsageError if it is an error, if events were left out, or if it is not of the API.
 */
export function read({ status, text }: Answer, expected?: "id" | "ids"): UsageDocument {
  const document = parse(text);
  if (400 <= status && status < 500) {
    throw refusal(status, document ?? {});
  }
  // Browsers hide everything of a redirect, its status too.
  if (status === 0 || (300 <= status && status < 400)) {
    throw new UsageError(`HTTP ${status}: ${redirected}`, [], status);
  }
  if (status < 200 || status >= 300 || document === undefined) {
    throw notOfTheApi(status);
  }
  for (const name of ["rejected", "quarantined"]) {
    const leftOut = problemsOf(document[name]);
    if (leftOut.length > 0) {
      throw new UsageError(`${leftOut.length} events are ${name}`, leftOut, status);
    }
  }
  const found = expected === undefined || document[expected];
  if (found !== true && !(expected === "id" ? typeof found === "string" : Array.isArray(found))) {
    throw notOfTheApi(status);
  }
  return document;
}

function notOfTheApi(status: number): UsageError {
  return new UsageError(`HTTP ${status}: the answer is not the API's`, [], status);
}

function refusal(status: number, document: UsageDocument): UsageError {
  const given = document["error"];
  const error = isObject(given) ? given : {};
  const { code = "", message = "", details } = error;
  const found = problemsOf(details);
  const problems = found.length > 0 || error !== given ? found : [error];
  const said = code === "" ? "" : ` ${code}: ${message}`;
  return new UsageError(`HTTP ${status}${said}`, problems, status, String(code));
}

/** Returns what is wrong with events, in whatever form it is answered. */
function problemsOf(given: unknown): UsageProblem[] {
  const items: unknown[] = Array.isArray(given) ? given : given ? [given] : [];
  return items.map((item) => (isObject(item) ? item : { message: item as string }));
}

function isObject(value: unknown): value is UsageDocument {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(text: string): UsageDocument | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return isObject(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
