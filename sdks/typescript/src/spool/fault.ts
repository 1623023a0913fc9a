/** The disk does not take an event. */
export class SpoolFault extends Error {
  /** Whether there is no room, where otherwise the disk cannot be written at all. */
  readonly isFull: boolean;

  constructor(message: string, isFull: boolean) {
    super(message);
    this.isFull = isFull;
  }
}

/** The same of whatever the file system says. */
export function spoolFault(error: unknown): SpoolFault {
  if (error instanceof SpoolFault) {
    return error;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return new SpoolFault(message, code === "ENOSPC" || code === "EDQUOT");
}
