import { parseArgs } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { optionsOf } from "../src/config.js";
import { flagOf, nameOf } from "../src/flags.js";
import {
  ConfigError,
  configOf,
  EkaClient,
  flagOptions,
  type Setting,
  settings,
} from "../src/index.js";
import { resolveSettings } from "../src/settings.js";

afterEach(() => vi.unstubAllEnvs());

const all = Object.keys(settings) as (keyof typeof settings)[];
const table = Object.entries<Setting>(settings).map(([key, setting]) => ({ key, setting }));
const flags = table.filter(({ setting }) => !setting.secret);
const linger = settings.kafkaLingerMs;
const password = settings.kafkaSaslPassword;

/** Returns the configuration of flags, beside a flag of the host's. */
function parsed(...args: string[]): Record<string, unknown> {
  const options = { ...flagOptions, disabled: { type: "string", default: "the host's" } } as const;
  return configOf(parseArgs({ args, options }).values);
}

/** A valid text that is not the default. */
function written(setting: Setting): string {
  if (setting.type === "boolean") {
    return setting.default === true ? "false" : "true";
  }
  if (setting.type === "integer") {
    return String((setting.minimum ?? 0) + 1);
  }
  return setting.choices?.at(-1) ?? "c:3";
}

function failure(config: Record<string, unknown>): ConfigError {
  try {
    EkaClient.fromConfig(config, { serviceName: "tests", disabled: true });
  } catch (error) {
    return error as ConfigError;
  }
  return expect.fail("the client was created");
}

test.each(flags)("a flag sets what its variable sets: $key", ({ key, setting }) => {
  const text = written(setting);
  const byVariable = resolveSettings({}, { [setting.variable]: text }, all);
  for (const given of [[`--${flagOf(setting)}=${text}`], [`--${flagOf(setting)}`, text]]) {
    const options = optionsOf(parsed(...given), {});
    expect(Object.keys(options)).toEqual([setting.argument]);
    const resolved = resolveSettings({ ...options }, {}, all);
    expect(resolved[key as keyof typeof settings]).toEqual(
      byVariable[key as keyof typeof settings],
    );
  }
});

test("an option overrides a flag, which overrides a variable", () => {
  const flag = `--${flagOf(linger)}`;
  const resolved = (config: Record<string, unknown>, options = {}) =>
    resolveSettings({ ...optionsOf(config, options) }, { [linger.variable]: "7" }, all)
      .kafkaLingerMs;
  expect(resolved(parsed())).toBe(7);
  expect(resolved(parsed(`${flag}=`))).toBe(7);
  expect(resolved(parsed(`${flag}=8`))).toBe(8);
  expect(resolved(parsed(`${flag}=9`, `${flag}=8`))).toBe(8);
  expect(resolved(parsed(`${flag}=8`), { flushIntervalMs: 9 })).toBe(9);
  expect(resolved(parsed(`${flag}=8`), { flushIntervalMs: undefined })).toBe(8);
  expect(resolved({ [nameOf(linger)]: 8 })).toBe(8);
  expect(resolved({ [nameOf(linger)]: 8 }, { flushIntervalMs: 9 })).toBe(9);
  expect(resolved({ [nameOf(linger)]: null })).toBe(7);
});

test("a secret has no flag but may be configured", () => {
  expect(Object.keys(flagOptions)).toEqual(flags.map(({ setting }) => flagOf(setting)));
  const resolved = resolveSettings({ ...optionsOf({ [nameOf(password)]: "hush" }, {}) }, {}, all);
  expect(`${resolved.kafkaSaslPassword}`).toBe("***");
  expect(resolved.kafkaSaslPassword?.reveal()).toBe("hush");
});

test("a configuration alone creates a client", async () => {
  vi.stubEnv(linger.variable, "soon"); // it is not read, as it is overridden
  const config = { service_name: "checkout", disabled: true, [nameOf(linger)]: 8 };
  const client = EkaClient.fromConfig(config);
  expect(client).toBeInstanceOf(EkaClient);
  await client.shutdown();
});

describe("an error names what was configured", () => {
  test.each([
    [
      { kafka_broker: "hush" },
      "invalid config 'kafka_broker': expected the name of a setting: did you mean 'kafka_brokers'?",
    ],
    [{ [nameOf(linger)]: "soon" }, `invalid ${nameOf(linger)} 'soon': expected an integer from`],
    [{ [nameOf(password)]: 7.5 }, `invalid ${nameOf(password)} a secret: expected a string`],
    [parsed(`--${flagOf(linger)}=soon`), `invalid --${flagOf(linger)} 'soon': expected an integer`],
    ["linger", "invalid config 'linger': expected an object"],
  ])("%j", (config, expected) => {
    const error = failure(config as Record<string, unknown>);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.code).toBe("config.invalid");
    expect(error.message).toContain(expected);
    expect(error.message).not.toContain("hush");
  });
});
