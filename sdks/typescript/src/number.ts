/** Numbers as RFC 8785 (ECMAScript) writes them, exactly as the caller's type says them. */

/** From here on ECMAScript writes an integer with an exponent. */
const plain = 10n ** 21n;

/** A finite number as JSON; undefined where the value is none. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? String(value) : undefined;
  }
  return typeof value === "bigint" ? integerText(value) : undefined;
}

function integerText(value: bigint): string {
  const text = value.toString();
  if (-plain < value && value < plain) {
    return text;
  }
  const sign = value < 0n ? "-" : "";
  const digits = text.slice(sign.length);
  const significant = digits.replace(/0+$/, "");
  const fraction = significant.length > 1 ? `.${significant.slice(1)}` : "";
  return `${sign}${significant[0]}${fraction}e+${digits.length - 1}`;
}
