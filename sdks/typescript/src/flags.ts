/** Settings as flags of the command line, for `parseArgs` of `node:util`. */

import { envPrefix, settings } from "./generated/settings.js";
import type { Setting } from "./tables.js";

const fromFlags = new WeakSet<object>();

/** The name of a setting in all languages. */
export function nameOf({ variable }: Setting): string {
  return variable.slice(envPrefix.length).toLowerCase();
}

/** The flag of a setting, without hyphens before it: its variable in the form of a flag. */
export function flagOf({ variable }: Setting): string {
  return variable.toLowerCase().replaceAll("_", "-");
}

/**
 * A flag for each setting, except for secrets, as options of `parseArgs`. Every user of a machine can
 * read the flags of its processes, so a secret is given by its variable or in a file.
 *
 * A flag takes the value that its variable takes, and overrides it.
 *
 * @example
 * const { values } = parseArgs({ options: { ...flagOptions, port: { type: "string" } } });
 * const usage = EkaClient.fromConfig(configOf(values), { serviceName: "billing-api" });
 */
export const flagOptions: Readonly<Record<string, { readonly type: "string" }>> =
  /* @__PURE__ */ Object.fromEntries(
    /* @__PURE__ */ withFlags().map((setting) => [flagOf(setting), { type: "string" }]),
  );

/** Returns the settings that flags of `flagOptions` gave, for `EkaClient.fromConfig()`. */
export function configOf(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = withFlags().flatMap((setting) => {
    const value = values[flagOf(setting)];
    return value === undefined || value === "" ? [] : [[nameOf(setting), value]];
  });
  const config = Object.fromEntries(given);
  fromFlags.add(config);
  return config;
}

/** Whether `configOf()` returned a configuration, so that errors name flags. */
export function isFromFlags(config: object): boolean {
  return fromFlags.has(config);
}

function withFlags(): Setting[] {
  return Object.values<Setting>(settings).filter(({ secret }) => !secret);
}
