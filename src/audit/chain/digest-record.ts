import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { canonicalJson, type JsonSchema } from '#core/json';
import { compileSchema } from '#core/schema';

/** What a chain speaks for: the daily files of an audit directory, or the rows of `tool_audit_events`. */
export type TrailSource = 'jsonl' | 'postgres';

const TRAIL_SOURCES: readonly TrailSource[] = ['jsonl', 'postgres'];

/** Lines of a daily file by their bytes in the uncompressed day, half-open; rows by their ids, `after_id` excluded. */
export type Cover =
  | { readonly from_byte: number; readonly to_byte: number }
  | { readonly after_id: number; readonly to_id: number };

/** Events of a day as they were when they were digested. */
export interface EventsDigest {
  readonly covers: Cover;
  readonly count: number;
  /** As the earliest and the latest event say it; null where no event has a time. */
  readonly first_ts: string | null;
  readonly last_ts: string | null;
  /** Over the bytes of the lines, each with its newline. */
  readonly sha256: string;
  /** Of each `BLOCK_LINES` lines, shortened: tells where a difference begins, proves nothing. */
  readonly blocks: readonly string[];
  /** The same in whatever order the lines stand; tells a changed order from changed lines. */
  readonly order_free: string;
  /** Shortened SHA-256 of the last line: tells a cut end from a loss in the middle. */
  readonly last_line: string | null;
}

interface Chained {
  readonly version: 1;
  readonly source: TrailSource;
  /** From 1, without gaps. */
  readonly seq: number;
  /** SHA-256 of the digest file before this one, as it lies on the disk; null for the first. */
  readonly previous_sha256: string | null;
  readonly created_at: string;
  readonly key_fingerprint: string;
}

/** `day` closes a day; `late` holds what was stored for it afterwards. */
export interface EventsRecord extends EventsDigest {
  readonly kind: 'day' | 'late';
  readonly day: string;
}

/** A day's Parquet file, named before it takes its place. */
export interface CompactedRecord {
  readonly kind: 'compacted';
  readonly day: string;
  /** `found`: somebody else had written it before the chain knew of it. */
  readonly origin: 'made' | 'found';
  readonly count: number;
  /** Of the Parquet file. */
  readonly sha256: string;
}

/** `announcement`: a Parquet file that never took its place, since its compaction was stopped. */
const REMOVABLE = ['lines', 'parquet', 'rows', 'announcement'] as const;

/** What retention removes, written before it goes. */
export interface RemovedRecord {
  readonly kind: 'removed';
  /** The first and the last day, inclusive; one day but for rows. */
  readonly day: string;
  readonly to_day: string;
  readonly what: (typeof REMOVABLE)[number];
  readonly count: number;
  /** Lines and rows: what had been covered by digests when it was decided. */
  readonly covers: Cover | null;
  /** SHA-256 of all lines or of the Parquet file; null for rows. */
  readonly sha256: string | null;
  readonly reason: string;
}

export type RecordBody = EventsRecord | CompactedRecord | RemovedRecord;
export type UnsignedRecord = RecordBody & Chained;
export type DigestRecord = UnsignedRecord & { readonly signature: string };

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const shortHash = Type.String({ pattern: '^[0-9a-f]{16,32}$' });
const day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });
const count = Type.Integer({ minimum: 0 });
const nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false };

const covers = Type.Union([
  Type.Object({ from_byte: count, to_byte: count }, closed),
  Type.Object({ after_id: Type.Integer(), to_id: Type.Integer() }, closed),
]);

const chained = {
  version: Type.Literal(1),
  source: Type.Union(TRAIL_SOURCES.map((source) => Type.Literal(source))),
  seq: Type.Integer({ minimum: 1 }),
  previous_sha256: nullable(sha256),
  created_at: Type.String(),
  key_fingerprint: sha256,
  signature: Type.String(),
};

const SCHEMAS = [
  Type.Object(
    {
      ...chained,
      kind: Type.Union([Type.Literal('day'), Type.Literal('late')]),
      day,
      covers,
      count,
      first_ts: nullable(Type.String()),
      last_ts: nullable(Type.String()),
      sha256,
      blocks: Type.Array(shortHash),
      order_free: shortHash,
      last_line: nullable(shortHash),
    },
    closed,
  ),
  Type.Object(
    {
      ...chained,
      kind: Type.Literal('compacted'),
      day,
      origin: Type.Union([Type.Literal('made'), Type.Literal('found')]),
      count,
      sha256,
    },
    closed,
  ),
  Type.Object(
    {
      ...chained,
      kind: Type.Literal('removed'),
      day,
      to_day: day,
      what: Type.Union(REMOVABLE.map((what) => Type.Literal(what))),
      count,
      covers: nullable(covers),
      sha256: nullable(sha256),
      reason: Type.String(),
    },
    closed,
  ),
];

let validator: ReturnType<typeof compileSchema<DigestRecord>> | undefined;

/** The record of a digest file, or undefined when the text is not one. */
export const parseRecord = (text: string): DigestRecord | undefined => {
  validator ??= compileSchema<DigestRecord>(Type.Union(SCHEMAS) as unknown as JsonSchema);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const checked = validator.check(value);
  return checked.ok ? checked.value : undefined;
};

/** The text of a digest file: canonical JSON, so that equal records are equal bytes, and a newline. */
export const recordText = (record: DigestRecord): string => `${canonicalJson(record)}\n`;

/** What the signature is over. */
export const signedText = (record: UnsignedRecord | DigestRecord): string => {
  const { signature: _own, ...unsigned } = record as DigestRecord;
  return canonicalJson(unsigned);
};

export const sha256Of = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');
