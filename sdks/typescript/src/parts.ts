/** The constant parts of events, encoded once per service, product, metric type and status. */

import type { CallOptions } from "./callOptions.js";
import * as checks from "./checks.js";
import type { Kind } from "./counting.js";
import { type Status, statuses } from "./generated/catalog.js";
import { catalogVersion, sdkVersion, voidStatus } from "./generated/constants.js";
import { type EventParts, encodeConstants } from "./generated/encoder.js";
import type { MetricRule } from "./metric.js";
import { UndeclaredName } from "./undeclared.js";

/** What events of one metric type and status have in common. */
export interface Combination {
  readonly parts: EventParts;
  readonly rule: MetricRule;
  readonly kind: Kind;
}

interface Constants {
  readonly serviceName: string;
  readonly hostname: string;
  readonly instanceId: string;
}

type Table = Map<unknown, Map<unknown, Map<unknown, Combination>>>;

/** A client may report for any number of services: beyond this many the cache is cleared. */
const maxServices = 64;
/** What the SDK itself records is exempt from the rules of metric types. */
const exempt: MetricRule = {};

/** Returns the rule of what the SDK itself records, whose metadata may be about persons too. */
function exemptOf({ pii }: MetricRule): MetricRule {
  return pii === undefined ? exempt : { pii };
}

/** A cache of combinations, whose hit is the check of the names. */
export class Combinations {
  readonly #constants: Constants;
  readonly #isBilled: boolean;
  readonly #own: Table = new Map();
  readonly #services = new Map<unknown, Table>();

  /** `isBilled` is whether the client has events that are billed. */
  constructor(constants: Constants, isBilled: boolean) {
    this.#constants = constants;
    this.#isBilled = isBilled;
  }

  /** Returns a combination; throws a ValidationError if a name is unknown. */
  get(
    product: unknown,
    metricType: unknown,
    status: unknown,
    options: CallOptions | undefined,
  ): Combination {
    if (options === undefined) {
      const found = this.#own.get(product)?.get(metricType)?.get(status);
      return found ?? this.#add(this.#own, product, metricType, status, undefined);
    }
    const { own, serviceName: service } = options;
    if (own === "void") {
      const made = this.#make(product, metricType, status, service);
      return { ...made, rule: exemptOf(made.rule) };
    }
    const table = service == null ? this.#own : this.#tableOf(service);
    const found =
      table.get(product)?.get(metricType)?.get(status) ??
      this.#add(table, product, metricType, status, service);
    return own === undefined ? found : { ...found, rule: exemptOf(found.rule) };
  }

  #tableOf(service: unknown): Table {
    const known = this.#services.get(service);
    if (known !== undefined) {
      return known;
    }
    const name = checks.callServiceName(service);
    if (this.#services.size >= maxServices) {
      this.#services.clear();
    }
    const table: Table = new Map();
    this.#services.set(name, table);
    return table;
  }

  #add(
    table: Table,
    product: unknown,
    metricType: unknown,
    status: unknown,
    service: unknown,
  ): Combination {
    checks.metric(product, metricType);
    const made = this.#make(product, metricType, checks.status(status), service);
    if (UndeclaredName.is(metricType)) {
      return made; // there may be any number of them
    }
    const ofProduct = table.get(product) ?? new Map();
    table.set(product, ofProduct);
    const ofMetricType = ofProduct.get(metricType) ?? new Map();
    ofProduct.set(metricType, ofMetricType);
    ofMetricType.set(status, made);
    return made;
  }

  #make(product: unknown, metricType: unknown, status: unknown, service: unknown): Combination {
    const metric = checks.metric(product, metricType);
    const isDeclared = !UndeclaredName.is(metricType);
    const isBillable = isDeclared && status !== voidStatus && statuses[status as Status].billable;
    const constants = encodeConstants({
      ...this.#constants,
      ...(service == null ? {} : { serviceName: JSON.stringify(service) }),
      product: JSON.stringify(product),
      metricType: JSON.stringify(metricType),
      status: JSON.stringify(status),
      isBillable: this.#isBilled && isBillable ? "1" : "0",
      sdkLanguage: '"typescript"',
      sdkVersion: JSON.stringify(sdkVersion),
      catalogVersion: JSON.stringify(catalogVersion),
    });
    const parts = constants.map(flat) as unknown as EventParts;
    return {
      parts,
      rule: checks.ruleOf(metric),
      kind: { product, metricType, status, count: undefined },
    };
  }
}

/** Flattens a string that V8 would keep as a rope, and join again each time it is used. */
export function flat(text: string): string {
  return Buffer.from(text).toString();
}
