/** What a read gives; undefined where a getter or a proxy of the caller's own throws. */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
