/** Numbers as RFC 8785 (ECMAScript) formats them, without loss of precision for a bigint. */

import { Decimal, type Digits, digitsText, isAtMost, readDigits } from "./decimal.js";

/** ECMAScript formats integers from here on with an exponent. */
const exponential = 10n ** 21n;

/** More digits than any valid number has; comparing takes no time, unlike formatting. */
const huge = 10n ** 1000n;

/** Reports whether this is an integer with so many digits that formatting it takes time. */
export function isHuge(value: unknown): boolean {
  return typeof value === "bigint" && (value <= -huge || value >= huge);
}

/** Formats a finite number as JSON; undefined if the value is anything else. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? String(value) : undefined;
  }
  return typeof value === "bigint" ? integerText(value) : undefined;
}

function integerText(value: bigint): string {
  const text = value.toString();
  const isPlain = -exponential < value && value < exponential;
  return isPlain ? text : digitsText(readDigits(text) as Digits);
}

/** What an amount may be. */
export interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
  readonly maxDigits: number;
  readonly integer: boolean;
}

/** Formats an amount as JSON; undefined if it is not a number within bounds. */
export function amountText(value: unknown, bounds: Bounds): string | undefined {
  if (Decimal.is(value)) {
    const digits = readDigits(value.toString());
    return digits !== undefined && admits(bounds, digits) ? digitsText(digits) : undefined;
  }
  const { minimum, maximum, integer } = bounds;
  if (!isNumber(value) || (integer && !(typeof value === "bigint" || Number.isInteger(value)))) {
    return undefined;
  }
  // A huge integer is out of range, and so not formatted.
  return minimum <= value && value <= maximum ? numberText(value) : undefined;
}

/** Reports whether this is an amount of 0. */
export function isZero(value: unknown): boolean {
  return Decimal.is(value)
    ? readDigits(value.toString())?.digits === ""
    : value === 0 || value === 0n;
}

/** Reports whether this is an amount below 0. */
export function isNegative(value: unknown): boolean {
  return Decimal.is(value)
    ? readDigits(value.toString())?.isNegative === true
    : isNumber(value) && value < 0;
}

/** Reports whether a decimal has more digits than are stored. */
export function hasTooManyDigits(value: unknown, maxDigits: number): boolean {
  const digits = Decimal.is(value) ? readDigits(value.toString()) : undefined;
  return digits !== undefined && digits.digits.length > maxDigits;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function admits({ minimum, maximum, maxDigits, integer }: Bounds, number: Digits): boolean {
  const { digits, point } = number;
  return (
    isAtMost(digitsOf(minimum), number) &&
    isAtMost(number, digitsOf(maximum)) &&
    digits.length <= maxDigits &&
    (!integer || digits.length <= point || digits === "")
  );
}

function digitsOf(value: number): Digits {
  return readDigits(String(value)) as Digits;
}
