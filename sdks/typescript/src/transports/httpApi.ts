/**
 * One connection to the HTTP API, and what its answers mean for events.
 *
 * It is Node's own client, as the global `fetch` keeps the process alive while it waits, and is often
 * replaced by tests and by monitoring. No redirect is followed: the API key is for this server alone.
 */

import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { describeError } from "../describe.js";
import { clientName } from "../generated/settings.js";
import { finalStatuses } from "../generated/spool.js";
import { isApiKey, PasswordFile, type Secret } from "../secret.js";
import type { Settings } from "../settings.js";
import { clearTimeout, setTimeout } from "../timers.js";

const path = "/v1/events/encoded";
const ok = 200;
const unauthorized = 401;
// The server itself waits up to 30 s for Kafka.
const longestRequest = 40_000;
// An answer is short; what is longer comes from something else.
const longestAnswer = 65_536;
const longestReason = 300;

/** Why the server did not take the events of a request. */
export interface Refused {
  readonly reason: string;
  /** Whether it refuses them permanently. */
  readonly isFinal: boolean;
  /** The place of the one event that it refuses; undefined if it does not say. */
  readonly index?: number | undefined;
  /** How long it asks to wait, in milliseconds. */
  readonly retryAfterMs: number;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string;
  readonly text: string;
}

/** Posts events over one connection, which is opened again when it is needed. */
export class HttpApi {
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #timeoutMs: number;
  readonly #key: ApiKey;
  readonly #closing = new AbortController();

  constructor(settings: Settings, warn: (text: string) => void) {
    this.#url = new URL((settings.httpUrl ?? "").replace(/\/+$/, ""));
    const Connections = this.#isSecure ? SecureAgent : Agent;
    const { httpCaLocation: path } = settings;
    const trusted = path === undefined ? {} : { ca: readFileSync(path) };
    this.#agent = new Connections({ keepAlive: true, maxSockets: 1, ...trusted });
    this.#timeoutMs = Math.min(longestRequest, settings.deliveryTimeoutMs);
    this.#key = new ApiKey(settings, warn);
  }

  /** Resolves to undefined once the server has all events, else to why not. */
  async post(events: readonly Buffer[]): Promise<Refused | undefined> {
    const body = Buffer.concat(
      events.flatMap((event, at) => (at > 0 ? [newline, event] : [event])),
    );
    try {
      let answer = await this.#send("POST", path, body);
      if (answer.status === unauthorized && this.#key.renew()) {
        answer = await this.#send("POST", path, body);
      }
      return this.#read(answer, events.length);
    } catch (error) {
      const reason = this.#key.hide(`${this.#url.host}: ${describeError(error)}`);
      return { reason, isFinal: false, retryAfterMs: 0 };
    }
  }

  /** Resolves once the server answers anything. */
  async reach(): Promise<void> {
    await this.#send("GET", "/healthz");
  }

  /** Closes the connection, and ends a request that is under way. */
  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  get #isSecure(): boolean {
    return this.#url.protocol === "https:";
  }

  async #send(method: string, to: string, body?: Buffer): Promise<Answer> {
    const wasUsed = { connection: false };
    try {
      return await this.#exchange(method, to, body, wasUsed);
    } catch (error) {
      if (!wasUsed.connection || this.#closing.signal.aborted) {
        throw error;
      }
      // The server has closed a connection that was idle.
      return await this.#exchange(method, to, body, wasUsed);
    }
  }

  async #exchange(
    method: string,
    to: string,
    body: Buffer | undefined,
    wasUsed: { connection: boolean },
  ): Promise<Answer> {
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      signal: this.#closing.signal,
      headers: {
        "User-Agent": clientName,
        Authorization: `Bearer ${this.#key.current().reveal()}`,
        ...(body && { "Content-Type": "application/x-ndjson", "Content-Length": body.length }),
      },
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const target = new URL(`${this.#url.pathname.replace(/\/$/, "")}${to}`, this.#url);
    const sent = (this.#isSecure ? secureRequest : request)(target, options, resolve);
    sent.on("error", reject);
    sent.on("socket", (socket) => {
      socket.unref(); // what is queued need not keep the process alive
      wasUsed.connection = sent.reusedSocket;
    });
    const timer = setTimeout(() => {
      sent.destroy(new Error(`no answer within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    timer.unref();
    try {
      sent.end(body);
      const response = await promise;
      const { statusCode: status = 0, headers } = response;
      return { status, retryAfter: headers["retry-after"] ?? "", text: await textOf(response) };
    } finally {
      clearTimeout(timer);
    }
  }

  #read({ status, retryAfter, text }: Answer, events: number): Refused | undefined {
    const document = parse(text);
    if (status === ok && document["events"] === events) {
      return undefined;
    }
    const { code, message, index } = Object(document["error"]) as Record<string, unknown>;
    const said = status === ok ? ", but not by the API" : code ? ` ${code}: ${message}` : "";
    const isPlace = Number.isInteger(index) && 0 <= Number(index) && Number(index) < events;
    return {
      reason: this.#key.hide(`HTTP ${status}${said}`.slice(0, longestReason)),
      isFinal: finalStatuses.has(status),
      index: isPlace ? Number(index) : undefined,
      retryAfterMs: /^\d{1,6}$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : 0,
    };
  }
}

/** The API key: fixed, or from a file that may be replaced by one with another. */
class ApiKey {
  readonly #file: PasswordFile | undefined;
  readonly #warn: (text: string) => void;
  #key: Secret | undefined;

  constructor({ httpToken, httpTokenFile: file }: Settings, warn: (text: string) => void) {
    this.#key = httpToken;
    this.#warn = warn;
    this.#file = file === undefined ? undefined : new PasswordFile(file, warn);
  }

  current(): Secret {
    if (this.#key === undefined) {
      this.renew();
    }
    if (this.#key === undefined) {
      throw new Error("there is no API key");
    }
    return this.#key;
  }

  /** Reads the file again, and reports whether it has another key. */
  renew(): boolean {
    const latest = this.#file?.latest();
    if (latest === undefined || latest.reveal() === this.#key?.reveal()) {
      return false;
    }
    if (!isApiKey(latest.reveal())) {
      this.#warn("the file of the API key does not contain one");
      return false;
    }
    this.#key = latest;
    return true;
  }

  hide(text: string): string {
    return this.#key === undefined ? text : text.replaceAll(this.#key.reveal(), `${this.#key}`);
  }
}

const newline = Buffer.from("\n");

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length > longestAnswer) {
      break; // which closes the connection
    }
  }
  return Buffer.concat(parts).toString();
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
