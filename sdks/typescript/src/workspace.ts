/** Workspace ids that were checked, and what follows from them. */

import * as checks from "./checks.js";
import { murmur2 } from "./murmur2.js";

/** A workspace as events and Kafka need it. */
export interface Workspace {
  /** The id as JSON. */
  readonly json: string;
  /** The id as the key of Kafka messages. */
  readonly key: Buffer;
  /** The key's hash, which modulo the partitions is its partition. */
  readonly hash: number;
}

/** As callers may have any number of workspaces, it forgets them all when it knows that many. */
const most = 10_000;

/** The workspaces that a client has seen. */
export class Workspaces {
  readonly #known = new Map<unknown, Workspace>();

  /** The workspace of an id; throws a ValidationError where that is none. */
  get(workspaceId: unknown): Workspace {
    return this.#known.get(workspaceId) ?? this.#add(workspaceId);
  }

  #add(workspaceId: unknown): Workspace {
    const json = checks.workspaceId(workspaceId);
    const key = Buffer.from(workspaceId as string);
    const workspace = { json, key, hash: murmur2(key) };
    if (this.#known.size >= most) {
      this.#known.clear();
    }
    this.#known.set(workspaceId, workspace);
    return workspace;
  }
}
