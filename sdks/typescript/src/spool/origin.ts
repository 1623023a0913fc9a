/** The writer of segments: what their names and headers identify it by. */

import { createHash } from "node:crypto";
import { freshBytes } from "../entropy.js";
import type { SpoolConfig } from "./config.js";
import { encodeHeader } from "./header.js";
import { type Kind, newName, type SegmentName } from "./segmentName.js";

const defaultPort = 9092;
const destinationBytes = 8;

/** One client, as the writer of its segments. */
export class Origin {
  /** 16 random bytes, as headers hold them. */
  readonly id = freshBytes(16);
  /** The same in hexadecimal digits, as names hold them. */
  readonly hex = this.id.toString("hex");
  readonly destination: Buffer;
  readonly #instanceId: string;
  #segments = 0;

  constructor({ destination, instanceId }: Pick<SpoolConfig, "destination" | "instanceId">) {
    this.destination = destination;
    this.#instanceId = instanceId;
  }

  /** Returns the name and the header of the next segment. */
  newSegment(
    kind: Kind,
    firstSeq: number,
    createdAt: number,
  ): { readonly name: SegmentName; readonly header: Buffer } {
    this.#segments += 1;
    const name = newName(kind, this.hex, firstSeq, this.#segments);
    const { id: origin, destination } = this;
    const identity = { origin, firstSeq, createdAt, destination, instanceId: this.#instanceId };
    return { name, header: encodeHeader(identity) };
  }
}

/**
 * Returns the bytes that identify a topic of one cluster in headers, so that usage never ends up in
 * another cluster. A client with an injected producer has no brokers.
 */
export function destinationOf(topic: string, brokers: readonly string[] | "producer"): Buffer {
  const addresses =
    brokers === "producer" ? brokers : [...new Set(brokers.map(withPort))].sort().join();
  const hash = createHash("sha256").update(`${topic}\n${addresses}`);
  return hash.digest().subarray(0, destinationBytes);
}

function withPort(broker: string): string {
  const text = broker.trim().toLowerCase();
  return /:\d+$/.test(text) ? text : `${text}:${defaultPort}`;
}
