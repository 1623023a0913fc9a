/** What tells apart where events are to go: usage must not turn up in another cluster. */

import { createHash } from "node:crypto";

const defaultPort = 9092;
const bytes = 8;

/** What a header holds of a topic and the brokers that have it, or the word `producer`. */
export function destinationOf(topic: string, brokers: readonly string[] | "producer"): Buffer {
  const places =
    brokers === "producer" ? brokers : [...new Set(brokers.map(withPort))].sort().join();
  return createHash("sha256").update(`${topic}\n${places}`).digest().subarray(0, bytes);
}

function withPort(broker: string): string {
  const text = broker.trim().toLowerCase();
  return /:\d+$/.test(text) ? text : `${text}:${defaultPort}`;
}
