/** What a bound client gives to each of its calls. */

import type { CallOptions, CallValues } from "./callOptions.js";
import { mergedMetadata } from "./metadata.js";

/** Defaults of calls; what a call gives itself wins. */
export class Bindings {
  readonly workspaceId: unknown;
  readonly #serviceName: unknown;
  readonly #metadata: unknown;
  readonly #fields: CallOptions["fields"];

  /** Adds defaults to those of `below`, over which they win. */
  constructor(given: CallValues, below?: Bindings) {
    this.workspaceId = given.workspaceId ?? below?.workspaceId;
    this.#serviceName = given.serviceName ?? (below === undefined ? undefined : below.#serviceName);
    this.#metadata = below === undefined ? given.metadata : below.metadataOf(given.metadata);
    this.#fields = below === undefined ? given.fields : below.#fieldsOf(given.fields);
  }

  /** Returns the metadata of a call with that of the client, whose keys the call may replace. */
  metadataOf(given: unknown): unknown {
    return this.#metadata == null ? given : mergedMetadata(this.#metadata, given);
  }

  /** Returns the options of a call with those of the client. */
  optionsOf(given: CallOptions | undefined): CallOptions {
    const serviceName = given?.serviceName ?? this.#serviceName;
    return { ...given, serviceName, fields: this.#fieldsOf(given?.fields) };
  }

  #fieldsOf(given: CallOptions["fields"]): CallOptions["fields"] {
    return this.#fields === undefined ? given : { ...this.#fields, ...given };
  }
}
