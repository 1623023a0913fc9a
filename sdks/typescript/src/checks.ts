/**
 * The checks of the arguments of `record()`: one function per argument, each with one error code.
 *
 * Each returns the argument as JSON, or throws a ValidationError.
 */

import { formatTime, parseTime } from "./clock.js";
import { describeValue, nearest, quoted } from "./describe.js";
import { ConfigError, invalid, message, ValidationError } from "./errors.js";
import { type LogLevel, logLevels, type Status, statuses } from "./generated/catalog.js";
import { voidStatus } from "./generated/constants.js";
import type { ErrorCode } from "./generated/errors.js";
import { blankCharacters, limits } from "./generated/limits.js";
import { metricRules, removedMetrics, unitNanoseconds } from "./generated/rules.js";
import { findMetric, isProduct, metricTypeNames, productNames } from "./lookup.js";
import type { Metric, MetricRule } from "./metric.js";
import { amountText, type Bounds, hasTooManyDigits, isHuge, isNegative } from "./number.js";
import { safely } from "./safely.js";
import { isUndeclared, UndeclaredName } from "./undeclared.js";

const blank = new Set(blankCharacters);
const statusNames: ReadonlySet<unknown> & ReadonlySet<string> = new Set(Object.keys(statuses));

interface Lengths {
  readonly minLength: number;
  readonly maxLength: number;
}

/** Checks the workspace id. */
export function workspaceId(value: unknown): string {
  return identifier("workspace_id.invalid", value, limits.workspaceId);
}

/** Checks the idempotency key. */
export function eventId(value: unknown): string {
  return identifier("event_id.invalid", value, limits.eventId);
}

/** Checks the service's name; throws a ConfigError. */
export function serviceName(value: unknown): string {
  return named("serviceName", value, limits.serviceName);
}

/** Checks the name of the service of one call. */
export function callServiceName(value: unknown): string {
  const { minLength, maxLength } = limits.serviceName;
  if (!isText(value, minLength, maxLength)) {
    const hint = `a non-blank string of ${minLength} to ${maxLength} characters`;
    const values = { parameter: "serviceName", given: describeValue(value), hint };
    throw new ValidationError("config.invalid", message("config.invalid", values));
  }
  return value;
}

/** Checks the machine's name, which is the caller's or the machine's own; throws a ConfigError. */
export function hostname(value: unknown): string {
  return named("hostname", value, limits.hostname);
}

/** Returns the text of an id: an integer's decimal digits; what is not an id as it is. */
export function idText(value: unknown): unknown {
  if (typeof value === "bigint") {
    return isHuge(value) ? value : value.toString();
  }
  return Number.isSafeInteger(value) ? String(value) : value;
}

function identifier(code: ErrorCode, value: unknown, { minLength, maxLength }: Lengths): string {
  if (!isText(value, minLength, maxLength)) {
    const allowed = { min_length: minLength, max_length: maxLength };
    throw invalid(code, { given: describeValue(value), ...allowed });
  }
  return JSON.stringify(value);
}

function named(parameter: string, value: unknown, { minLength, maxLength }: Lengths): string {
  if (!isText(value, minLength, maxLength)) {
    const hint = `a non-blank string of ${minLength} to ${maxLength} characters`;
    const text = message("config.invalid", { parameter, given: describeValue(value), hint });
    throw new ConfigError("config.invalid", text);
  }
  return JSON.stringify(value);
}

/** Reports whether this is a well-formed, non-blank string of an allowed length. */
export function isText(value: unknown, shortest: number, longest: number): value is string {
  if (typeof value !== "string" || value.length > 2 * longest || !value.isWellFormed()) {
    return false;
  }
  // The length in UTF-16 is exact if it is small enough, and at most twice too large otherwise.
  const length = value.length > longest || shortest > 1 ? [...value].length : value.length;
  return shortest <= length && length <= longest && !isBlank(value);
}

/** Reports whether a text has nothing but white space. */
export function isBlank(text: string): boolean {
  for (const character of text) {
    if (!blank.has(character)) {
      return false;
    }
  }
  return true;
}

/** Checks product and metric type, and returns the metric. */
export function metric(product: unknown, metricType: unknown): Metric {
  const found = findMetric(product, metricType);
  if (found !== undefined) {
    return found;
  }
  if (isUndeclared(product, metricType) && removal(product, String(metricType)) === undefined) {
    return { product, metricType } as Metric;
  }
  throw unknownMetric(product, metricType);
}

/** Checks the status. */
export function status(value: unknown): Status {
  // A look-up in the object would take time for a long text.
  if (!statusNames.has(value)) {
    const hint =
      value === voidStatus
        ? "void() sets it, for an event that takes another back"
        : nearest(value, [...statusNames]);
    throw invalid("status.unknown", { given: describeValue(value), hint });
  }
  return value as Status;
}

function unknownMetric(product: unknown, metricType: unknown): ValidationError {
  if (UndeclaredName.is(metricType)) {
    const given = describeValue(String(metricType));
    const hint = removal(product, String(metricType)) ?? "expected one such as entity.action";
    return invalid("metric_type.unknown", { given, product: describeValue(product), hint });
  }
  const removed = removal(product, metricType);
  if (removed === undefined && !isProduct(product)) {
    const hint = nearest(product, productNames());
    return invalid("product.unknown", { given: describeValue(product), hint });
  }
  const hint = removed ?? nearest(metricType, metricTypeNames(product as string));
  const values = { given: describeValue(metricType), product: describeValue(product), hint };
  return invalid("metric_type.unknown", values);
}

/** Returns what became of a removed metric type; undefined of any other. */
function removal(product: unknown, metricType: unknown): string | undefined {
  const names = typeof product === "string" && typeof metricType === "string";
  const key = names ? `${product}/${metricType}` : "";
  return Object.hasOwn(removedMetrics, key) ? removedMetrics[key] : undefined;
}

/** Returns product and metric type of one of `metrics`; undefined ones if it is anything else. */
export function metricNames(value: unknown): Metric {
  const read = ({ product, metricType }: Metric) => ({ product, metricType });
  return safely(() => read(value as Metric) as Metric) ?? ({} as Metric);
}

/** Returns what a metric type requires beyond the limits of every event. */
export function ruleOf({ product, metricType }: Metric): MetricRule {
  return metricRules[product]?.[metricType] ?? {};
}

/** Returns how many nanoseconds the unit of a metric type has; throws if it is no unit of time. */
export function unitOf({ product, metricType }: Metric): number {
  metric(product, metricType);
  const found = unitNanoseconds[`${product}/${metricType}`];
  if (found === undefined) {
    const hint = "its unit is not one of time, so that a session cannot measure it";
    throw invalid("session.invalid", { given: describeValue(metricType), hint });
  }
  return found;
}

/** Checks the quantity. */
export function quantity(value: unknown, rule: MetricRule["quantity"]): string {
  return amount("quantity.invalid", value, rule === undefined ? quantities : ruled(rule));
}

const quantities: Bounds = { ...limits.quantity, integer: false };
const unitCosts: Bounds = { ...limits.unitCost, integer: false };

function ruled({ minimum, maximum, integer }: NonNullable<MetricRule["quantity"]>): Bounds {
  return {
    minimum: Math.max(quantities.minimum, minimum ?? quantities.minimum),
    maximum: Math.min(quantities.maximum, maximum ?? quantities.maximum),
    maxDigits: quantities.maxDigits,
    integer,
  };
}

/** Checks the unit cost. */
export function unitCost(value: unknown): string {
  return value == null ? "null" : amount("unit_cost.invalid", value, unitCosts);
}

/** Checks a number within bounds. */
export function amount(code: ErrorCode, value: unknown, bounds: Bounds): string {
  const text = amountText(value, bounds);
  if (text === undefined) {
    throw invalid(code, { given: describeValue(value), hint: expectedAmount(code, value, bounds) });
  }
  return text;
}

function expectedAmount(
  code: ErrorCode,
  value: unknown,
  { minimum, maximum, maxDigits, integer }: Bounds,
): string {
  const hint = `${integer ? "an integer" : "a finite number"} from ${minimum} to ${maximum}`;
  const type = typeof value;
  if (type === "boolean" || type === "string") {
    return `${hint}; a ${type} is not a number`;
  }
  if (code === "quantity.invalid" && isNegative(value)) {
    return `${hint}; void() takes an event back`;
  }
  return hasTooManyDigits(value, maxDigits) ? `${hint} of at most ${maxDigits} digits` : hint;
}

/** Returns the level of a `log()`; undefined if the catalog has no such level. */
export function logLevel(value: unknown): LogLevel | undefined {
  return logLevels.find((level) => level === value);
}

/** Checks when it happened; `now` is in milliseconds since 1970. */
export function occurredAt(value: unknown, now: number): string {
  const { ahead, aheadMs, behind, behindMs } = limits.occurredAt;
  const milliseconds = parseTime(value);
  if (milliseconds === undefined || milliseconds > now + aheadMs || milliseconds < now - behindMs) {
    const isDate = milliseconds !== undefined && typeof value === "object";
    const given = isDate ? quoted(formatTime(milliseconds)) : describeValue(value);
    throw invalid("occurred_at.invalid", { given, ahead, behind });
  }
  return JSON.stringify(formatTime(milliseconds));
}
