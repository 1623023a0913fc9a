/** Java's murmur2, so that a workspace has the same partition in every language. */

const seed = 0x9747b28c;
const mix = 0x5bd1e995;

/** Hashes a Kafka key; Kafka's own partitioner takes the hash modulo the number of partitions. */
export function murmur2(key: Buffer): number {
  const { length } = key;
  const whole = length & ~3;
  let hash = seed ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(key.readInt32LE(at), mix);
    word ^= word >>> 24;
    hash = Math.imul(hash, mix) ^ Math.imul(word, mix);
  }
  if (whole < length) {
    for (let at = length - 1; at >= whole; at--) {
      hash ^= (key[at] ?? 0) << (8 * (at - whole));
    }
    hash = Math.imul(hash, mix);
  }
  hash = Math.imul(hash ^ (hash >>> 13), mix);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
