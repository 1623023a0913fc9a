/** How many events had which outcome, by what their metrics tell apart; counted once an adapter asks. */

import { Decimal } from "./decimal.js";
import { statuses } from "./generated/catalog.js";
import { defaultStatus, voidStatus } from "./generated/constants.js";
import { limits } from "./generated/limits.js";
import { otherName, type outcomes } from "./generated/selfMetrics.js";
import { findMetric, isProduct } from "./lookup.js";
import { isHuge } from "./number.js";
import { UndeclaredName } from "./undeclared.js";

type Outcome = (typeof outcomes)[number];

/** What tells the events of one count apart; a name that the catalog lacks is `_OTHER`. */
export interface CountLabels {
  readonly outcome: Outcome;
  readonly product: string;
  readonly metricType: string;
  readonly status: string;
}

/** One count. */
export interface EventCount extends CountLabels {
  events: number;
  /** The sum of their quantities. */
  amount: number;
}

/** The names of events, as they were given. */
export interface GivenNames {
  readonly product?: unknown;
  readonly metricType?: unknown;
  readonly status?: unknown;
}

/** What accepted events of one kind have in common. */
export interface Kind extends GivenNames {
  /** Where they are counted, once one is. */
  count: EventCount | undefined;
}

/** The counts of one client instance; the catalog limits how many there are. */
export class EventCounts {
  readonly #counts = new Map<string, EventCount>();

  /** Counts an accepted event. */
  accept(kind: Kind, quantity: unknown): void {
    kind.count ??= this.#of("accepted", kind);
    kind.count.events += 1;
    kind.count.amount += amountOf(quantity);
  }

  /** Counts an event that was not accepted. */
  reject(names: GivenNames, quantity: unknown): void {
    this.#add("rejected", names, quantity);
  }

  /** Counts an accepted event that is not delivered. */
  fail(names: GivenNames, quantity: unknown): void {
    this.#add("failed", names, quantity);
  }

  /** Returns all counts. */
  all(): readonly EventCount[] {
    return [...this.#counts.values()];
  }

  #add(outcome: Outcome, names: GivenNames, quantity: unknown): void {
    const count = this.#of(outcome, names);
    count.events += 1;
    count.amount += amountOf(quantity);
  }

  #of(outcome: Outcome, names: GivenNames): EventCount {
    const labels = labelsOf(outcome, names);
    const key = Object.values(labels).join("/");
    const known = this.#counts.get(key) ?? { ...labels, events: 0, amount: 0 };
    this.#counts.set(key, known);
    return known;
  }
}

function labelsOf(outcome: Outcome, { product, metricType, status }: GivenNames): CountLabels {
  const isDeclared = !UndeclaredName.is(metricType);
  const metric = findMetric(product, metricType);
  return {
    outcome,
    product: isDeclared && isProduct(product) ? product : otherName,
    metricType: metric?.metricType ?? otherName,
    status: statusOf(status),
  };
}

function statusOf(given: unknown): string {
  if (given === undefined) {
    return defaultStatus;
  }
  const isKnown =
    typeof given === "string" && (Object.hasOwn(statuses, given) || given === voidStatus);
  return isKnown ? given : otherName;
}

/** Returns a quantity as a number; 0 if no event may have it. */
function amountOf(given: unknown): number {
  if (typeof given === "number") {
    return within(given);
  }
  const isDecimal = Decimal.is(given);
  const isExact = isDecimal || (typeof given === "bigint" && !isHuge(given));
  return isExact ? within(Number(String(given) || Number.NaN)) : 0;
}

function within(amount: number): number {
  const { minimum, maximum } = limits.quantity;
  return minimum <= amount && amount <= maximum ? amount : 0; // NaN, too
}
