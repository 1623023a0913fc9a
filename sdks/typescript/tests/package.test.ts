import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { own, Project, pack, run } from "./support/project.js";

const tool = (name: string) => join(own, ".bin", name);

let packed: ReturnType<typeof pack>;
let project: Project;
beforeAll(() => {
  packed = pack();
  project = new Project(join(packed.folder, "project"), packed.tarball, {
    "@types": own,
    vitest: own,
  });
});
afterAll(() => packed.dispose());

const client = `new EkaClient({ serviceName: "s", producer: new InMemoryProducer() })`;
const use = `const client = ${client}; console.log(typeof client.record("ws", "api", "api_call"));`;

describe("the packed tarball", () => {
  test("the tarball has the build and nothing else", () => {
    const names = run("tar", ["--list", "--file", packed.tarball]).trim().split("\n");
    const others = names.filter((name) => !/^package\/dist\/.*\.(js|d\.ts)$/.test(name));
    expect(others.sort()).toEqual(["package/LICENSE", "package/README.md", "package/package.json"]);
  });

  test("the package can be used from ESM", () => {
    const program = `
      import { EkaClient } from "@eka-care/usage-sdk";
      import { InMemoryProducer } from "@eka-care/usage-sdk/testing";
      ${use}`;
    project.write("esm.mjs", program);
    expect(project.node("esm.mjs")).toBe("string\n");
  });

  test("the package can be used from CommonJS by import()", () => {
    const program = `
      (async () => {
        const { EkaClient } = await import("@eka-care/usage-sdk");
        const { InMemoryProducer } = await import("@eka-care/usage-sdk/testing");
        ${use}
      })();`;
    project.write("commonjs.cjs", program);
    expect(project.node("commonjs.cjs")).toBe("string\n");
  });

  test("the package can be used from CommonJS by require(), without a warning", () => {
    const program = `
      const { EkaClient } = require("@eka-care/usage-sdk");
      const { InMemoryProducer } = require("@eka-care/usage-sdk/testing");
      process.on("warning", ({ message }) => console.log(message));
      ${use}`;
    project.write("required.cjs", program);
    expect(project.node("required.cjs")).toBe("string\n");
  });

  test("the declarations compile without skipLibCheck", () => {
    const program = `
      import { EkaClient, type Stats } from "@eka-care/usage-sdk";
      import { InMemoryProducer, type UsageEvent } from "@eka-care/usage-sdk/testing";
      const producer = new InMemoryProducer();
      const client = new EkaClient({ serviceName: "s", producer, acks: "all", maxQueueSize: 5 });
      export const id: string | undefined = client.record("ws", "api", "api_call", 2n);
      export const stats: Stats = client.stats();
      export const event: UsageEvent | undefined = producer.events[0];`;
    project.write("typed.mts", program);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
    run(
      tool("tsc"),
      [...options, "--lib", "esnext", "--types", "node", "typed.mts"],
      project.folder,
    );
  });

  test("the adapters of README.md run beside the packages that they are for", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const [, section = ""] = readme.split("\n## Metrics\n");
    const [prometheus = "", opentelemetry = ""] = Array.from(
      section.matchAll(/```js\n(.*?)```/gs),
      ([, code = ""]) => code,
    );
    const monitored = new Project(join(packed.folder, "monitored"), packed.tarball, {
      "@opentelemetry": own,
      "prom-client": own,
    });
    const imports = `
      import { EkaClient } from "@eka-care/usage-sdk";
      import { InMemoryProducer } from "@eka-care/usage-sdk/testing";
      const usage = ${client};`;
    monitored.write("prometheus.mjs", `${imports}${prometheus}`);
    expect(monitored.node("prometheus.mjs")).toContain(
      'eka_usage_amounts_total{outcome="accepted",product="comms",metric_type="sms",status="ok"} 2\n',
    );
    monitored.write("opentelemetry.mjs", `${imports}${opentelemetry}console.log("registered")`);
    expect(monitored.node("opentelemetry.mjs")).toBe("registered\n");
  });

  test("an adapter without its package says which one is missing", () => {
    project.write("alone.mjs", `import "@eka-care/usage-sdk/prometheus";`);
    expect(() => project.node("alone.mjs")).toThrow(/Cannot find package 'prom-client'/);
  });

  test("publint finds nothing", () => {
    expect(run(tool("publint"), [packed.tarball, "--strict"])).toContain("All good!");
  });

  test("are-the-types-wrong finds nothing", () => {
    // The package is ESM only, which CommonJS and old resolvers cannot require.
    expect(() => run(tool("attw"), [packed.tarball, "--profile", "esm-only"])).not.toThrow();
  });
});
