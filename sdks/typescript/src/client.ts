/** The client: accepts usage events, and delivers each one or reports why it cannot. */

import type { BoundDetails, Id } from "./callOptions.js";
import { type Config, optionsOf } from "./config.js";
import type { Stats } from "./ledger.js";
import { ClientCore } from "./lifecycle.js";
import type { EkaClientOptions } from "./options.js";
import { Recorder } from "./recorder.js";
import { Recording } from "./recording.js";

/** Returns what clients share with those that are bound to them; for the adapters in this package. */
export let coreOf: (client: EkaClient<never>) => ClientCore;

/**
 * Reports usage to Kafka, without ever blocking or crashing its caller.
 *
 * Create one per process and keep it: it connects on its own, and when the process ends it sends
 * what is queued, or spills it to disk. Errors never reach the caller of `record()`: they are passed
 * to `onError`, with a code.
 *
 * @example
 * const usage = new EkaClient({ serviceName: "billing-api", kafkaBrokers: "127.0.0.1:9092" });
 * usage.record("workspace-1", "api", "api_call");
 *
 * @throws ConfigError if an option or an environment variable is invalid.
 * @throws TypeError if an option has an unknown name.
 */
export class EkaClient<W extends Id | undefined = Id> extends Recording<W> {
  readonly #recorder: Recorder;

  static {
    coreOf = (client) => client.#core;
  }

  constructor(options: EkaClientOptions) {
    const given: unknown = options;
    const recorder = given instanceof Recorder ? given : new Recorder(new ClientCore(options));
    super(recorder);
    this.#recorder = recorder;
  }

  /**
   * Returns a client that is configured by an object, such as from a file or from flags.
   *
   * @param config Settings by their names in `docs/settings.md`, and `service_name`; they override
   * environment variables. `configOf()` returns that of flags.
   * @param overrides Options of the client; each overrides the configuration.
   * @throws ConfigError if a name is not that of a setting, or a value is not allowed.
   */
  static fromConfig(config: Config, overrides: Partial<EkaClientOptions> = {}): EkaClient {
    return new EkaClient(optionsOf(config, overrides));
  }

  /**
   * Returns a client with defaults, such as the workspace or the run of one request. It shares
   * everything else with this one: the queue, the counters, and the end of both.
   *
   * What a call gives itself wins over a default; metadata is merged, key by key.
   *
   * @example
   * const run = usage.bind({ workspaceId: "workspace-1", runId });
   * run.record(undefined, metrics.agent.tool_call);
   */
  bind<D extends BoundDetails>(
    details: D,
  ): EkaClient<D extends { readonly workspaceId: Id } ? Id | undefined : W> {
    return new EkaClient(this.#recorder.bound(details) as never);
  }

  /** Resolves once Kafka is reachable; rejects with a DeliveryError if it is not. Never needed. */
  async connect(): Promise<void> {
    await this.#core.connect();
  }

  /**
   * Waits until every accepted event is delivered or has failed, including those on disk. Never
   * rejects.
   *
   * @param timeoutMs The limit in milliseconds. Default: the setting `shutdownTimeoutMs`.
   * @returns The number of events left; 0 is success.
   */
  async flush(timeoutMs: number = this.#core.shutdownTimeoutMs): Promise<number> {
    return await this.#core.flush(timeoutMs);
  }

  /** Returns the counters of this client. */
  stats(): Stats {
    return this.#core.stats();
  }

  /**
   * Shuts down gracefully: sends what is queued. What Kafka does not acknowledge in time is spilled
   * to disk for the next process, or given up if there is no spool.
   *
   * Afterwards `record()` fails with `client.closed`. Further calls return the same promise's result.
   *
   * @param timeoutMs The limit in milliseconds. Default: the setting `shutdownTimeoutMs`.
   * @returns The number of events given up; `onError` received `shutdown.timeout` for each.
   */
  async shutdown(timeoutMs: number = this.#core.shutdownTimeoutMs): Promise<number> {
    return await this.#core.shutdown(timeoutMs);
  }

  /**
   * Makes the client a new instance, in a process restored from a snapshot of its memory.
   *
   * Call it in each process that is restored, before it records: otherwise all copies have one
   * `instanceId`, the same sequence numbers and the same files on disk. Each copy sends what was
   * queued in the snapshot, as `shutdown()` does; it counts once. A client that was shut down stays
   * so. Argument and result are those of `shutdown()`.
   */
  async resetAfterRestore(timeoutMs: number = this.#core.shutdownTimeoutMs): Promise<number> {
    return await this.#core.reset(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  get #core(): ClientCore {
    return this.#recorder.core;
  }
}
