/** Numbers as RFC 8785 (ECMAScript) formats them, without loss of precision for a bigint. */

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
  if (-exponential < value && value < exponential) {
    return text;
  }
  const sign = value < 0n ? "-" : "";
  const digits = text.slice(sign.length);
  const significant = digits.replace(/0+$/, "");
  const fraction = significant.length > 1 ? `.${significant.slice(1)}` : "";
  return `${sign}${significant[0]}${fraction}e+${digits.length - 1}`;
}
