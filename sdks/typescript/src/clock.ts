/** Timestamps: milliseconds since 1970 in memory, RFC 3339 in UTC on the wire. */

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** Formats milliseconds since 1970 as `2026-01-31T09:30:00.000Z`. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Dates are no further from 1970 than this. */
export const farthest = 8.64e15;

/**
 * Returns a Date, an RFC 3339 string or an integer as milliseconds since 1970, rounded down;
 * undefined if it is none of them, has no UTC offset, or is not a time that exists.
 */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === "string") {
    return parseText(value);
  }
  if (Number.isSafeInteger(value)) {
    return Math.abs(value as number) <= farthest ? (value as number) : undefined;
  }
  const milliseconds = dateValue(value);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** Returns the time of a Date, also of another realm; NaN for anything else. */
function dateValue(value: unknown): number {
  try {
    return Date.prototype.getTime.call(value);
  } catch {
    return Number.NaN;
  }
}

function parseText(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second, fraction = "", sign, hours, minutes] = match;
  const thousandths = fraction.slice(0, 3).padEnd(3, "0");
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${thousandths}Z`;
  const milliseconds = Date.parse(local);
  // Date.parse reads February 30 as March 2.
  if (Number.isNaN(milliseconds) || formatTime(milliseconds) !== local) {
    return undefined;
  }
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return milliseconds - (sign === "-" ? -offset : offset);
}
