import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type Arrival, EventQueue } from "../src/eventQueue.js";
import { Workspaces } from "../src/workspace.js";

const workspace = new Workspaces().get("ws-1");

function event(json: string, acceptedAt = 0): Arrival {
  return { workspace, acceptedAt, json };
}

test("a queue returns events unchanged and in order, whatever their size", () => {
  const queue = new EventQueue();
  const texts = Array.from({ length: 500 }, (_, i) => `${i}é😀`.repeat(1 + ((i * 7919) % 3000)));
  const written = texts.map((text, i) => queue.push(event(text, i)));
  expect(written).toEqual(texts.map((text) => Buffer.byteLength(text)));
  expect(queue.length).toBe(500);
  const out: string[] = [];
  while (queue.length > 0) {
    const batch = queue.take(50_000);
    expect(batch.map(({ acceptedAt }) => acceptedAt)).toEqual(batch.map((_, i) => out.length + i));
    out.push(...batch.map(({ value }) => value.toString()));
  }
  expect(out).toEqual(texts);
  expect(queue.bytes).toBe(0);
});

test("a batch has at most the given size, but at least one event", () => {
  const queue = new EventQueue();
  for (const size of [30, 30, 30, 500, 10]) {
    queue.push(event("x".repeat(size)));
  }
  const sizes = () => queue.take(90).map(({ value }) => value.length);
  expect([sizes(), sizes(), sizes(), sizes()]).toEqual([[30, 30, 30], [500], [10], []]);
});

test("an event that was taken does not change while others are pushed", () => {
  const queue = new EventQueue();
  queue.push(event("first"));
  const [taken] = queue.take(1);
  queue.push(event("other"));
  expect(taken?.value.toString()).toBe("first");
});

test("an event of 500 bytes occupies less than 700 bytes", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const queue = new EventQueue();
  const json = "x".repeat(500);
  const before = used();
  for (let number = 0; number < 20_000; number += 1) {
    queue.push(event(json, 1.7e12 + number));
  }
  expect((used() - before) / queue.length).toBeLessThan(700);
});
