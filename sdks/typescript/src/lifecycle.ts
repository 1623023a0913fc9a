/** What a client and those bound to it share: the instance, its counters, and its end. */

import { isDisabledByDefault } from "./ambient.js";
import * as checks from "./checks.js";
import { describeError } from "./describe.js";
import { DeliveryError, type EkaError, message } from "./errors.js";
import { EventEncoder } from "./event.js";
import { usageTopic } from "./generated/constants.js";
import { guardedHooks } from "./hooks.js";
import { ownHostname } from "./host.js";
import { checkHttp, sendsTokenInClear, tokenInClear } from "./httpSettings.js";
import { close, type Instance } from "./instance.js";
import type { Stats } from "./ledger.js";
import { checkOptions, type EkaClientOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { outboxSettings } from "./outboxSettings.js";
import { Outcomes } from "./outcomes.js";
import { checkSecurity, passwordInClear, sendsPasswordInClear } from "./security.js";
import { OpenSessions } from "./session.js";
import { resolveSettings } from "./settings.js";
import { register, type ShutdownHooks, unregister } from "./shutdownHooks.js";
import { LaneReplayTransport, outboxSpool, SharedTransport } from "./spoolWiring.js";
import { activeSpan } from "./trace.js";
import { DisabledTransport } from "./transports/disabled.js";
import { HttpTransport } from "./transports/http.js";
import { InjectedTransport } from "./transports/injected.js";
import { type KafkaListener, KafkaTransport } from "./transports/kafka.js";

/** Creates the instance of a client, replaces it, and shuts it down. */
export class ClientCore {
  readonly debug: boolean;
  readonly clock: () => number;
  readonly monotonicClock: () => number;
  readonly shutdownTimeoutMs: number;
  readonly sessions = new OpenSessions();
  #instance: Instance;
  readonly #newInstance: (before?: Instance) => Instance;
  readonly #isDisabled: boolean;
  #isCounting = false;
  readonly #hooks: ShutdownHooks;
  #closing: Promise<number> | undefined;

  constructor(options: EkaClientOptions) {
    checkOptions(options);
    const { producer, kafkaConfig = {}, beforeSend } = options;
    // Those of the instance that was made last.
    let latest: Outcomes | undefined;
    const { clock, monotonicClock, newId } = guardedHooks(options, (text) => latest?.warn(text));
    const isOff = isDisabledByDefault(options);
    const hasBrokers = isOff || producer !== undefined || "bootstrapBrokers" in kafkaConfig;
    const notRequired = hasBrokers ? (["kafkaBrokers"] as const) : [];
    const settings = resolveSettings({ ...options }, process.env, notRequired);
    this.#isDisabled = isOff || settings.disabled;
    const sends = producer === undefined && !this.#isDisabled;
    const usesHttp = sends && settings.transport === "http";
    const usesKafka = sends && !usesHttp;
    if (usesHttp) {
      checkHttp(settings, { ...options });
    }
    if (usesKafka) {
      checkSecurity(settings, { ...options }, kafkaConfig);
    }
    const serviceName = checks.serviceName(options.serviceName);
    const hostname = checks.hostname(options.hostname ?? ownHostname());
    const connected = ({ onError, warn = () => undefined }: KafkaListener) =>
      usesHttp
        ? new HttpTransport(settings, warn)
        : new KafkaTransport(settings, kafkaConfig, usageTopic, {
            ...(onError && { onError }),
            warn,
          });
    const sending = outboxSettings(settings, clock);
    const span = settings.traceMetadata ? activeSpan() : undefined;
    this.#newInstance = (before) => {
      const outcomes = new Outcomes(options.onError, usageTopic, options.logger);
      latest = outcomes;
      const encoder = new EventEncoder(
        serviceName,
        hostname,
        { clock, newId, beforeSend, activeSpan: span },
        settings,
      );
      const injected =
        producer && (before?.injected?.successor() ?? new InjectedTransport(producer, usageTopic));
      const warn = (text: string) => outcomes.warn(text);
      const onError = (error: EkaError) => outcomes.report(error, {});
      const enabled = () => injected ?? connected({ onError, warn });
      const transport = this.#isDisabled ? new DisabledTransport(producer) : enabled();
      const { spool, error: spoolError } = outboxSpool(settings, options, this.#isDisabled, {
        instanceId: encoder.instanceId,
        clock,
        seq: () => encoder.numbered,
        warn,
        replayTransport: () =>
          new LaneReplayTransport(
            injected === undefined ? connected({ warn }) : new SharedTransport(injected),
            sending.lateBatchBytes,
          ),
      });
      const outbox = new Outbox(transport, sending, outcomes, spool);
      return { encoder, outcomes, outbox, injected, spoolError };
    };
    this.#instance = this.#newInstance();
    if (usesKafka && sendsPasswordInClear(settings, kafkaConfig)) {
      this.#instance.outcomes.warn(passwordInClear);
    }
    if (usesHttp && sendsTokenInClear(settings)) {
      this.#instance.outcomes.warn(tokenInClear);
    }
    this.debug = options.debug ?? false;
    this.clock = clock;
    this.monotonicClock = monotonicClock;
    this.shutdownTimeoutMs = settings.shutdownTimeoutMs;
    this.#hooks = {
      timeoutMs: settings.shutdownTimeoutMs,
      queued: () => this.#instance.outbox.queued,
      drain: (timeoutMs) => this.#instance.outbox.drain(timeoutMs),
      shutdown: (timeoutMs) => this.shutdown(timeoutMs),
      abandon: () => {
        this.#reportSessions();
        return this.#instance.outbox.abandon();
      },
      warn: (text) => this.#instance.outcomes.warn(text),
    };
    if (!this.#isDisabled) {
      register(this.#hooks, settings.flushOnSigterm);
    }
  }

  /** What the client is until it is reset. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Whether something is done with each event that is accepted. */
  get isWatched(): boolean {
    return this.debug || this.#isCounting;
  }

  /** Counts events by product, metric type and status, from now on. */
  count(): void {
    this.#isCounting = true;
    this.#instance.outcomes.count();
  }

  async connect(): Promise<void> {
    try {
      await this.#instance.outbox.connect();
    } catch (error) {
      const text = message("delivery.failed", { hint: describeError(error) });
      throw new DeliveryError("delivery.failed", text);
    }
  }

  async flush(timeoutMs: number): Promise<number> {
    return await this.#instance.outbox.flush(timeoutMs);
  }

  stats(): Stats {
    const { outcomes, encoder, outbox, spoolError } = this.#instance;
    const stats = outcomes.stats(encoder.numbered, outbox.spoolStats);
    return { ...stats, spoolError, disabled: this.#isDisabled };
  }

  async shutdown(timeoutMs: number): Promise<number> {
    this.#closing ??= this.#close(timeoutMs);
    return await this.#closing;
  }

  async reset(timeoutMs: number): Promise<number> {
    if (this.#closing !== undefined || this.#isDisabled) {
      return 0;
    }
    const before = this.#instance;
    this.#instance = this.#newInstance(before);
    if (this.#isCounting) {
      this.#instance.outcomes.count();
    }
    return await close(before, timeoutMs);
  }

  async #close(timeoutMs: number): Promise<number> {
    this.#reportSessions();
    const undelivered = await close(this.#instance, timeoutMs);
    unregister(this.#hooks);
    return undelivered;
  }

  #reportSessions(): void {
    this.sessions.abandon((error, identity) =>
      this.#instance.outcomes.rejected(error, { identity }),
    );
  }
}
