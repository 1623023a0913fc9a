import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConfigError, EkaClient, type EkaClientOptions } from "../../src/index.js";
import { InMemoryProducer } from "../../src/testing/index.js";
import { files, temporary } from "../support/spooled.js";
import { holds } from "../support/waiting.js";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const made = (options: Partial<EkaClientOptions>) =>
  new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:1", ...options });

function failure(options: Partial<EkaClientOptions>): Error {
  try {
    made(options);
  } catch (error) {
    return error as Error;
  }
  return expect.fail("a client was made");
}

describe("a folder that was asked for is refused", () => {
  test.each([
    ["open to others", (path: string) => mkdirSync(path, { mode: 0o755 }), "set its mode to 700"],
    ["a file", (path: string) => writeFileSync(path, ""), "must be a directory"],
    ["a symbolic link", (path: string) => symlinkSync("/var/tmp", path), "symbolic link"],
  ])("where it is %s", (_, make, words) => {
    using folder = temporary();
    make(folder.path);
    const error = failure({ spool: "spill", spoolDir: folder.path });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(
      `invalid spoolDir '${folder.path}': expected a usable directory`,
    );
    expect(error.message).toContain(words);
  });

  test("where there is nothing to make it in, named as it was given", () => {
    using folder = temporary();
    vi.stubEnv("EKA_SPOOL", "durable");
    vi.stubEnv("EKA_SPOOL_DIR", join(folder.path, "inner"));
    const { message } = failure({});
    expect(message).toContain("invalid EKA_SPOOL_DIR");
    expect(message).toContain("set EKA_SPOOL_DIR to a directory that this process can write");
  });
});

test("a folder that nobody asked for is done without where it cannot be had, loudly", async () => {
  vi.stubEnv("EKA_SPOOL", "");
  vi.stubEnv("EKA_SPOOL_DIR", "");
  // A user whose folder belongs to another; no other run of this test has the same.
  vi.spyOn(process, "getuid").mockReturnValue(4_000_000_000 + process.pid);
  const mine = `/var/tmp/eka-usage-${process.getuid?.()}`;
  mkdirSync(mine, { recursive: true });
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const client = made({});
  rmdirSync(mine);
  const text = warn.mock.calls.flat().join();
  expect(text).toContain(`stay in memory only: '${mine}' belongs to user`);
  expect(text).toContain(
    "set EKA_SPOOL_DIR to a directory that this process can write, or EKA_SPOOL=off",
  );
  await client.shutdown(0);
});

describe("a producer of one's own", () => {
  test("has no spool, whatever the environment says", async () => {
    using folder = temporary();
    mkdirSync(folder.path, { mode: 0o700 });
    vi.stubEnv("EKA_SPOOL", "durable");
    vi.stubEnv("EKA_SPOOL_DIR", folder.path);
    const producer = new InMemoryProducer();
    producer.fault = "away";
    const client = new EkaClient({ serviceName: "tests", producer, onError: () => undefined });
    client.record("ws-1", "api", "api_call");
    await client.shutdown();
    expect(client.stats()).toMatchObject({ failed: 1, spooled: 0 });
    expect(files(folder.path)).toEqual([]);
  });

  test("has one where an option asks for it", async () => {
    using folder = temporary();
    const producer = new InMemoryProducer();
    producer.fault = "away";
    const client = new EkaClient({
      serviceName: "tests",
      producer,
      spool: "spill",
      spoolDir: folder.path,
    });
    client.record("ws-1", "api", "api_call");
    await holds(() => expect(client.stats()).toMatchObject({ spooled: 1, queued: 0 }));
    producer.fault = undefined;
    expect(await client.flush(5000)).toBe(0);
    expect(client.stats()).toMatchObject({ delivered: 1, spooled: 0, failed: 0 });
    expect(await client.shutdown()).toBe(0);
    expect(files(folder.path)).toEqual([]);
  });
});
