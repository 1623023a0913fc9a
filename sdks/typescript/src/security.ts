/** Checks that what protects the connection to Kafka is complete and has an effect. */

import { describeError, describeValue } from "./describe.js";
import { ConfigError } from "./errors.js";
import { settings as table } from "./generated/settings.js";
import { PasswordFile } from "./secret.js";
import { configError, missing, type Settings } from "./settings.js";
import type { Setting } from "./tables.js";

type Given = Readonly<Record<string, unknown>>;
type Name = keyof typeof table;

/** What a client logs if anybody on the network can read the password. */
export const passwordInClear =
  "the password is sent in the clear: the security protocol is SASL_PLAINTEXT and the mechanism " +
  "PLAIN; use SASL_SSL, or a SCRAM mechanism";

/**
 * Checks the settings of TLS and SASL: without the protocol for it, everything would be sent in the
 * clear. Options of the library's own, in `kafkaConfig`, may need no credentials.
 *
 * @throws ConfigError if a credential or a certificate is missing, or has no effect.
 */
export function checkSecurity(values: Settings, options: Given, kafkaConfig: Given): void {
  const protocol = values.kafkaSecurityProtocol;
  for (const [name, setting] of Object.entries<Setting>(table)) {
    const { protocol: needed } = setting;
    if (needed !== undefined && values[name as Name] !== undefined && !protocol.includes(needed)) {
      const given = setting.secret ? "a secret" : describeValue(values[name as Name]);
      throw configError(nameOf(setting, options), given, protocolHint(needed, protocol));
    }
  }
  if (protocol.startsWith("SASL") && !("sasl" in kafkaConfig)) {
    requireCredential("kafkaSaslMechanism", values, options);
    requireCredential("kafkaSaslUsername", values, options);
    checkPassword(values, options);
  }
}

/** Reports whether anybody on the network can read the password. */
export function sendsPasswordInClear(values: Settings, kafkaConfig: Given): boolean {
  const { sasl = values.kafkaSecurityProtocol.startsWith("SASL"), tls } = kafkaConfig;
  const own = typeof sasl === "object" && sasl !== null ? (sasl as Given) : undefined;
  const mechanism = own === undefined ? values.kafkaSaslMechanism : own["mechanism"];
  const isEncrypted = tls != null || values.kafkaSecurityProtocol.endsWith("SSL");
  return Boolean(sasl) && mechanism === "PLAIN" && !isEncrypted;
}

function checkPassword(values: Settings, options: Given): void {
  const { kafkaSaslPassword: password, kafkaSaslPasswordFile: path } = values;
  if (path === undefined) {
    requireCredential("kafkaSaslPassword", values, options);
    return;
  }
  const name = nameOf(table.kafkaSaslPasswordFile, options);
  if (password !== undefined) {
    const hint = `no file, as there is ${nameOf(table.kafkaSaslPassword, options)}`;
    throw configError(name, describeValue(path), hint);
  }
  try {
    new PasswordFile(path).read();
  } catch (error) {
    const hint = `a file that contains the password: ${describeError(error)}`;
    throw configError(name, describeValue(path), hint);
  }
}

function requireCredential(name: Name, values: Settings, options: Given): void {
  if (values[name] === undefined) {
    const given = nameOf(table.kafkaSecurityProtocol, options);
    const hint = `${missing(table[name])}, as ${given} is ${values.kafkaSecurityProtocol}`;
    throw new ConfigError("config.invalid", hint);
  }
}

function nameOf({ argument, variable }: Setting, options: Given): string {
  return options[argument] == null ? variable : argument;
}

function protocolHint(needed: string, protocol: string): string {
  const { argument, variable, choices } = table.kafkaSecurityProtocol;
  const usable = choices.filter((choice) => choice.includes(needed)).join(" or ");
  return `${argument} or ${variable} to be ${usable}, as ${protocol} does not use it`;
}
