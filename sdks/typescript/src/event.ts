/**
 * Encodes one call of `record()` as the JSON of one event.
 *
 * The hot path is one table look-up: a hit on (product, metric type, status) is the validation, and
 * returns the constant parts of such an event, already encoded. The varying fields go in between.
 */

import * as checks from "./checks.js";
import { formatTime } from "./clock.js";
import { checkFieldRules, encodeClientFields, encodeFields, isBilled } from "./fields.js";
import { type Status, statuses } from "./generated/catalog.js";
import { catalogVersion, sdkVersion } from "./generated/constants.js";
import { type EventParts, encodeConstants, encodeEvent } from "./generated/encoder.js";
import { EventIds } from "./ids.js";
import { checkMetadata } from "./metadata.js";
import type { MetricRule } from "./metric.js";
import type { RecordOptions } from "./options.js";
import { type Workspace, Workspaces } from "./workspace.js";

/** The injectable dependencies of an encoder. */
export interface Sources {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Mints the instance id, then event ids. @default UUIDv7 */
  readonly newId: (() => string) | undefined;
}

/** An event that is numbered and encoded. */
export interface Encoded {
  readonly eventId: string;
  readonly workspace: Workspace;
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedAt: number;
  readonly json: string;
  /** Describes what was lost of its metadata; "" if nothing was. */
  readonly lost: string;
}

interface Combination {
  readonly parts: EventParts;
  readonly rule: MetricRule;
}

/** Checks, numbers and encodes the events of one client. */
export class EventEncoder {
  readonly instanceId: string;
  readonly #clock: () => number;
  readonly #newId: (() => string) | undefined;
  readonly #constants: { serviceName: string; hostname: string; instanceId: string };
  readonly #combinations = new Map<unknown, Map<unknown, Map<unknown, Combination>>>();
  readonly #workspaces = new Workspaces();
  readonly #ids = new EventIds();
  // The client's own fields, after those of every event.
  readonly #more: string;
  readonly #isBilled: boolean;
  #instant = { milliseconds: Number.NaN, ts: "", prefix: "" };
  #seq = 0;

  /** `serviceName` and `hostname` are encoded as JSON already; `fields` are the client's own. */
  constructor(
    serviceName: string,
    hostname: string,
    { clock, newId }: Sources,
    fields: Readonly<Record<string, unknown>>,
  ) {
    this.#more = encodeClientFields(fields);
    this.#isBilled = isBilled(fields);
    this.#clock = clock;
    this.#newId = newId;
    this.instanceId = newId?.() ?? new EventIds().mint(Math.floor(clock()), 0);
    const instanceId = JSON.stringify(this.instanceId);
    this.#constants = { serviceName, hostname, instanceId };
  }

  /** How many events were numbered, and so accepted. */
  get numbered(): number {
    return this.#seq;
  }

  /** Gives back the number of the last event, which was not accepted after all. */
  rollbackSeq(): void {
    this.#seq -= 1;
  }

  /** Numbers and encodes one event; throws a ValidationError before it takes a number. */
  encode(
    workspaceId: unknown,
    product: unknown,
    metricType: unknown,
    quantity: unknown,
    status: unknown,
    unitCost: unknown,
    metadata: unknown,
    options: RecordOptions | undefined,
  ): Encoded {
    const workspace = this.#workspaces.get(workspaceId);
    const { parts, rule } =
      this.#combinations.get(product)?.get(metricType)?.get(status) ??
      this.#combine(product, metricType, status);
    const amount =
      quantity === 1 && !rule.quantity ? "1" : checks.quantity(quantity, rule.quantity);
    const cost = unitCost == null ? "null" : checks.unitCost(unitCost);
    const details = checkMetadata(metadata, rule.metadata);
    const given = checks.idText(options?.eventId ?? this.#newId?.());
    const givenJson = given == null ? "" : checks.eventId(given);
    const { milliseconds, ts, prefix } = this.#now();
    const time = options?.occurredAt;
    const occurred = time == null ? ts : checks.occurredAt(time, milliseconds);
    const hasUnitCost = unitCost != null;
    const more =
      options == null ? this.#more : this.#more + encodeFields(options, hasUnitCost, milliseconds);
    if (rule.fields !== undefined) {
      checkFieldRules(rule.fields, `${product}/${metricType}`, options ?? {});
    }
    // From here on none of the caller's code runs, and nothing can be rejected.
    this.#seq += 1;
    const id = given == null ? `${prefix}${this.#ids.suffix(this.#seq)}` : (given as string);
    const json = encodeEvent(
      parts,
      givenJson === "" ? `"${id}"` : givenJson,
      workspace.json,
      amount,
      cost,
      details.json,
      occurred,
      ts,
      String(this.#seq),
      more,
    );
    return { eventId: id, workspace, acceptedAt: milliseconds, json, lost: details.lost };
  }

  /** Everything that depends on the clock, computed once per millisecond. */
  #now(): { milliseconds: number; ts: string; prefix: string } {
    const milliseconds = Math.floor(this.#clock());
    if (milliseconds !== this.#instant.milliseconds) {
      const ts = flat(`"${formatTime(milliseconds)}"`);
      this.#instant = { milliseconds, ts, prefix: flat(this.#ids.prefix(milliseconds)) };
    }
    return this.#instant;
  }

  #combine(product: unknown, metricType: unknown, status: unknown): Combination {
    const metric = checks.metric(product, metricType, status);
    const constants = encodeConstants({
      ...this.#constants,
      product: JSON.stringify(product),
      metricType: JSON.stringify(metricType),
      status: JSON.stringify(status),
      isBillable: this.#isBilled && statuses[status as Status].billable ? "1" : "0",
      sdkLanguage: '"typescript"',
      sdkVersion: JSON.stringify(sdkVersion),
      catalogVersion: JSON.stringify(catalogVersion),
    });
    const parts = constants.map(flat) as unknown as EventParts;
    const made = { parts, rule: checks.ruleOf(metric) };
    const ofProduct = this.#combinations.get(product) ?? new Map();
    this.#combinations.set(product, ofProduct);
    const ofMetricType = ofProduct.get(metricType) ?? new Map();
    ofProduct.set(metricType, ofMetricType);
    ofMetricType.set(status, made);
    return made;
  }
}

/** Flattens a string that V8 would keep as a rope, and join again each time it is used. */
function flat(text: string): string {
  return Buffer.from(text).toString();
}
