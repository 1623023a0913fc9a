/** Settings from options and the environment: resolved and checked once, before anything is sent. */

import { isText } from "./checks.js";
import { describeValue, nearest, quoted } from "./describe.js";
import { ConfigError, message } from "./errors.js";
import { settings } from "./generated/settings.js";
import { Secret } from "./secret.js";
import type { Setting } from "./tables.js";

type Table = typeof settings;
type Values = { integer: number; boolean: boolean; string: string; list: readonly string[] };
type ValueOf<S extends Setting> = S["secret"] extends true
  ? Secret
  : S["type"] extends keyof Values
    ? Values[S["type"]]
    : NonNullable<S["choices"]>[number];

/** The values of all settings of one client; undefined if not set and without a default. */
export type Settings = {
  readonly [Name in keyof Table]:
    | ValueOf<Table[Name]>
    | (Table[Name] extends { default: unknown } ? never : undefined);
};

type Given = Readonly<Record<string, unknown>>;

const address = /^(?:[^\s,:/[\]]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;
// The listener's name that Kafka's own settings put before an address, such as PLAINTEXT://.
const listener = /^[^:/]+:\/\/(?=.)/;
const defaultPort = 9092;
const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/**
 * Resolves all settings. An option overrides its variable; an undefined option or an empty variable
 * is not set.
 *
 * @throws ConfigError on the first invalid setting, by the name that it was given by.
 */
export function resolveSettings(
  options: Given,
  environment: Given,
  notRequired: readonly (keyof Table)[],
): Settings {
  const resolved = Object.entries<Setting>(settings).map(([name, setting]) => {
    return [name, resolve(setting, options, environment)];
  });
  const values = Object.fromEntries(resolved) as Settings;
  const needsNothing = values.disabled || values.transport === "http";
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    const isRequired = setting.required && !notRequired.includes(name as keyof Table);
    if (isRequired && values[name as keyof Table] === undefined && !needsNothing) {
      throw new ConfigError("config.invalid", missing(setting));
    }
  }
  const { argument, variable } = settings.kafkaAcks;
  if (values.spool === "durable" && !(options[argument] ?? environment[variable])) {
    // A broker alone may lose what it acknowledged, and then the disk no longer has it.
    return { ...values, kafkaAcks: "all" };
  }
  return values;
}

/** Throws a TypeError if an option has an unknown name, which would otherwise go unnoticed. */
export function checkOptionNames(options: Given, others: readonly string[]): void {
  const known = [...others, ...Object.values<Setting>(settings).map(({ argument }) => argument)];
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new TypeError(`EkaClient has no option ${quoted(name)}: ${nearest(name, known)}`);
    }
  }
}

/** Replaces the value of every secret setting in a text. */
export function hideSecrets(text: string, values: Settings): string {
  return Object.values<unknown>(values).reduce<string>((hidden, value) => {
    return value instanceof Secret ? hidden.replaceAll(value.reveal(), `${value}`) : hidden;
  }, text);
}

/** Creates the error of an invalid setting, by the name of its option or its variable. */
export function configError(parameter: string, given: string, hint: string): ConfigError {
  return new ConfigError("config.invalid", message("config.invalid", { parameter, given, hint }));
}

function resolve(setting: Setting, options: Given, environment: Given): unknown {
  const { argument, variable } = setting;
  const option = options[argument] ?? undefined;
  const given = option ?? (environment[variable] || undefined);
  if (given === undefined) {
    return setting.default;
  }
  const value = readSetting(setting, given, option === undefined ? variable : argument);
  return setting.secret ? new Secret(value as string) : value;
}

/** Returns the value of a setting that was given as `name`; throws a ConfigError if it is invalid. */
export function readSetting(setting: Setting, given: unknown, name: string): unknown {
  const [value, expected] = readers[setting.type](given, setting);
  if (value === undefined) {
    throw configError(name, setting.secret ? "a secret" : describeValue(given), expected);
  }
  return value;
}

/** Returns the message for a setting that is required, without its end. */
export function missing({ argument, variable }: Setting): string {
  const name = argument.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${name} not configured: pass ${argument} or set ${variable}`;
}

type Reader = (given: unknown, setting: Setting) => [value: unknown, expected: string];

const readers: Readonly<Record<Setting["type"], Reader>> = {
  integer(given, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }) {
    const text = typeof given === "boolean" ? "" : String(given).trim();
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    const isInRange = minimum <= value && value <= maximum;
    return [isInRange ? value : undefined, `an integer from ${minimum} to ${maximum}`];
  },
  boolean(given) {
    return [booleans.get(String(given).trim().toLowerCase()), "true or false"];
  },
  choice(given, { choices = [] }) {
    const text = String(given).trim().toLowerCase();
    const match = choices.find((choice) => choice.toLowerCase() === text);
    return [match, `one of ${choices.map(quoted).join(", ")}`];
  },
  string(given, { minLength = 1, maxLength }) {
    if (maxLength === undefined) {
      return [typeof given === "string" && given.trim() !== "" ? given : undefined, "a string"];
    }
    const hint = `a non-blank string of ${minLength} to ${maxLength} characters`;
    return [isText(given, minLength, maxLength) ? given : undefined, hint];
  },
  list(given) {
    const parts: unknown = typeof given === "string" ? given.split(",") : given;
    const expected = "addresses host:port, separated by commas";
    if (!Array.isArray(parts) || !parts.every((part) => typeof part === "string")) {
      return [undefined, expected];
    }
    const items = parts.map((part) => part.trim().replace(listener, "")).filter(Boolean);
    return [items.length > 0 && items.every(isAddress) ? items : undefined, expected];
  },
};

function isAddress(text: string): boolean {
  const match = address.exec(text);
  const port = Number(match?.[1] ?? defaultPort);
  return match !== null && 0 < port && port < 65_536;
}
