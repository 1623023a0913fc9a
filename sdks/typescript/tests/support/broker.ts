/** The embedded broker as a child process, and the events in its topic. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Consumer } from "@platformatic/kafka";
import { usageTopic } from "../../src/index.js";

const program = fileURLToPath(new URL("../../../../.cache/bin/devbroker", import.meta.url));

/** A broker with durable data, so that a test may kill and restart it. */
export class Broker {
  readonly #folder = mkdtempSync(join(tmpdir(), "eka-usage-"));
  #process: ChildProcessWithoutNullStreams;
  #lines: Interface;
  bootstrap = "127.0.0.1:0";

  private constructor() {
    [this.#process, this.#lines] = this.#spawn();
  }

  static async start(): Promise<Broker> {
    const broker = new Broker();
    await broker.#ready();
    return broker;
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await once(this.#process, "close");
  }

  /** Restarts it with the same address and data. */
  async restart(): Promise<void> {
    [this.#process, this.#lines] = this.#spawn();
    await this.#ready();
  }

  /** Makes the next `times` produce requests fail. */
  async fail(error: string, times: number): Promise<void> {
    await this.#command({ do: "fail", error, times });
  }

  /** Returns the number of produce requests so far. */
  async requests(): Promise<number> {
    return Number((await this.#command({ do: "count" }))["requests"]);
  }

  /** Consumes the events of one client, until there are `count` different ones. */
  async events(instanceId: string, count: number): Promise<Record<string, unknown>[]> {
    const consumer = new Consumer({
      clientId: "tests",
      groupId: `tests-${instanceId}`,
      bootstrapBrokers: [this.bootstrap],
    });
    const found: Record<string, unknown>[] = [];
    const ids = new Set<unknown>();
    try {
      const stream = await consumer.consume({
        topics: [usageTopic],
        mode: "earliest",
        maxWaitTime: 100,
      });
      for await (const { value } of stream) {
        const event = JSON.parse(String(value)) as Record<string, unknown>;
        if (event["instance_id"] === instanceId) {
          found.push(event);
          ids.add(event["event_id"]);
        }
        if (ids.size === count) {
          break;
        }
      }
    } finally {
      await consumer.close(true);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      await this.kill();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(): [ChildProcessWithoutNullStreams, Interface] {
    const child = spawn(program, ["--listen", this.bootstrap, "--data-dir", this.#folder]);
    child.stderr.pipe(process.stderr);
    return [child, createInterface(child.stdout)];
  }

  async #ready(): Promise<void> {
    this.bootstrap = String((await this.#line())["bootstrap"]);
  }

  async #command(command: object): Promise<Record<string, unknown>> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    return await this.#line();
  }

  async #line(): Promise<Record<string, unknown>> {
    const [line] = (await once(this.#lines, "line")) as [string];
    return JSON.parse(line) as Record<string, unknown>;
  }
}
