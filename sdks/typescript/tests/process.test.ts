import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Broker } from "./support/broker.js";
import { instanceOf, run, start } from "./support/run.js";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(async () => await broker[Symbol.asyncDispose]());

const unreachable = "127.0.0.1:1";
const patient = "{ flushIntervalMs: 60_000 }";

describe("a process", () => {
  test("a process with nothing left to do delivers what it recorded, and ends at once", async () => {
    const ended = await run(broker.bootstrap, "record(100);", patient);
    expect(ended).toMatchObject({ code: 0, signal: null, errors: "" });
    expect(ended.milliseconds).toBeLessThan(5000);
    expect(await broker.events(instanceOf(ended), 100)).toHaveLength(100);
  });

  test("a connected client does not keep the process alive", async () => {
    const ended = await run(broker.bootstrap, "record(1); await client.flush();");
    expect(ended).toMatchObject({ code: 0, errors: "" });
    expect(ended.milliseconds).toBeLessThan(5000);
  });

  test("a process keeps its exit code, and may record until it ends", async () => {
    const ended = await run(
      broker.bootstrap,
      'process.exitCode = 7; let more = 3; process.on("beforeExit", () => more-- > 0 && record(10));',
    );
    expect(ended.code).toBe(7);
    expect(await broker.events(instanceOf(ended), 30)).toHaveLength(30);
  });

  test("a process without a broker ends within the budget, and reports what is lost", async () => {
    const ended = await run(unreachable, "record(5);", "{ shutdownTimeoutMs: 500 }");
    expect(ended).toMatchObject({ code: 0, errors: "" });
    expect(ended.milliseconds).toBeLessThan(5000);
    expect(ended.output.match(/^shutdown\.timeout /gm)).toHaveLength(5);
  });

  test("a process that calls process.exit() reports what is lost", async () => {
    const ended = await run(broker.bootstrap, "record(5); process.exit(3);", patient);
    expect(ended.code).toBe(3);
    expect(ended.output.match(/^shutdown\.timeout /gm)).toHaveLength(5);
  });

  test("a process that crashes reports what is lost", async () => {
    const ended = await run(broker.bootstrap, 'record(5); throw new Error("bang");', patient);
    expect(ended.code).toBe(1);
    expect(ended.output.match(/^shutdown\.timeout /gm)).toHaveLength(5);
  });

  test("a process has no listeners left once its clients are shut down", async () => {
    const program = `
      const another = new sdk.EkaClient({ serviceName: "another", kafkaBrokers: "${unreachable}" });
      const count = () => ["beforeExit", "exit", "SIGTERM"].map((on) => process.listenerCount(on));
      console.log("before", ...count());
      await client.shutdown();
      console.log("between", ...count());
      await another.shutdown();
      console.log("after", ...count());
    `;
    const { output } = await run(unreachable, program);
    expect(output).toContain("before 1 1 1\nbetween 1 1 1\nafter 0 0 0\n");
  });

  test("a process whose broker accepts connections but never responds ends in time", async () => {
    const program = `
      const server = (await import("node:net")).createServer(() => undefined).listen(0, "127.0.0.1");
      await (await import("node:events")).once(server, "listening");
      server.unref();
      const hung = new sdk.EkaClient({
        serviceName: "hung",
        kafkaBrokers: "127.0.0.1:" + server.address().port,
        shutdownTimeoutMs: 500,
        onError: (error) => console.log(error.code),
      });
      hung.record("ws", "api", "api_call");
      await hung.flush(200);
      await hung.shutdown();
    `;
    const ended = await run(unreachable, program);
    expect(ended.output).toContain("shutdown.timeout");
    expect(ended.milliseconds).toBeLessThan(14_000);
  });
});

describe("SIGTERM", () => {
  const waiting = 'record(100); setInterval(() => undefined, 1000); console.log("ready");';

  test("SIGTERM delivers what is queued, and ends the process", async () => {
    const running = start(broker.bootstrap, waiting, patient);
    await running.printed("ready");
    running.kill("SIGTERM");
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: null, signal: "SIGTERM", errors: "" });
    expect(await broker.events(instanceOf(ended), 100)).toHaveLength(100);
  });

  test("SIGTERM without a broker ends the process within the budget", async () => {
    const running = start(unreachable, waiting, "{ shutdownTimeoutMs: 300 }");
    await running.printed("ready");
    running.kill("SIGTERM");
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(ended.output.match(/^shutdown\.timeout /gm)).toHaveLength(100);
  });

  test.each(["before the client was created", "after it"])(
    "SIGTERM is left to the handler that the host added %s",
    async (when) => {
      const handler =
        'process.on("SIGTERM", () => { console.log("mine"); process.exitCode = 4; clearInterval(timer); });';
      const timer = "const timer = setInterval(() => undefined, 1000);";
      const program =
        when === "after it"
          ? `${timer} ${handler} record(10); console.log("ready");`
          : `${timer} process.removeAllListeners("SIGTERM"); ${handler} new sdk.EkaClient({ serviceName: "later", kafkaBrokers: "${unreachable}" }); record(10); console.log("ready");`;
      const running = start(broker.bootstrap, program, patient);
      await running.printed("ready");
      running.kill("SIGTERM");
      const ended = await running.ended;
      expect(ended).toMatchObject({ code: 4, signal: null });
      expect(ended.output).toContain("mine");
      const isReported = ended.errors.includes("SIGTERM is handled by a function, so the client");
      expect(isReported).toBe(when === "before the client was created");
      expect(await broker.events(instanceOf(ended), 10)).toHaveLength(10);
    },
  );

  test("SIGTERM ends the process at once if flushOnSigterm is off", async () => {
    const running = start(
      broker.bootstrap,
      waiting,
      "{ flushOnSigterm: false, flushIntervalMs: 60_000 }",
    );
    await running.printed("ready");
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});
