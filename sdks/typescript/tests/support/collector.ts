/** Test doubles that collect what a client sends and reports. */

import type { ErrorContext } from "../../src/errors.js";
import type { EkaError, ProducerLike, ProducerMessage } from "../../src/index.js";

/** A producer that collects every message before `record()` returns. */
export class Collector implements ProducerLike {
  readonly immediate = true;
  readonly sent: ProducerMessage[] = [];

  async send({ messages }: { messages: ProducerMessage[] }): Promise<void> {
    this.sent.push(...messages);
  }

  /** The events as JSON texts. */
  get texts(): string[] {
    return this.sent.map(({ value }) => value.toString());
  }

  /** The events. */
  get events(): Record<string, unknown>[] {
    return this.texts.map((text) => JSON.parse(text) as Record<string, unknown>);
  }
}

/** An onError that collects every error. */
export class Reported {
  readonly all: { error: EkaError; context: ErrorContext }[] = [];

  readonly onError = (error: EkaError, context: ErrorContext): void => {
    this.all.push({ error, context });
  };

  get codes(): string[] {
    return this.all.map(({ error }) => error.code);
  }

  get messages(): string[] {
    return this.all.map(({ error }) => error.message);
  }
}
