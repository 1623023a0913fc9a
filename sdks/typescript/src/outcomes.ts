/** What becomes of events: counted in the books, and told to whoever has to know. */

import { describeError } from "./describe.js";
import {
  DeliveryError,
  EkaError,
  type ErrorContext,
  message,
  ShutdownTimeoutError,
} from "./errors.js";
import { Ledger, type Stats } from "./ledger.js";
import type { OutboxListener } from "./outbox.js";
import { type OnError, Reporter } from "./reporting.js";
import type { SpoolStats } from "./spool/spool.js";

/** What identifies an event, as far as it is known. */
export type Identity = Omit<ErrorContext, "code" | "reason" | "field" | "topic">;

/** The books and the voice of one client. */
export class Outcomes implements OutboxListener {
  readonly #ledger = new Ledger();
  readonly #reporter: Reporter;
  readonly #topic: string;

  constructor(onError: OnError | undefined, topic: string) {
    this.#reporter = new Reporter(onError);
    this.#topic = topic;
  }

  /** An event was not accepted. */
  rejected(raised: unknown, identity: Identity): void {
    const error =
      raised instanceof EkaError
        ? raised
        : new DeliveryError("delivery.failed", unexpected(raised));
    this.#ledger.reject(error.code);
    this.report(error, identity);
  }

  delivered(events: number): void {
    this.#ledger.deliver(events);
  }

  failed(event: Buffer, why: string, isGivenUp: boolean): void {
    const [kind, code] = isGivenUp
      ? ([ShutdownTimeoutError, "shutdown.timeout"] as const)
      : ([DeliveryError, "delivery.failed"] as const);
    this.#ledger.fail();
    this.report(new kind(code, message(code, { hint: why })), identityOf(event));
  }

  foreignFailed(event: Buffer, why: string): void {
    const words = message("delivery.failed", { hint: why });
    this.report(new DeliveryError("delivery.failed", words), identityOf(event));
  }

  warn(text: string): void {
    this.#reporter.warn(text);
  }

  /** Tells of an error. */
  report(error: EkaError, identity: Identity): void {
    const { code, reason, field } = error;
    this.#reporter.report(error, { code, reason, field, topic: this.#topic, ...identity });
  }

  /** The books, from what was accepted. */
  stats(accepted: number, spool: SpoolStats | undefined): Stats {
    return this.#ledger.stats(accepted, spool);
  }

  /** Says how many errors were held back and never mentioned. */
  close(): void {
    this.#reporter.close();
  }
}

function unexpected(raised: unknown): string {
  return message("delivery.failed", { hint: `unexpected ${describeError(raised)}` });
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
