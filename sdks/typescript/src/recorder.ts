/** Accepts calls: checks, numbers and queues their events, all or none of one call. */

import {
  aboutAmount,
  aboutEvent,
  amountOf,
  checkCount,
  checkSize,
  invalidBatch,
  listOf,
  withDefault,
} from "./batch.js";
import { Bindings } from "./bind.js";
import { type CallOptions, type CallValues, readCall, readEvent } from "./callOptions.js";
import * as checks from "./checks.js";
import { decimal } from "./decimal.js";
import { camel, describeValue } from "./describe.js";
import { invalid, MetadataDegradedError, message, ValidationError } from "./errors.js";
import type { Encoded } from "./event.js";
import {
  batchCostField,
  defaultStatus,
  sessionBoundaryField,
  sessionField,
  voidField,
  voidReasonKept,
  voidReasonKey,
  voidStatus,
} from "./generated/constants.js";
import type { ClientCore } from "./lifecycle.js";
import { beginning } from "./metadata.js";
import type { Metric } from "./metric.js";
import { isZero } from "./number.js";
import type { Identity, Rejected } from "./outcomes.js";
import { Session, type SessionHost } from "./session.js";

/** Records for a client, or for one that is bound to it. */
export class Recorder {
  readonly core: ClientCore;
  readonly bindings: Bindings | undefined;

  constructor(core: ClientCore, bindings?: Bindings) {
    this.core = core;
    this.bindings = bindings;
  }

  /** Records one event, by position or by name, and returns its id; throws why it is rejected. */
  record(
    workspaceId: unknown,
    product: unknown,
    metricType: unknown,
    quantity: unknown,
    status: unknown,
    unitCost: unknown,
    metadata: unknown,
    options: unknown,
  ): string {
    this.#checkOpen();
    if (typeof product === "object" && product !== null) {
      const details = readCall("details", metricType);
      return this.#accept(this.#encodeCall(workspaceId, checks.metricNames(product), details));
    }
    if (options == null && this.bindings === undefined) {
      const { encoder } = this.core.instance;
      return this.#accept(
        encoder.encode(
          workspaceId,
          product,
          metricType,
          quantity,
          status,
          unitCost,
          metadata,
          undefined,
          0,
        ),
      );
    }
    const known = readCall("options", options);
    return this.#accept(
      this.#encode(workspaceId, product, metricType, quantity, status, unitCost, metadata, known),
    );
  }

  /** Records several events, and returns their ids; undefined if they are rejected. */
  recordMany(events: unknown): string[] | undefined {
    return this.#acceptAll("events", 1, events, aboutEvent, () => (event, ahead) => {
      const call = readEvent(event);
      return this.#encodeCall(call.workspaceId, call as Metric, call, ahead);
    });
  }

  /** Records several amounts, and returns their ids; undefined if they are rejected. */
  recordAmounts(workspaceId: unknown, amounts: unknown, given: unknown): string[] | undefined {
    let shared: Identity = {};
    const about = (amount: unknown) => aboutAmount(amount, shared);
    return this.#acceptAll("amounts", 0, amounts, about, () => {
      const details = readCall("amounts", given);
      shared = { eventId: details.eventId, workspaceId, status: details.status };
      checks.eventId(checks.idText(details.eventId));
      const known = new Set<string>();
      return (amount, ahead) => {
        const { metric, quantity, cost } = amountOf(amount, known);
        if (isZero(quantity)) {
          return undefined;
        }
        const fields =
          cost == null ? details.fields : { ...details.fields, [camel(batchCostField)]: cost };
        return this.#encodeCall(workspaceId, metric, { ...details, quantity, fields }, ahead);
      };
    });
  }

  /** Records that an event is taken back; throws why that is not accepted. */
  void(workspaceId: unknown, metric: unknown, eventId: unknown, reason: unknown): string {
    this.#checkOpen();
    if (!voidField) {
      const hint = "the catalog has no voids";
      throw invalid("status.unknown", { given: describeValue(voidStatus), hint });
    }
    if (typeof reason !== "string" || checks.isBlank(reason)) {
      const hint = "a text that is not blank";
      const values = { parameter: voidReasonKey, given: describeValue(reason), hint };
      const text = message("metadata.required", values);
      throw new ValidationError("metadata.required", text, voidReasonKey);
    }
    const metadata = { [voidReasonKey]: beginning(reason, voidReasonKept) };
    const fields = { [camel(voidField)]: checks.idText(eventId) ?? "" };
    return this.#acceptOwn(workspaceId, metric, voidStatus, metadata, { own: "void", fields });
  }

  /** Records a boundary of a session; throws why that is not accepted. */
  boundary(
    boundary: "start" | "beat" | "end",
    workspaceId: unknown,
    metric: unknown,
    sessionId: unknown,
    given: unknown,
  ): string {
    this.#checkOpen();
    if (!sessionField) {
      const hint = "the catalog has no sessions";
      throw invalid("session.invalid", { given: describeValue(boundary), hint });
    }
    checks.unitOf(checks.metricNames(metric));
    const kind = boundary === "end" ? "end" : "boundary";
    const { status = defaultStatus, metadata, at, ...call } = readCall(kind, given);
    const fields = {
      ...call.fields,
      [camel(sessionField)]: checks.idText(sessionId) ?? "",
      [camel(sessionBoundaryField)]: boundary,
    };
    const options: CallOptions = { ...call, occurredAt: at, fields, own: "session" };
    return this.#acceptOwn(workspaceId, metric, status, metadata, options);
  }

  /** Starts a session; one that records nothing if it is rejected. */
  session(workspaceId: unknown, metric: unknown, given: unknown): Session {
    const names = checks.metricNames(metric);
    const identity = { workspaceId: workspaceId ?? this.bindings?.workspaceId, ...names };
    let host: SessionHost | undefined;
    try {
      this.#checkOpen();
      const details = readCall("session", given);
      host = {
        clock: this.core.clock,
        monotonicClock: this.core.monotonicClock,
        unitNs: checks.unitOf(names),
        identity,
        record: ({ quantity, status = details.status, occurredAt }) => {
          const measured = { ...details, quantity: decimal(quantity), status, occurredAt };
          return this.#reported(
            { identity: { ...identity, status }, quantity: measured.quantity },
            () => {
              this.#checkOpen();
              return this.#accept(this.#encodeCall(workspaceId, names, measured));
            },
          );
        },
      };
    } catch (error) {
      this.rejected(error, { identity });
    }
    return new Session(this.core.sessions, host);
  }

  /** Returns a recorder with defaults; reports them in place of using them if they are invalid. */
  bound(given: unknown): Recorder {
    try {
      return new Recorder(this.core, new Bindings(readCall("bound", given), this.bindings));
    } catch (error) {
      this.rejected(error, { identity: {} });
      return new Recorder(this.core, this.bindings);
    }
  }

  /** Mints an id that no event has yet. */
  newEventId(): string {
    return this.core.instance.encoder.newEventId();
  }

  /** Counts and reports an event that is rejected. */
  rejected(error: unknown, known: Rejected): undefined {
    this.core.instance.outcomes.rejected(error, known);
  }

  /** Reports that an accepted event lost some of its metadata. */
  degraded(hint: string, eventId: string): void {
    const text = message("metadata.degraded", { hint });
    const error = new MetadataDegradedError("metadata.degraded", text);
    this.core.instance.outcomes.report(error, { eventId });
  }

  #reported(known: Rejected, record: () => string): string | undefined {
    try {
      return record();
    } catch (error) {
      return this.rejected(error, known);
    }
  }

  #checkOpen(): void {
    const reason = this.core.instance.outbox.rejectReason();
    if (reason !== undefined) {
      throw reason;
    }
  }

  #encodeCall(
    workspaceId: unknown,
    { product, metricType }: Metric,
    call: CallValues,
    ahead = 0,
  ): Encoded {
    return this.#encode(
      workspaceId,
      product,
      metricType,
      withDefault(call.quantity),
      call.status === undefined ? defaultStatus : call.status,
      call.unitCost,
      call.metadata,
      call,
      ahead,
    );
  }

  #encode(
    workspaceId: unknown,
    product: unknown,
    metricType: unknown,
    quantity: unknown,
    status: unknown,
    unitCost: unknown,
    metadata: unknown,
    options: CallOptions | undefined,
    ahead = 0,
  ): Encoded {
    const { encoder } = this.core.instance;
    const bound = this.bindings;
    if (bound === undefined) {
      // Most clients are not bound, and this is the hot path.
      return encoder.encode(
        workspaceId,
        product,
        metricType,
        quantity,
        status,
        unitCost,
        metadata,
        options,
        ahead,
      );
    }
    return encoder.encode(
      workspaceId ?? bound.workspaceId,
      product,
      metricType,
      quantity,
      status,
      unitCost,
      bound.metadataOf(metadata),
      bound.optionsOf(options),
      ahead,
    );
  }

  /** Accepts an event that only the SDK makes, exempt from the rules of its metric type. */
  #acceptOwn(
    workspaceId: unknown,
    metric: unknown,
    status: unknown,
    metadata: unknown,
    options: CallOptions,
  ): string {
    const { product, metricType } = checks.metricNames(metric);
    return this.#accept(
      this.#encode(workspaceId, product, metricType, 0, status, undefined, metadata, options),
    );
  }

  #accept(event: Encoded): string {
    const { encoder, outbox } = this.core.instance;
    encoder.number(1);
    try {
      outbox.put(event);
    } catch (error) {
      encoder.number(-1);
      throw error;
    }
    if (event.lost !== "" || this.core.isWatched) {
      this.#accepted(event);
    }
    return event.eventId;
  }

  /**
   * Accepts the events of all calls; rejects all of them if one is invalid, or there is no room.
   *
   * @param parameter What the list is called; it has at least so many calls.
   * @param about Returns what is known of a call that is invalid.
   * @param prepare Returns what encodes a call, with a number so far ahead; perhaps to no event.
   */
  #acceptAll(
    parameter: string,
    least: number,
    given: unknown,
    about: (call: unknown) => Rejected,
    prepare: () => (call: unknown, ahead: number) => Encoded | undefined,
  ): string[] | undefined {
    const { encoder, outcomes } = this.core.instance;
    let calls: readonly unknown[] = [];
    let unreadable: unknown;
    try {
      calls = listOf(parameter, given);
    } catch (error) {
      unreadable = error;
    }
    let index: number | undefined;
    try {
      this.#checkOpen();
      if (unreadable !== undefined) {
        throw unreadable;
      }
      checkCount(parameter, calls.length, least);
      const first = encoder.numbered;
      const encode = prepare();
      const events: Encoded[] = [];
      for (index = 0; index < calls.length; index += 1) {
        const event = encode(calls[index], events.length);
        if (event !== undefined) {
          events.push(event);
        }
      }
      index = undefined;
      checkSize(events);
      if (encoder.numbered !== first) {
        // Another event has one of their numbers, and the id that goes with it.
        throw invalidBatch(parameter, "reading them recorded other events, as by a getter");
      }
      return this.#putAll(events);
    } catch (error) {
      outcomes.batchRejected(error, calls, index, about);
      return undefined;
    }
  }

  #putAll(events: readonly Encoded[]): string[] {
    const { encoder, outbox } = this.core.instance;
    encoder.number(events.length);
    try {
      outbox.putAll(events);
    } catch (error) {
      encoder.number(-events.length);
      throw error;
    }
    for (const event of events) {
      if (event.lost !== "" || this.core.isWatched) {
        this.#accepted(event);
      }
    }
    return events.map(({ eventId }) => eventId);
  }

  #accepted({ eventId, json, lost, kind, quantity }: Encoded): void {
    const { outcomes } = this.core.instance;
    outcomes.counts?.accept(kind, quantity);
    if (this.core.debug) {
      outcomes.accepted(json);
    }
    if (lost !== "") {
      this.degraded(lost, eventId);
    }
  }
}
