/** A client's configuration as an object, such as from a file or from flags. */

import { describeValue, nearest } from "./describe.js";
import { flagOf, isFromFlags, nameOf } from "./flags.js";
import { settings } from "./generated/settings.js";
import { isJsonObject } from "./jsonText.js";
import type { EkaClientOptions } from "./options.js";
import { configError, readSetting } from "./settings.js";
import type { Setting } from "./tables.js";

const serviceName = "service_name";

/** Values by the names of settings in `docs/settings.md`, and `service_name`. */
export type Config = Readonly<Record<string, unknown>>;

/**
 * Returns a configuration as options of a client. Options override it; null, undefined and "" are not
 * set.
 *
 * @throws ConfigError if a name is not that of a setting, or a value is not allowed.
 */
export function optionsOf(config: Config, options: Partial<EkaClientOptions>): EkaClientOptions {
  if (!isJsonObject(config)) {
    throw configError("config", describeValue(config), "an object of settings by their names");
  }
  const byName = new Map(Object.values<Setting>(settings).map((one) => [nameOf(one), one]));
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) {
    const setting = byName.get(name);
    if (setting === undefined && name !== serviceName) {
      const hint = `the name of a setting: ${nearest(name, [serviceName, ...byName.keys()])}`;
      throw configError("config", describeValue(name), hint);
    }
    if (value === undefined || value === null || value === "") {
      continue;
    }
    if (setting === undefined) {
      found["serviceName"] = value;
    } else {
      const given = isFromFlags(config) ? `--${flagOf(setting)}` : name;
      found[setting.argument] = readSetting(setting, value, given);
    }
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...found, ...Object.fromEntries(given) } as unknown as EkaClientOptions;
}
