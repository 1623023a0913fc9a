/** The outcomes of events: counted, and reported to the caller. */

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
import type { SpoolStats } from "./spool/spool.js";

/** What identifies an event, as far as it is known. */
export type Identity = Omit<ErrorContext, "code" | "reason" | "field" | "topic">;

/** Counts and reports the outcomes of one client's events. */
export class Outcomes implements OutboxListener {
  readonly #ledger = new Ledger();
  readonly #reporter: Reporter;
  readonly #topic: string;

  constructor(onError: OnError | undefined, topic: string, logger?: Logger) {
    this.#reporter = new Reporter(onError, logger);
    this.#topic = topic;
  }

  /** Counts and reports an event that was not accepted. */
  rejected(raised: unknown, identity: Identity): void {
    this.report(this.countRejected(raised, 1), identity);
  }

  /** Counts the events of a call that was not accepted, and reports the first that is invalid. */
  batchRejected(raised: unknown, events: number, identity: Identity): void {
    const error = this.countRejected(raised, events);
    if (identity.index !== undefined) {
      error.message = `event ${identity.index + 1} of ${events}: ${error.message}`;
    }
    this.report(error, identity);
  }

  /** Counts events that were not accepted, and returns why. */
  countRejected(raised: unknown, events: number): EkaError {
    const error =
      raised instanceof EkaError
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
    this.report(new kind(code, message(code, { hint: reason })), identityOf(event));
  }

  adoptedFailed(event: Buffer, reason: string): void {
    const text = message("delivery.failed", { hint: reason });
    this.report(new DeliveryError("delivery.failed", text), identityOf(event));
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

function identityOf(event: Buffer): Identity {
  const fields = JSON.parse(event.toString()) as Record<string, unknown>;
  return {
    eventId: fields["event_id"],
    workspaceId: fields["workspace_id"],
    product: fields["product"],
    metricType: fields["metric_type"],
    status: fields["status"],
  };
}
