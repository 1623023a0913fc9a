/** Exact decimals, for amounts that a number would round. */

// Longer texts are not read: no valid number has as many digits.
const longest = 1000;
const form = /^\s*([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?\s*$/;

/** A number as `0.digits × 10^point`; without digits it is 0. */
export interface Digits {
  readonly isNegative: boolean;
  /** The significant digits, without zeros on either side. */
  readonly digits: string;
  readonly point: number;
}

/** An exact amount, which `decimal()` creates: all its digits are sent. */
export class Decimal {
  readonly #text: string;

  /** @internal */
  constructor(text: string) {
    this.#text = text;
  }

  /** Reports whether this is one; unlike `instanceof`, it calls no trap of a proxy. */
  static is(value: unknown): value is Decimal {
    return typeof value === "object" && value !== null && #text in value;
  }

  /** Returns the text that it was created from. */
  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

/** What is accepted as a quantity or a cost; no string, unless `decimal()` made it a number. */
export type Amount = number | bigint | Decimal;

/**
 * Returns an exact amount, for a quantity or a cost that a number would round.
 *
 * It never throws: a call rejects an amount whose text is not a number, as it rejects `NaN`.
 *
 * @param value A text such as `"0.1"`, or an object of a decimal library whose text is one.
 *
 * @example
 * usage.record("workspace-1", metrics.agent.input_token, { quantity: 3, cost: decimal("0.01") });
 */
export function decimal(value: string | { toString(): string }): Decimal {
  try {
    return new Decimal(String(value));
  } catch {
    return new Decimal("");
  }
}

/** Reads the text of a number; undefined if it is none, or too long. */
export function readDigits(text: string): Digits | undefined {
  const match = text.length > longest ? null : form.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const point = Number(exponent) + whole.length - (whole.length + fraction.length - all.length);
  const digits = all.replace(/0+$/, "");
  if (digits === "") {
    return { isNegative: false, digits, point: 0 };
  }
  return Number.isSafeInteger(point) ? { isNegative: sign === "-", digits, point } : undefined;
}

/** Formats a number as ECMAScript does. */
export function digitsText({ isNegative, digits, point }: Digits): string {
  return digits === "" ? "0" : (isNegative ? "-" : "") + placed(digits, point);
}

/** Formats the digits as Number::toString of ECMAScript defines. */
function placed(digits: string, point: number): string {
  if (digits.length <= point && point <= 21) {
    return digits.padEnd(point, "0");
  }
  if (0 < point && point <= 21) {
    return `${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  if (-6 < point && point <= 0) {
    return `0.${"0".repeat(-point)}${digits}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${digits[0]}${fraction}e${point > 0 ? "+" : ""}${point - 1}`;
}

/** Reports whether one number is at most another. */
export function isAtMost(one: Digits, other: Digits): boolean {
  if (signOf(one) !== signOf(other)) {
    return signOf(one) < signOf(other);
  }
  return one.isNegative ? size(other, one) : size(one, other);
}

function signOf({ isNegative, digits }: Digits): number {
  return digits === "" ? 0 : isNegative ? -1 : 1;
}

/** Reports whether one number is at most as far from 0 as another of the same sign. */
function size(one: Digits, other: Digits): boolean {
  // Digits behind the point compare like text.
  return one.point === other.point ? one.digits <= other.digits : one.point < other.point;
}
