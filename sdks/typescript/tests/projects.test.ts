import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { others, own, Project, pack, root } from "./support/project.js";

let packed: ReturnType<typeof pack>;
beforeAll(() => {
  packed = pack();
});
afterAll(() => packed.dispose());

const serviceTest = `
  import { EkaClient } from "@eka-care/usage-sdk";
  import { InMemoryProducer } from "@eka-care/usage-sdk/testing";

  test("usage is recorded", () => {
    const producer = new InMemoryProducer();
    const usage = new EkaClient({ serviceName: "tests", producer });
    const eventId = usage.record("ws-1", "api", "api_call", 3, "ok", null, { model: "m-2" });
    expect(producer.events[0]).toMatchObject({ event_id: eventId, quantity: 3 });
    // Vitest only.
  });

  test("usage is flushed with fake timers", async () => {
    fake.useFakeTimers();
    const producer = { send: async () => undefined };
    const usage = new EkaClient({ serviceName: "tests", producer });
    usage.record("ws-1", "api", "api_call", 1, "ok", null, null, { occurredAt: new Date() });
    expect(await usage.flush()).toBe(0);
    expect(await usage.shutdown()).toBe(0);
    expect(usage.stats().delivered).toBe(1);
  });
`;

describe.each([
  ["oldest", others, "1.6.1"],
  ["newest", own, "5.1.1"],
] as const)("a project with the %s supported Vitest", (name, from, version) => {
  let project: Project;
  beforeAll(() => {
    project = new Project(join(packed.folder, name), packed.tarball, { vitest: from });
    project.write("setup.ts", 'import "@eka-care/usage-sdk/testing/vitest";');
    project.write("vitest.config.mjs", 'export default { test: { setupFiles: ["./setup.ts"] } };');
    project.write(
      "service.test.ts",
      `import { expect, test, vi as fake } from "vitest";
       ${serviceTest.replace(
         "// Vitest only.",
         `expect(producer).toHaveRecorded({ product: "api", metadata: { model: "m-2" } });
          expect(producer).not.toHaveRecorded({ product: "comms" });
          expect(producer).toHaveRecordedTimes(1);
          const wrong = () => {
            // @ts-expect-error The field is called product.
            expect(producer).toHaveRecorded({ products: "api" });
          };
          expect(wrong).toThrow("Expected an event to have these fields");`,
       )}`,
    );
  });

  test("npm finds no conflict between the package and Vitest", () => {
    const args = ["ls", "--all", "vitest"];
    const { stdout } = spawnSync("npm", args, { cwd: project.folder, encoding: "utf8" });
    expect(stdout).toContain(`vitest@${version}`);
    expect(stdout).not.toMatch(/invalid: .* from node_modules\/@eka-care/);
  });

  test("a test with matchers passes", () => {
    expect(project.node("node_modules/vitest/vitest.mjs", "run")).toMatch(/Tests .*2 passed/);
  });

  test("a test with matchers compiles", () => {
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"];
    const more = ["--target", "es2024", "--types", "", "setup.ts", "service.test.ts"];
    expect(project.node(join(root, "node_modules/typescript/bin/tsc"), ...options, ...more)).toBe(
      "",
    );
  });
});

test("a project with Jest runs a test that asserts on what is recorded", () => {
  const project = new Project(join(packed.folder, "jest"), packed.tarball, { jest: others });
  project.write("jest.config.mjs", "export default { transform: {} };");
  project.write("service.test.js", `const fake = import.meta.jest;${serviceTest}`);
  const jest = "node_modules/jest/bin/jest.js";
  const { stderr } = spawnSync(process.execPath, ["--experimental-vm-modules", jest], {
    cwd: project.folder,
    encoding: "utf8",
  });
  expect(stderr).toMatch(/Tests: .*2 passed/);
});
