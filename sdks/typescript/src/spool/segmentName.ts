/** The names of segments, which identify their writer and their owner. */

/** `events` that Kafka does not have yet, or `dead` letters, which it rejected permanently. */
export type Kind = "events" | "dead";

/** The parts of a name. */
export interface SegmentName {
  readonly kind: Kind;
  /** The client that wrote it. */
  readonly origin: string;
  /** 20 digits, which sort as the numbers do. */
  readonly firstSeq: string;
  readonly number: number;
  /** The client that may replay and remove it. */
  readonly owner: string;
}

/** The owner of a segment that may be adopted at once. */
export const unowned = "0".repeat(32);

const pattern = /^(events|dead)-([0-9a-f]{32})-(\d{20})-(\d{6,15})\.([0-9a-f]{32})$/;

/** Returns the name of a new segment, which its origin owns. */
export function newName(kind: Kind, origin: string, seq: number, number: number): SegmentName {
  return { kind, origin, firstSeq: String(seq).padStart(20, "0"), number, owner: origin };
}

/** Parses the name of a file; undefined if it is not that of a segment. */
export function parseName(file: string): SegmentName | undefined {
  const [, kind, origin, firstSeq, number, owner] = pattern.exec(file) ?? [];
  if (origin === undefined || firstSeq === undefined || owner === undefined) {
    return undefined;
  }
  return { kind: kind as Kind, origin, firstSeq, number: Number(number), owner };
}

/** Formats the name of the file. */
export function fileName({ kind, origin, firstSeq, number, owner }: SegmentName): string {
  return `${kind}-${origin}-${firstSeq}-${String(number).padStart(6, "0")}.${owner}`;
}

/** Compares names, so that the segments of an origin sort in the order of their events. */
export function inOrder(a: SegmentName, b: SegmentName): number {
  return (
    compare(a.origin, b.origin) || compare(a.firstSeq, b.firstSeq) || compare(a.number, b.number)
  );
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b);
}
