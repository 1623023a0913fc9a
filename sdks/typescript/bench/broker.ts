/** The embedded broker, for the duration of a measurement. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const broker = fileURLToPath(new URL("../../../.cache/bin/devbroker", import.meta.url));

/** Runs `work` with the address of a broker. */
export async function withBroker<T>(work: (bootstrap: string) => Promise<T>): Promise<T> {
  const child = spawn(broker, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return await work((JSON.parse(line.toString()) as { bootstrap: string }).bootstrap);
  } finally {
    child.kill();
  }
}
