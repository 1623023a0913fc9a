import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Broker } from "./support/broker.js";
import { others, own, Project, pack, run } from "./support/project.js";

let packed: ReturnType<typeof pack>;
let broker: Broker;
beforeAll(async () => {
  packed = pack();
  broker = await Broker.start();
});
afterAll(async () => {
  packed.dispose();
  await broker[Symbol.asyncDispose]();
});

const service = `
  import { EkaClient } from "@eka-care/usage-sdk";
  import { InMemoryProducer } from "@eka-care/usage-sdk/testing";

  const producer = new InMemoryProducer();
  const tests = new EkaClient({ serviceName: "tests", producer });
  tests.record("ws-1", "api", "api_call");
  console.log("recorded", producer.events.length);

  const usage = new EkaClient({
    serviceName: "service",
    onError: ({ message }) => console.log(message),
  });
  usage.record("ws-1", "api", "api_call");
  usage.flush().then((left) => {
    console.log("left", left, "delivered", usage.stats().delivered);
    return usage.shutdown();
  });
`;

// The recipes of README.md.
const recipes = {
  "esbuild-esm":
    "esbuild service.js --bundle --platform=node --format=esm --outfile=bundle.mjs --external:@platformatic/kafka",
  "esbuild-cjs":
    "esbuild service.js --bundle --platform=node --format=cjs --outfile=bundle.cjs --external:@platformatic/kafka",
  rollup:
    "rollup service.js --format es --file bundle.mjs --external @platformatic/kafka --plugin node-resolve",
};

describe.each(Object.entries(recipes))("a bundle by %s", (name, recipe) => {
  let deployed: string;
  let bundle: string;

  beforeAll(() => {
    const project = new Project(join(packed.folder, name), packed.tarball, {
      "@rollup": others,
      "@platformatic": own,
    });
    project.write("service.js", service);
    deployed = join(packed.folder, "deployed", name);
    mkdirSync(deployed, { recursive: true });
    const [tool = "", ...args] = recipe
      .replace("bundle.", `../deployed/${name}/bundle.`)
      .split(" ");
    run(join(others, ".bin", tool), args, project.folder);
    [bundle = ""] = readdirSync(deployed);
  });

  function start(kafkaBrokers: string): string {
    const env = { ...process.env, EKA_KAFKA_BROKERS: kafkaBrokers };
    return execFileSync(process.execPath, [bundle], { cwd: deployed, encoding: "utf8", env });
  }

  test("a bundle records without the Kafka client, whose absence is reported", () => {
    const [recorded, missing, failed, counters] = start("127.0.0.1:1").trim().split("\n");
    expect(recorded).toBe("recorded 1");
    const reason =
      "delivery failed: @platformatic/kafka cannot be loaded; a bundle needs it as external";
    expect(missing).toContain(reason);
    expect(failed).toContain(reason);
    expect(counters).toBe("left 0 delivered 0");
  });

  test("a bundle delivers to Kafka with the Kafka client beside it", () => {
    mkdirSync(join(deployed, "node_modules"));
    symlinkSync(join(own, "@platformatic"), join(deployed, "node_modules", "@platformatic"));
    expect(start(broker.bootstrap).trim().split("\n")).toEqual([
      "recorded 1",
      "left 0 delivered 1",
    ]);
  });
});
