/** The names of segments, which say whose they are. */

/** Events that Kafka does not have yet, or those that it refused for good. */
export type Kind = "events" | "dead";

/** What a name says. */
export interface SegmentName {
  readonly kind: Kind;
  /** Who wrote it. */
  readonly origin: string;
  /** 20 digits, which sort as the numbers do. */
  readonly firstSeq: string;
  readonly number: number;
  /** Who may replay and remove it. */
  readonly owner: string;
}

/** The owner of what may be adopted at once. */
export const unowned = "0".repeat(32);

const pattern = /^(events|dead)-([0-9a-f]{32})-(\d{20})-(\d{6,15})\.([0-9a-f]{32})$/;

/** The name of a new segment, which belongs to its origin. */
export function newName(kind: Kind, origin: string, seq: number, number: number): SegmentName {
  return { kind, origin, firstSeq: String(seq).padStart(20, "0"), number, owner: origin };
}

/** What a file's name says; undefined where it is none of a segment. */
export function parseName(file: string): SegmentName | undefined {
  const [, kind, origin, firstSeq, number, owner] = pattern.exec(file) ?? [];
  if (origin === undefined || firstSeq === undefined || owner === undefined) {
    return undefined;
  }
  return { kind: kind as Kind, origin, firstSeq, number: Number(number), owner };
}

/** The file's name. */
export function fileName({ kind, origin, firstSeq, number, owner }: SegmentName): string {
  return `${kind}-${origin}-${firstSeq}-${String(number).padStart(6, "0")}.${owner}`;
}

/** Sorts the segments of an origin in the order of their events. */
export function inOrder(a: SegmentName, b: SegmentName): number {
  return (
    compare(a.origin, b.origin) || compare(a.firstSeq, b.firstSeq) || compare(a.number, b.number)
  );
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b);
}
