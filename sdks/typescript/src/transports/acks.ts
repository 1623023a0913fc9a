/** What acks 1 means for a topic that has replicas, logged once in a process. */

import { envPrefix } from "../generated/settings.js";
import type { BytesProducer } from "./kafkaProducer.js";

let isDone = false;

/** Warns if the topic has replicas, by the metadata that the producer has; never rejects. */
export async function checkReplicas(
  producer: BytesProducer,
  topic: string,
  warn: (text: string) => void,
): Promise<void> {
  if (isDone) {
    return;
  }
  isDone = true;
  try {
    const { topics } = await producer.metadata({ topics: [topic] });
    const partitions = topics.get(topic)?.partitions ?? [];
    const replicas = Math.max(...partitions.map((partition) => partition.replicas.length));
    if (replicas > 1) {
      warn(
        `acks is 1 and topic ${topic} has ${replicas} replicas: an event counts as delivered once the ` +
          "leader has it, and is lost if that broker fails before the others have copied it; set " +
          `${envPrefix}KAFKA_ACKS=all`,
      );
    }
  } catch {
    isDone = false; // the next batch is as good
  }
}
