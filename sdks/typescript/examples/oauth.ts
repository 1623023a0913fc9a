/**
 * Records one event by OAUTHBEARER, with a token from the file that TOKEN_FILE names.
 *
 * In place of a file, a service asks its identity provider. The other settings are variables, among
 * them EKA_KAFKA_SECURITY_PROTOCOL=SASL_SSL.
 */

import { readFile } from "node:fs/promises";
import { EkaClient, metrics } from "@eka-care/usage-sdk";

/** Called for each connection. */
async function token(): Promise<string> {
  return (await readFile(process.env["TOKEN_FILE"] ?? "", "ascii")).trim();
}

const usage = new EkaClient({
  serviceName: "typescript-oauth",
  kafkaConfig: { sasl: { mechanism: "OAUTHBEARER", token } },
});
const eventId = usage.record("workspace-1", metrics.api.api_call);
await usage.shutdown();
console.log(eventId, usage.stats().delivered);
