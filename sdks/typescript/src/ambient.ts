/** What every client of a process shares; the test support changes it. */

import { settings as table } from "./generated/settings.js";
import type { EkaClientOptions } from "./options.js";

export const ambient: {
  /** Whether a client is disabled that neither has a producer nor configures it. */
  disabled: boolean;
} = { disabled: false };

/** Reports whether a client with these options is disabled, though neither they nor a variable are. */
export function isDisabledByDefault({ producer, disabled }: EkaClientOptions): boolean {
  const configured = disabled ?? (process.env[table.disabled.variable] || undefined);
  return ambient.disabled && producer === undefined && configured === undefined;
}
