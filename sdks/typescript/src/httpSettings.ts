/** Checks the settings of the HTTP API, before anything is sent to it. */

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { describeError, describeValue } from "./describe.js";
import { ConfigError } from "./errors.js";
import { settings as table } from "./generated/settings.js";
import { isApiKey, PasswordFile } from "./secret.js";
import { configError, missing, type Settings } from "./settings.js";

type Given = Readonly<Record<string, unknown>>;
type Name = "httpUrl" | "httpToken" | "httpTokenFile" | "httpCaLocation";

/** What a client logs if anybody on the network can read the API key. */
export const tokenInClear =
  "the API key is sent in the clear: the address of the HTTP API is http; use https, unless a proxy " +
  "encrypts";

/**
 * Checks the address of the HTTP API, the API key and the authorities.
 *
 * @throws ConfigError if one is missing, or cannot be used.
 */
export function checkHttp(settings: Settings, options: Given): void {
  const { httpUrl: url, httpToken: token, httpTokenFile: path, httpCaLocation: ca } = settings;
  if (url === undefined) {
    throw absent("httpUrl");
  }
  if (!isHttpUrl(url)) {
    const hint = "an address http://host or https://host, without a user, a query or a fragment";
    throw invalid("httpUrl", url.includes("@") ? "an address" : describeValue(url), hint, options);
  }
  if (path !== undefined) {
    checkFile(path, token !== undefined, options);
  } else if (token === undefined) {
    throw absent("httpToken");
  } else if (!isApiKey(token.reveal())) {
    throw invalid("httpToken", "a secret", "an API key", options);
  }
  if (ca !== undefined) {
    checkAuthorities(ca, options);
  }
}

/** Reports whether anybody on the network can read the API key. */
export function sendsTokenInClear({ httpUrl = "" }: Settings): boolean {
  const { protocol, hostname } = new URL(httpUrl);
  const isLocal = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
  return protocol === "http:" && !isLocal;
}

/** Returns the bytes that identify the server in headers of the spool; see `destinationOf()`. */
export function httpDestination(topic: string, url: string): Buffer {
  const hash = createHash("sha256").update(`${topic}\n${url.replace(/\/+$/, "")}`);
  return hash.digest().subarray(0, 8);
}

function checkFile(path: string, hasToken: boolean, options: Given): void {
  if (hasToken) {
    const hint = `no file, as there is ${nameOf("httpToken", options)}`;
    throw invalid("httpTokenFile", describeValue(path), hint, options);
  }
  try {
    if (!isApiKey(new PasswordFile(path).read().reveal())) {
      throw new Error("it is not one");
    }
  } catch (error) {
    const hint = `a file that contains the API key: ${describeError(error)}`;
    throw invalid("httpTokenFile", describeValue(path), hint, options);
  }
}

function checkAuthorities(path: string, options: Given): void {
  try {
    new X509Certificate(readFileSync(path));
  } catch (error) {
    const hint = `a PEM file of certificates: ${describeError(error)}`;
    throw invalid("httpCaLocation", describeValue(path), hint, options);
  }
}

function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#@]+$/.test(text) || !isApiKey(text)) {
    return false;
  }
  return URL.canParse(text) && new URL(text).port !== "0";
}

function absent(name: Name): ConfigError {
  return new ConfigError("config.invalid", `${missing(table[name])}, as the transport is http`);
}

function invalid(name: Name, given: string, hint: string, options: Given): ConfigError {
  return configError(nameOf(name, options), given, hint);
}

function nameOf(name: Name, options: Given): string {
  const { argument, variable } = table[name];
  return options[argument] == null ? variable : argument;
}
