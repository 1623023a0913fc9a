/** A broker that enforces a quota, in front of the embedded one, which does not know quotas. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const produce = 0;
const host = "127.0.0.1";

/**
 * Passes requests on one after another, as a broker handles those of a connection. Each response to a
 * batch announces the throttle time, in which no further request is read.
 */
export class QuotaBroker {
  readonly #server = createServer((client) => this.#serve(client));
  readonly #sockets = new Set<Socket>();
  readonly #upstream: number;
  readonly #throttleMs: number;
  /** How many batches arrived. */
  batches = 0;

  private constructor(upstream: number, throttleMs: number) {
    this.#upstream = upstream;
    this.#throttleMs = throttleMs;
  }

  static async start(bootstrap: string, throttleMs: number): Promise<QuotaBroker> {
    const broker = new QuotaBroker(Number(bootstrap.split(":")[1]), throttleMs);
    broker.#server.listen(0, host);
    await once(broker.#server, "listening");
    return broker;
  }

  get bootstrap(): string {
    return `${host}:${this.#port}`;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(client: Socket): void {
    const broker = connect(this.#upstream, host);
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined); // the other side went away
    }
    const responses = frames(broker);
    void (async () => {
      // What a client sent before it gave up is handled all the same.
      for await (const request of frames(client)) {
        broker.write(request);
        const { value: response } = await responses.next();
        const isBatch = request.readInt16BE(4) === produce;
        if (response === undefined) {
          return;
        }
        this.#redirect(response);
        if (isBatch) {
          this.batches += 1;
          response.writeInt32BE(this.#throttleMs, response.length - 5); // before the empty tagged fields
        }
        client.write(response);
        await new Promise((resolve) => setTimeout(resolve, isBatch ? this.#throttleMs : 0));
      }
    })();
  }

  /** Replaces the address of the broker in its metadata by the own one. */
  #redirect(response: Buffer): void {
    const address = (port: number) => {
      const bytes = Buffer.alloc(host.length + 4);
      bytes.writeInt32BE(port, bytes.write(host));
      return bytes;
    };
    const at = response.indexOf(address(this.#upstream));
    if (at !== -1) {
      address(this.#port).copy(response, at);
    }
  }
}

/** Splits a stream into requests or responses, each with its length in front. */
async function* frames(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let left: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      left = Buffer.concat([left, chunk as Buffer]);
      while (left.length >= 4 && left.length >= 4 + left.readInt32BE(0)) {
        const length = 4 + left.readInt32BE(0);
        yield left.subarray(0, length);
        left = left.subarray(length);
      }
    }
  } catch {
    // The other side went away.
  }
  return undefined;
}
