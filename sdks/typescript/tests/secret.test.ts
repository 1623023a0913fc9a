import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { serialize } from "node:v8";
import { expect, test, vi } from "vitest";
import { EkaClient } from "../src/index.js";
import { PasswordFile, Secret } from "../src/secret.js";
import { resolveSettings } from "../src/settings.js";
import { producerOptions } from "../src/transports/kafkaOptions.js";

const hush = "hunter2-hunter2";
const sasl = {
  kafkaBrokers: "127.0.0.1:1",
  securityProtocol: "SASL_SSL",
  saslMechanism: "SCRAM-SHA-512",
  saslUsername: "me",
  saslPassword: hush,
} as const;

function shown(value: unknown): string {
  const printed = [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: null, showHidden: true, getters: true }),
  ];
  return printed.join();
}

test("a secret is printed, inspected, encoded and copied as stars or nothing", () => {
  const secret = new Secret(hush);
  expect(`${secret} ${JSON.stringify({ secret })} ${inspect([secret])}`).toBe(
    '*** {"secret":"***"} [ *** ]',
  );
  expect(serialize(secret).toString("latin1")).not.toContain(hush);
  expect(shown(structuredClone(secret))).not.toContain(hush);
  expect(secret.reveal()).toBe(hush);
});

test("neither a client, its settings nor the options of the library show a secret", async () => {
  const settings = resolveSettings({ ...sasl }, {}, []);
  const client = new EkaClient({ serviceName: "tests", spool: "off", ...sasl });
  for (const value of [settings, producerOptions(settings, {}), client]) {
    expect(shown(value)).not.toContain(hush);
  }
  await client.shutdown();
});

test("a password file that cannot be read just now keeps its last password", () => {
  const path = join(mkdtempSync(join(tmpdir(), "eka-secret-")), "password");
  const warn = vi.fn();
  const file = new PasswordFile(path, warn);
  expect(() => file.latest()).toThrow("ENOENT");
  writeFileSync(path, ` ${hush} \r\n`);
  expect(file.latest().reveal()).toBe(` ${hush} `);
  rmSync(path);
  expect(file.latest().reveal()).toBe(` ${hush} `);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("cannot be read: ENOENT"));
});
