/** The outcomes of events: counted, and reported to the caller. */

import { EventCounts } from "./counting.js";
import { describeError } from "./describe.js";
import {
  DeliveryError,
  EkaError,
  type ErrorContext,
  message,
  ShutdownTimeoutError,
} from "./errors.js";
import { type Counters, Ledger } from "./ledger.js";
import type { OutboxListener } from "./outbox.js";
import { type Logger, type OnError, Reporter } from "./reporting.js";
import { isInstance } from "./safely.js";
import type { SpoolStats } from "./spool/spool.js";

/** What identifies an event, as far as it is known. */
export type Identity = Omit<ErrorContext, "code" | "reason" | "field" | "topic">;

/** What is known of a call that was not accepted. */
export interface Rejected {
  readonly identity: Identity;
  readonly quantity?: unknown;
}

/** Counts and reports the outcomes of one client's events. */
export class Outcomes implements OutboxListener {
  readonly #ledger = new Ledger();
  readonly #reporter: Reporter;
  readonly #topic: string;
  #counts: EventCounts | undefined;

  constructor(onError: OnError | undefined, topic: string, logger?: Logger) {
    this.#reporter = new Reporter(onError, logger);
    this.#topic = topic;
  }

  /** The counts by product, metric type and status; undefined until `count()`. */
  get counts(): EventCounts | undefined {
    return this.#counts;
  }

  /** Counts by product, metric type and status from now on. */
  count(): void {
    this.#counts ??= new EventCounts();
  }

  /** Counts and reports an event that was not accepted. */
  rejected(raised: unknown, { identity, quantity }: Rejected): void {
    this.report(this.countRejected(raised, { identity, quantity }), identity);
  }

  /**
   * Counts the events of a call that was not accepted, and reports the first that is invalid.
   *
   * @param calls What was given as the events, of which `about` returns what is known.
   * @param index The place of the invalid one.
   */
  batchRejected<C>(
    raised: unknown,
    calls: readonly C[],
    index: number | undefined,
    about: (call: C) => Rejected,
  ): void {
    const error = this.#reject(raised, calls.length);
    for (const call of this.#counts === undefined ? [] : calls) {
      const { identity, quantity } = about(call);
      this.#counts?.reject(identity, quantity);
    }
    const events = calls.length;
    const identity = index === undefined ? {} : { ...about(calls[index] as C).identity, index };
    if (index !== undefined) {
      error.message = `event ${index + 1} of ${events}: ${error.message}`;
    }
    this.report(error, identity);
  }

  /** Counts an event that was not accepted, and returns why. */
  countRejected(raised: unknown, { identity, quantity }: Rejected): EkaError {
    this.#counts?.reject(identity, quantity);
    return this.#reject(raised, 1);
  }

  #reject(raised: unknown, events: number): EkaError {
    const error = isInstance(raised, EkaError)
      ? raised
      : new DeliveryError("delivery.failed", unexpected(raised));
    this.#ledger.reject(error.code, events);
    return error;
  }

  delivered(events: number): void {
    this.#ledger.deliver(events);
  }

  failed(event: Buffer, reason: string, isGivenUp: boolean): void {
    const [kind, code] = isGivenUp
      ? ([ShutdownTimeoutError, "shutdown.timeout"] as const)
      : ([DeliveryError, "delivery.failed"] as const);
    this.#ledger.fail();
    const fields = fieldsOf(event);
    const identity = identityOf(fields);
    this.#counts?.fail(identity, fields["quantity"]);
    this.report(new kind(code, message(code, { hint: reason })), identity);
  }

  adoptedFailed(event: Buffer, reason: string): void {
    const text = message("delivery.failed", { hint: reason });
    this.report(new DeliveryError("delivery.failed", text), identityOf(fieldsOf(event)));
  }

  /** Logs an accepted event. */
  accepted(json: string): void {
    this.#reporter.accepted(json);
  }

  warn(text: string): void {
    this.#reporter.warn(text);
  }

  /** Reports an error. */
  report(error: EkaError, identity: Identity): void {
    const { code, reason, field } = error;
    this.#reporter.report(error, { code, reason, field, topic: this.#topic, ...identity });
  }

  /** Returns the counters. */
  stats(accepted: number, spool: SpoolStats | undefined): Counters {
    return this.#ledger.stats(accepted, spool);
  }

  /** Logs how many errors were suppressed since the last line. */
  close(): void {
    this.#reporter.close();
  }
}

function unexpected(raised: unknown): string {
  return message("delivery.failed", { hint: `unexpected error: ${describeError(raised)}` });
}

function fieldsOf(event: Buffer): Record<string, unknown> {
  return JSON.parse(event.toString()) as Record<string, unknown>;
}

function identityOf(fields: Record<string, unknown>): Identity {
  return {
    eventId: fields["event_id"],
    workspaceId: fields["workspace_id"],
    product: fields["product"],
    metricType: fields["metric_type"],
    status: fields["status"],
  };
}
