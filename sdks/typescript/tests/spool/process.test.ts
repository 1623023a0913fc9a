import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Broker } from "../support/broker.js";
import { instanceOf, run, start } from "../support/run.js";
import { files, temporaryDirectory } from "../support/spooled.js";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(async () => await broker[Symbol.asyncDispose]());

const spoolOptions = (path: string, mode: string, more = "") =>
  `{ spool: "${mode}", spoolDir: "${path}", ${more} }`;
const printStats = 'process.on("exit", () => console.log(JSON.stringify(client.stats())));';

/** The next process on the machine, which waits until the spool is empty. */
const adopter = `
  const { readdirSync } = await import("node:fs");
  const timer = setInterval(() => {
    if (!readdirSync(process.env.FOLDER).some((name) => name.startsWith("events-"))) {
      clearInterval(timer);
    }
  }, 20);
`;

async function adoptAll(path: string): Promise<void> {
  process.env["FOLDER"] = path;
  const ended = await run(broker.bootstrap, adopter, spoolOptions(path, "spill"));
  expect(ended).toMatchObject({ code: 0, errors: "" });
}

describe.each(["spill", "durable"])("a process in mode %s", (mode) => {
  test.each([
    ["process.exit()", "record(200); process.exit(3);", 3],
    ["an exception", 'record(200); throw new Error("bang");', 1],
    ["its end", "record(200);", 0],
  ])(
    "the events of a process that ended by %s are delivered by the next",
    async (_, program, code) => {
      using directory = temporaryDirectory();
      await broker.kill();
      const ended = await run(
        broker.bootstrap,
        `${printStats} ${program}`,
        spoolOptions(directory.path, mode),
      );
      await broker.restart();
      expect(ended.code).toBe(code);
      expect(ended.output).not.toContain("shutdown.timeout");
      expect(ended.milliseconds).toBeLessThan(8000);
      expect(files(directory.path).every((name) => name.endsWith("0".repeat(32)))).toBe(true);
      await adoptAll(directory.path);
      expect(await broker.events(instanceOf(ended), 200)).toHaveLength(200);
    },
  );
});

test("kill -9 loses nothing of a durable client", async () => {
  using directory = temporaryDirectory();
  await broker.kill();
  const waiting = 'record(5000); setInterval(() => undefined, 1000); console.log("ready");';
  const running = start(broker.bootstrap, waiting, spoolOptions(directory.path, "durable"));
  await running.printed("ready");
  running.kill("SIGKILL");
  const ended = await running.ended;
  await broker.restart();
  await adoptAll(directory.path);
  const ids = (await broker.events(instanceOf(ended), 5000)).map((event) => event["event_id"]);
  expect(new Set(ids).size).toBe(5000);
});

test("a full queue spills to disk, and all events arrive in order once the broker is back", async () => {
  using directory = temporaryDirectory();
  await broker.kill();
  const program = `
    for (let i = 0; i < 500; i += 1) client.record("ws-1", "api", "api_call");
    console.log("full", client.stats().spooled);
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
    console.log("left", await client.flush(20_000), JSON.stringify(client.stats()));
  `;
  const running = start(
    broker.bootstrap,
    program,
    spoolOptions(directory.path, "spill", "maxQueueSize: 100"),
  );
  await running.printed("full 400");
  await broker.restart();
  running.write("go");
  const ended = await running.ended;
  expect(ended.output).toContain("left 0");
  expect(ended.output).toContain('"delivered":500');
  const events = await broker.events(instanceOf(ended), 500);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
});

test("a permanently rejected event is reported, and kept as a dead letter", async () => {
  using directory = temporaryDirectory();
  await broker.fail("INVALID_RECORD", 1);
  const ended = await run(
    broker.bootstrap,
    `${printStats} record(1); await client.flush();`,
    spoolOptions(directory.path, "spill"),
  );
  expect(ended.output).toContain("delivery.failed");
  expect(ended.output).toContain('"deadLettered":1');
  expect(files(directory.path, "dead")).toHaveLength(1);
});
