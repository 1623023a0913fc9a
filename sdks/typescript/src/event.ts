/**
 * Encodes one call as the JSON of one event.
 *
 * The hot path is one table look-up: a hit on (product, metric type, status) is the validation, and
 * returns the constant parts of such an event, already encoded. The varying fields go in between.
 */

import { type BeforeSend, filteredMetadata } from "./beforeSend.js";
import type { CallOptions } from "./callOptions.js";
import * as checks from "./checks.js";
import { formatTime } from "./clock.js";
import type { Kind } from "./counting.js";
import { checkFieldRules, encodeClientFields, encodeFields, isBilled } from "./fields.js";
import { encodeEvent } from "./generated/encoder.js";
import { EventIds } from "./ids.js";
import { checkMetadata, type Details } from "./metadata.js";
import type { MetricRule } from "./metric.js";
import { Combinations, flat } from "./parts.js";
import { type ActiveSpan, withSpan } from "./trace.js";
import { type Workspace, Workspaces } from "./workspace.js";

/** The injectable dependencies of an encoder. */
export interface Sources {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Mints the instance id, then event ids. @default UUIDv7 */
  readonly newId: (() => string) | undefined;
  /** Filters metadata. */
  readonly beforeSend: BeforeSend | undefined;
  /** Finds the span whose ids metadata has, if it has any. */
  readonly activeSpan: ActiveSpan | undefined;
}

/** An event that is encoded. */
export interface Encoded {
  readonly eventId: string;
  readonly workspace: Workspace;
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedAt: number;
  readonly json: string;
  /** Describes what was lost of its metadata; "" if nothing was. */
  readonly lost: string;
  readonly kind: Kind;
  /** As it was given. */
  readonly quantity: unknown;
}

/** What depends on the clock, computed once per millisecond. */
interface Instant {
  readonly milliseconds: number;
  readonly ts: string;
  /** The beginning of the ids that are minted then. */
  readonly prefix: string;
}

/** Checks, numbers and encodes the events of one client. */
export class EventEncoder {
  readonly instanceId: string;
  readonly #clock: () => number;
  readonly #newId: (() => string) | undefined;
  readonly #beforeSend: BeforeSend | undefined;
  readonly #activeSpan: ActiveSpan | undefined;
  readonly #combinations: Combinations;
  readonly #workspaces = new Workspaces();
  readonly #ids = new EventIds();
  // Ids without an event have numbers of their own.
  readonly #others = new EventIds();
  #otherIds = 0;
  // The client's own fields, after those of every event.
  readonly #more: string;
  #instant: Instant = { milliseconds: Number.NaN, ts: "", prefix: "" };
  #seq = 0;

  /** `serviceName` and `hostname` are encoded as JSON already; `fields` are the client's own. */
  constructor(
    serviceName: string,
    hostname: string,
    { clock, newId, beforeSend, activeSpan }: Sources,
    fields: Readonly<Record<string, unknown>>,
  ) {
    this.#more = encodeClientFields(fields);
    this.#clock = clock;
    this.#newId = newId;
    this.#beforeSend = beforeSend;
    this.#activeSpan = activeSpan;
    const given: unknown = newId?.();
    this.instanceId =
      typeof given === "string" ? given : new EventIds().mint(Math.floor(clock()), 0);
    const instanceId = JSON.stringify(this.instanceId);
    this.#combinations = new Combinations({ serviceName, hostname, instanceId }, isBilled(fields));
  }

  /** How many events were numbered, and so accepted. */
  get numbered(): number {
    return this.#seq;
  }

  /** Takes the next numbers, for events that were encoded with them; a negative count gives back. */
  number(events: number): void {
    this.#seq += events;
  }

  /** Mints an id that no event has yet. */
  newEventId(): string {
    this.#otherIds += 1;
    return this.#newId?.() ?? this.#others.mint(Math.floor(this.#clock()), this.#otherIds);
  }

  /**
   * Checks the arguments of one call, and encodes its event; throws a ValidationError.
   *
   * It has the next number, or the one `ahead` of that, which `number()` takes.
   */
  encode(
    workspaceId: unknown,
    product: unknown,
    metricType: unknown,
    quantity: unknown,
    status: unknown,
    unitCost: unknown,
    metadata: unknown,
    options: CallOptions | undefined,
    ahead: number,
  ): Encoded {
    const workspace = this.#workspaces.get(workspaceId);
    const { parts, rule, kind } = this.#combinations.get(product, metricType, status, options);
    const amount =
      quantity === 1 && !rule.quantity ? "1" : checks.quantity(quantity, rule.quantity);
    const cost = unitCost == null ? "null" : checks.unitCost(unitCost);
    const details =
      this.#beforeSend === undefined && this.#activeSpan === undefined
        ? checkMetadata(metadata, rule)
        : this.#metadata(metadata, rule);
    const given = checks.idText(options?.eventId ?? this.#newId?.());
    const givenJson = given == null ? "" : checks.eventId(given);
    // The events of one call have one time.
    const { milliseconds, ts, prefix } = ahead === 0 ? this.#now() : this.#instant;
    const time = options?.occurredAt;
    const occurred = time == null ? ts : checks.occurredAt(time, milliseconds);
    const fields = options?.fields;
    const more =
      fields === undefined
        ? this.#more
        : this.#more + encodeFields(fields, unitCost != null, milliseconds);
    if (rule.fields !== undefined) {
      checkFieldRules(rule.fields, `${product}/${metricType}`, fields ?? {});
    }
    // From here on none of the caller's code runs, and nothing can be rejected.
    const seq = this.#seq + ahead + 1;
    const id = given == null ? `${prefix}${this.#ids.suffix(seq)}` : (given as string);
    const json = encodeEvent(
      parts,
      givenJson === "" ? `"${id}"` : givenJson,
      workspace.json,
      amount,
      cost,
      details.json,
      occurred,
      ts,
      String(seq),
      more,
    );
    const { lost } = details;
    return { eventId: id, workspace, acceptedAt: milliseconds, json, lost, kind, quantity };
  }

  #metadata(value: unknown, rule: MetricRule): Details {
    const { metadata, added } = withSpan(value, this.#activeSpan?.());
    return this.#beforeSend === undefined
      ? checkMetadata(metadata, rule, added)
      : filteredMetadata(metadata, rule, this.#beforeSend, added);
  }

  #now(): Instant {
    const milliseconds = Math.floor(this.#clock());
    if (milliseconds !== this.#instant.milliseconds) {
      const ts = flat(`"${formatTime(milliseconds)}"`);
      this.#instant = { milliseconds, ts, prefix: flat(this.#ids.prefix(milliseconds)) };
    }
    return this.#instant;
  }
}
