import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConfigError, EkaClient, type EkaClientOptions, settings } from "../src/index.js";
import { hideSecrets, resolveSettings } from "../src/settings.js";
import { producerOptions } from "../src/transports/kafkaOptions.js";

afterEach(() => vi.unstubAllEnvs());

function failure(options: Record<string, unknown>): Error {
  try {
    new EkaClient({ serviceName: "tests", ...options } as EkaClientOptions);
  } catch (error) {
    return error as Error;
  }
  return expect.fail("the client was created");
}

const brokers = { kafkaBrokers: "127.0.0.1:1" };
const sasl = { saslMechanism: "PLAIN", saslUsername: "me", saslPassword: "hush" };

describe("a setting", () => {
  test("a setting is the option, else the variable, else the default; an empty variable is not set", () => {
    const environment = {
      EKA_KAFKA_BROKERS: "a:1, b",
      EKA_KAFKA_LINGER_MS: "7",
      EKA_KAFKA_RETRIES: "",
      EKA_KAFKA_ACKS: "ALL",
      EKA_FLUSH_ON_SIGTERM: "0",
    };
    const resolved = resolveSettings({ flushIntervalMs: 8 }, environment, []);
    expect(resolved).toMatchObject({
      kafkaBrokers: ["a:1", "b"],
      kafkaLingerMs: 8,
      kafkaRetries: settings.kafkaRetries.default,
      kafkaAcks: "all",
      kafkaSaslMechanism: undefined,
      flushOnSigterm: false,
    });
  });

  test.each([
    [{}, "kafka brokers not configured: pass kafkaBrokers or set EKA_KAFKA_BROKERS"],
    [
      { kafkaBrokers: "http://x/y" },
      "invalid kafkaBrokers 'http://x/y': expected addresses host:port",
    ],
    [{ kafkaBrokers: "a:0" }, "invalid kafkaBrokers 'a:0'"],
    [{ kafkaBrokers: [] }, "invalid kafkaBrokers of type Array"],
    [{ ...brokers, flushIntervalMs: -1 }, "invalid flushIntervalMs -1: expected an integer from 0"],
    [{ ...brokers, batchSize: 1.5 }, "invalid batchSize 1.5: expected an integer from 1 to"],
    [{ ...brokers, retries: true }, "invalid retries true"],
    [
      { ...brokers, compression: "lzma" },
      "expected one of 'none', 'gzip', 'snappy', 'lz4', 'zstd'",
    ],
    [{ ...brokers, flushOnSigterm: "maybe" }, "invalid flushOnSigterm 'maybe': expected true or"],
    [
      { ...brokers, serviceName: " " },
      "invalid serviceName ' ': expected a non-blank string of 1 to 256",
    ],
    [{ ...brokers, hostname: "" }, "invalid hostname '': expected a non-blank string of 1 to 255"],
    [
      { ...brokers, securityProtocol: "SASL_SSL", saslMechanism: "PLAIN", saslUsername: "me" },
      "sasl password not configured: pass saslPassword or set EKA_KAFKA_SASL_PASSWORD, as securityProtocol is SASL_SSL",
    ],
    [
      { ...brokers, securityProtocol: "SSL", sslCaLocation: "/no/such/file" },
      "invalid sslCaLocation",
    ],
    [
      { ...brokers, kafkaConfig: { maxInflights: "many" } },
      "rejected by @platformatic/kafka: /options/max",
    ],
  ])("an invalid setting throws a ConfigError: %j", (options, message) => {
    const error = failure(options);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: "config.invalid" });
    expect(error.message).toContain(message);
  });

  test("an invalid setting is named by the variable that it was given by", () => {
    vi.stubEnv("EKA_KAFKA_BROKERS", "a:1");
    vi.stubEnv("EKA_KAFKA_LINGER_MS", "soon");
    expect(failure({}).message).toContain("invalid EKA_KAFKA_LINGER_MS 'soon'");
  });

  test("a secret setting appears in no message", () => {
    expect(failure({ ...brokers, saslPassword: 5 }).message).toContain(
      "invalid saslPassword a secret",
    );
    const values = resolveSettings({ ...brokers, ...sasl }, {}, []);
    expect(hideSecrets("it is hush, hush", values)).toBe("it is ***, ***");
  });

  test("brokers are not required with a producer or kafkaConfig", async () => {
    const producer = { send: async () => undefined };
    await new EkaClient({ serviceName: "tests", producer }).shutdown();
    const kafkaConfig = { bootstrapBrokers: ["127.0.0.1:1"] };
    await new EkaClient({ serviceName: "tests", kafkaConfig }).shutdown();
  });
});

test("an unknown option throws, and the error suggests the closest name", () => {
  const error = failure({ kafkaBroker: "a:1" });
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toBe("EkaClient has no option 'kafkaBroker': did you mean 'kafkaBrokers'?");
});

describe("the library's options", () => {
  const options = (more: object) =>
    producerOptions(resolveSettings({ ...brokers, ...more }, {}, []), {});

  test("the library does not retry, unless the producer is idempotent", () => {
    expect(options({})).toMatchObject({ acks: 1, retries: 0, compression: "lz4" });
    expect(options({ acks: "all" })).toMatchObject({ idempotent: true, retries: 5 });
    expect(options({ acks: "all", retries: 0 })).toMatchObject({ retries: 2 });
    const { retryDelay } = options({ acks: "all", retryDelayMs: 4 }) as {
      retryDelay: (client: unknown, id: string, attempt: number) => number;
    };
    expect(retryDelay(undefined, "", 1)).toBeLessThanOrEqual(4);
    expect(retryDelay(undefined, "", 9)).toBeGreaterThanOrEqual(750);
  });

  test("the library receives certificates and credentials if the protocol needs them", () => {
    const ca = join(tmpdir(), "eka-usage-ca.pem");
    writeFileSync(ca, "certificate");
    const secure = { securityProtocol: "SASL_SSL", sslCaLocation: ca, ...sasl };
    expect(options(secure)).toMatchObject({
      tls: { ca: Buffer.from("certificate") },
      tlsServerName: false,
      sasl: { mechanism: "PLAIN", username: "me" },
    });
    expect((options(secure)["sasl"] as { password: () => string }).password()).toBe("hush");
    expect(options({ ...secure, kafkaBrokers: "kafka.example:9093" })).toMatchObject({
      tlsServerName: true,
    });
    expect(options(sasl)).not.toHaveProperty("sasl");
  });
});
