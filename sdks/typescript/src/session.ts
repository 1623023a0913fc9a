/** Sessions in this process: clocks that become one event when they end. */

import { describeValue } from "./describe.js";
import { EkaError, message } from "./errors.js";
import type { Status } from "./generated/catalog.js";
import { logStatus } from "./generated/constants.js";
import type { Identity } from "./outcomes.js";

/** What a session is at its end. */
export interface Measured {
  /** The exact text of how many units it lasted. */
  readonly quantity: string;
  readonly status: Status | undefined;
  readonly occurredAt: Date;
}

/** What a session needs of its client. */
export interface SessionHost {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly monotonicClock: () => number;
  /** How many nanoseconds one unit has. */
  readonly unitNs: number;
  readonly identity: Identity;
  /** Records the event of the session, and returns its id. */
  readonly record: (measured: Measured) => string | undefined;
}

/**
 * A running clock, which records one event when it ends: `using session = client.session(…)`.
 *
 * JavaScript does not tell a disposed object whether its block threw: call `fail()` in the `catch`.
 */
export class Session implements Disposable {
  readonly #host: SessionHost | undefined;
  readonly #open: OpenSessions;
  readonly #startedAt: number;
  readonly #started: number;
  #status: Status | undefined;

  /** @internal */
  constructor(open: OpenSessions, host: SessionHost | undefined) {
    this.#open = open;
    this.#host = host;
    this.#startedAt = Math.floor(host?.clock() ?? 0);
    this.#started = host?.monotonicClock() ?? 0;
    if (host !== undefined) {
      open.add(this, host.identity);
    }
  }

  /**
   * Ends the session, and records its event. Never throws.
   *
   * @param status One of `statuses`, in place of that of the call.
   * @returns The event's id; undefined if it was not accepted, or the session has ended already.
   */
  end(status?: Status): string | undefined {
    const host = this.#host;
    if (host === undefined || !this.#open.delete(this)) {
      return undefined;
    }
    const elapsedMs = host.monotonicClock() - this.#started;
    const now = Math.floor(host.clock());
    const wallMs = now - this.#startedAt;
    return host.record({
      quantity: unitsIn(wallMs > 0 ? Math.min(elapsedMs, wallMs) : elapsedMs, host.unitNs),
      status: status ?? this.#status,
      // The start is in the future of a clock that was set back.
      occurredAt: new Date(Math.min(now, this.#startedAt)),
    });
  }

  /** Gives the session the status of errors, which is not billed, unless `end()` is given another. */
  fail(): void {
    this.#status = logStatus;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** The sessions of one client that have not ended. */
export class OpenSessions {
  readonly #sessions = new Map<Session, Identity>();

  add(session: Session, identity: Identity): void {
    this.#sessions.set(session, identity);
  }

  /** Removes a session; false if it has ended already. */
  delete(session: Session): boolean {
    return this.#sessions.delete(session);
  }

  /** Removes all, and reports each: nothing is recorded of what never ended. */
  abandon(report: (error: EkaError, identity: Identity) => void): void {
    const left = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const identity of left) {
      const { product, metricType, workspaceId } = identity;
      const names = `${String(product)}.${String(metricType)}`;
      const hint = `${names} of workspace ${describeValue(workspaceId)}, when the client shut down`;
      const text = message("session.unfinished", { hint });
      report(new EkaError("session.unfinished", text), identity);
    }
  }
}

const decimals = 12;

/** Returns how many units a time has, rounded half to even, as the text of an exact number. */
export function unitsIn(milliseconds: number, unitNs: number): string {
  const scaled = BigInt(Math.round(milliseconds * 1e6)) * 10n ** BigInt(decimals);
  const unit = BigInt(unitNs);
  const whole = scaled / unit;
  const twice = 2n * (scaled % unit);
  const isUp = twice > unit || (twice === unit && whole % 2n === 1n);
  return `${isUp ? whole + 1n : whole}e-${decimals}`;
}
