/** How a client keeps events on disk, as its settings say. */

import { describeError, describeValue } from "./describe.js";
import { usageTopic } from "./generated/constants.js";
import { settings as table } from "./generated/settings.js";
import type { EkaClientOptions } from "./options.js";
import type { OutboxSpool } from "./outbox.js";
import { configError, type Settings } from "./settings.js";
import type { SpoolConfig } from "./spool/config.js";
import { Directory, defaultDirectory } from "./spool/directory.js";
import { destinationOf } from "./spool/origin.js";
import type { Carrier } from "./spool/spool.js";

/** What a spool needs to know of its client. */
export type SpoolClient = Pick<SpoolConfig, "instanceId" | "clock" | "seq"> & {
  readonly warn: (text: string) => void;
  /** Makes what sends from the disk. */
  readonly carrier: () => Carrier;
};

/** Undefined where nothing is kept; throws a ConfigError where it should be and cannot. */
export function outboxSpool(
  settings: Settings,
  options: EkaClientOptions,
  { warn, carrier, ...client }: SpoolClient,
): OutboxSpool | undefined {
  const asked = askedBy(options);
  // Tests inject a producer, and must not find what others left on the disk.
  const isMeant = options.producer === undefined || asked?.isOption === true;
  if (settings.spool === "off" || !isMeant) {
    return undefined;
  }
  const path = settings.spoolDir ?? defaultDirectory();
  try {
    const kept: SpoolConfig = {
      ...client,
      directory: new Directory(path),
      isDurable: settings.spool === "durable",
      maxBytes: settings.spoolMaxBytes,
      syncMs: settings.spoolSyncMs,
      destination: destinationOf(usageTopic, brokersOf(settings, options)),
    };
    return { settings: kept, carrier };
  } catch (error) {
    const [dir, mode] = [table.spoolDir.variable, table.spool.variable];
    const why = `${describeError(error)}; set ${dir} to a folder that this process can write, or ${mode}=off`;
    if (asked !== undefined) {
      throw configError(asked.name, describeValue(asked.value), `a place for the spool: ${why}`);
    }
    warn(`events that cannot be delivered are kept in memory only: ${why}`);
    return undefined;
  }
}

interface Asked {
  readonly name: string;
  readonly value: unknown;
  readonly isOption: boolean;
}

/** What says that there is to be a spool; undefined where nobody does. */
function askedBy(options: EkaClientOptions): Asked | undefined {
  for (const { argument, variable } of [table.spoolDir, table.spool]) {
    const [option, value] = [options[argument], process.env[variable]];
    if (option !== undefined) {
      return { name: argument, value: option, isOption: true };
    }
    if (value) {
      return { name: variable, value, isOption: false };
    }
  }
  return undefined;
}

function brokersOf(
  settings: Settings,
  { producer, kafkaConfig = {} }: EkaClientOptions,
): readonly string[] | "producer" {
  const given = kafkaConfig["bootstrapBrokers"] ?? settings.kafkaBrokers ?? [];
  const brokers = (Array.isArray(given) ? given : [given]) as unknown[];
  return producer === undefined ? brokers.map(address) : "producer";
}

/** The library takes text, and objects too. */
function address(broker: unknown): string {
  const { host, port } = Object(broker) as { host?: unknown; port?: unknown };
  return host === undefined ? String(broker) : `${String(host)}:${String(port)}`;
}
