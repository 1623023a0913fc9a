/** Returns what `read` returns; undefined if a getter or a proxy of the caller's throws. */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Reports whether something that the caller threw or gave is of a class, whatever a proxy does. */
export function isInstance<T extends object>(
  value: unknown,
  kind: abstract new (...values: never[]) => T,
): value is T {
  return safely(() => value instanceof kind) === true;
}
