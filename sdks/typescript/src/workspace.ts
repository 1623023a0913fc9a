/** Checked workspace ids, with what is derived from them. */

import * as checks from "./checks.js";
import { murmur2 } from "./murmur2.js";

/** A workspace, as events and Kafka need it. */
export interface Workspace {
  /** The id as JSON. */
  readonly json: string;
  /** The id as the key of Kafka messages. */
  readonly key: Buffer;
  /** The hash of the key: modulo the number of partitions, its partition. */
  readonly hash: number;
}

/** A service may have any number of workspaces: beyond this many the cache is cleared. */
const maxCached = 10_000;

/** A cache of checked workspaces. */
export class Workspaces {
  readonly #cache = new Map<unknown, Workspace>();

  /** Returns the workspace of an id; throws a ValidationError if the id is invalid. */
  get(workspaceId: unknown): Workspace {
    return this.#cache.get(workspaceId) ?? this.#add(workspaceId);
  }

  #add(workspaceId: unknown): Workspace {
    const text = checks.idText(workspaceId);
    const json = checks.workspaceId(text);
    const key = Buffer.from(text as string);
    const workspace = { json, key, hash: murmur2(key) };
    if (this.#cache.size >= maxCached) {
      this.#cache.clear();
    }
    this.#cache.set(workspaceId, workspace);
    return workspace;
  }
}
