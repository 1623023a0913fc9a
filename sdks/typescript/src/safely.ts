/** Returns what `read` returns; undefined if a getter or a proxy of the caller's throws. */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
