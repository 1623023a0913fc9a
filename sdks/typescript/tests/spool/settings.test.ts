import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConfigError, EkaClient, type EkaClientOptions } from "../../src/index.js";
import { InMemoryProducer } from "../../src/testing/index.js";
import { files, temporaryDirectory } from "../support/spooled.js";
import { eventually } from "../support/waiting.js";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const createClient = (options: Partial<EkaClientOptions>) =>
  new EkaClient({ serviceName: "tests", kafkaBrokers: "127.0.0.1:1", ...options });

function failure(options: Partial<EkaClientOptions>): Error {
  try {
    createClient(options);
  } catch (error) {
    return error as Error;
  }
  return expect.fail("the client was created");
}

describe("a requested spool directory", () => {
  test.each([
    ["a file", (path: string) => writeFileSync(path, ""), "must be a directory"],
    ["a symbolic link", (path: string) => symlinkSync("/var/tmp", path), "symbolic link"],
  ])("a requested spool directory is rejected if it is %s", (_, make, reason) => {
    using directory = temporaryDirectory();
    make(directory.path);
    const error = failure({ spool: "spill", spoolDir: directory.path });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(
      `invalid spoolDir '${directory.path}': expected a usable directory`,
    );
    expect(error.message).toContain(reason);
  });

  test("a requested spool directory is rejected if its parent is missing, by the variable's name", () => {
    using directory = temporaryDirectory();
    vi.stubEnv("EKA_SPOOL", "durable");
    vi.stubEnv("EKA_SPOOL_DIR", join(directory.path, "inner"));
    const { message } = failure({});
    expect(message).toContain("invalid EKA_SPOOL_DIR");
    expect(message).toContain("expected a usable directory: ENOENT");
  });
});

test("a client warns and has no spool if the default directory cannot be used", async () => {
  vi.stubEnv("EKA_SPOOL", "");
  vi.stubEnv("EKA_SPOOL_DIR", "");
  for (const name of ["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"]) {
    vi.stubEnv(name, "");
  }
  vi.stubEnv("TMPDIR", "/no/temporary/directory");
  // A user whose directory belongs to another, unique to this run of the test.
  vi.spyOn(process, "geteuid").mockReturnValue(4_000_000_000 + process.pid);
  const mine = `/var/tmp/eka-usage-${process.geteuid?.()}`;
  mkdirSync(mine, { recursive: true });
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const client = createClient({});
  rmdirSync(mine);
  const text = warn.mock.calls.flat().join();
  expect(text).toContain(client.stats().spoolError);
  expect(client.stats().spoolError).toContain(`'${mine}' belongs to user`);
  expect(text).toContain("/no/temporary/directory");
  expect(text).toContain("set EKA_SPOOL_DIR to a usable directory, or EKA_SPOOL=off");
  await client.shutdown(0);
});

describe("an injected producer", () => {
  test("an injected producer has no spool, whatever the environment requests", async () => {
    using directory = temporaryDirectory();
    mkdirSync(directory.path, { mode: 0o700 });
    vi.stubEnv("EKA_SPOOL", "durable");
    vi.stubEnv("EKA_SPOOL_DIR", directory.path);
    const producer = new InMemoryProducer();
    producer.fault = "away";
    const client = new EkaClient({ serviceName: "tests", producer, onError: () => undefined });
    client.record("ws-1", "api", "api_call");
    await client.shutdown();
    expect(client.stats()).toMatchObject({ failed: 1, spooled: 0 });
    expect(files(directory.path)).toEqual([]);
  });

  test("an injected producer has a spool if an option requests it", async () => {
    using directory = temporaryDirectory();
    const producer = new InMemoryProducer();
    producer.fault = "away";
    const client = new EkaClient({
      serviceName: "tests",
      producer,
      spool: "spill",
      spoolDir: directory.path,
    });
    client.record("ws-1", "api", "api_call");
    await eventually(() => expect(client.stats()).toMatchObject({ spooled: 1, queued: 0 }));
    producer.fault = undefined;
    expect(await client.flush(5000)).toBe(0);
    expect(client.stats()).toMatchObject({ delivered: 1, spooled: 0, failed: 0 });
    expect(await client.shutdown()).toBe(0);
    expect(files(directory.path)).toEqual([]);
  });
});
