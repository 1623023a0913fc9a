export type { BeforeSend } from "./beforeSend.js";
export type {
  AmountsDetails,
  BoundaryDetails,
  BoundDetails,
  Id,
  MetricAmount,
  RecordOptions,
  SessionDetails,
  SessionEndDetails,
  Time,
  UsageDetails,
} from "./callOptions.js";
export type { UsageInput } from "./calls.js";
export { EkaClient } from "./client.js";
export type { Config } from "./config.js";
export { type Amount, Decimal, decimal } from "./decimal.js";
export {
  ClientClosedError,
  ConfigError,
  DeliveryError,
  EkaError,
  type ErrorContext,
  MetadataDegradedError,
  QueueFullError,
  ShutdownTimeoutError,
  SpoolError,
  ValidationError,
} from "./errors.js";
export { configOf, flagOptions } from "./flags.js";
export type { LogLevel, MetricType, Product, Status } from "./generated/catalog.js";
export { logLevels, products, statuses } from "./generated/catalog.js";
export {
  catalogVersion,
  deadLetterTopic,
  defaultLogLevel,
  defaultStatus,
  sdkVersion,
  usageTopic,
} from "./generated/constants.js";
export type { ErrorCode } from "./generated/errors.js";
export { errorCodes } from "./generated/errors.js";
export type { UsageEvent } from "./generated/event.js";
export { type SettingOptions, settings } from "./generated/settings.js";
export type { Stats } from "./ledger.js";
export { findEventType, findMetric, isMetricType, isProduct, metrics } from "./lookup.js";
export type { Metadata, MetadataLike } from "./metadata.js";
export type { Metric, MetricTypeOf } from "./metric.js";
export type { EkaClientOptions } from "./options.js";
export type { LogAttributes, Logger, OnError } from "./reporting.js";
export type { Session } from "./session.js";
export type { ErrorInfo, Setting } from "./tables.js";
export type { ProducerLike, ProducerMessage } from "./transports/injected.js";
export type { KafkaConfig } from "./transports/kafkaOptions.js";
