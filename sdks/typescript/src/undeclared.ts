/** Event types that the catalog lacks, for catalogs that accept them. */

import { undeclaredNameMaxLength, undeclaredNamePattern } from "./generated/constants.js";

const pattern = new RegExp(undeclaredNamePattern, "u");

/**
 * The metric type of an event type that the catalog lacks.
 *
 * It is of a class of its own, so that a misspelt name in `record()` is not taken for one.
 */
export class UndeclaredName {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** Reports whether this is one; unlike `instanceof`, it calls no trap of a proxy. */
  static is(value: unknown): value is UndeclaredName {
    return typeof value === "object" && value !== null && #name in value;
  }

  toString(): string {
    return this.#name;
  }

  toJSON(): string {
    return this.#name;
  }
}

/** Reports whether this is the name of an undeclared event type, as the names of a catalog are. */
export function isUndeclared(product: unknown, metricType: unknown): boolean {
  return (
    UndeclaredName.is(metricType) &&
    [String(product), String(metricType)].every(
      (name) => name.length <= undeclaredNameMaxLength && pattern.test(name),
    )
  );
}
