import type { RowEffects } from '#core/effects';
import type { Database } from '#storage/database';
import { type FindingBook, type KnownFinding, placeText } from './finding-book.ts';

const LIST = `SELECT fingerprint, rule, severity, place, first_seen_at, last_seen_at, fixed_at
  FROM privacy_findings ORDER BY rule, place, fingerprint LIMIT 100000`;

const PRESENT = `unnest($1::text[], $2::text[], $3::text[], $4::text[])
  AS present (fingerprint, rule, severity, place) WHERE $5::timestamptz IS NOT NULL`;

// What comes back after it was fixed begins anew. A digest made again for an
// earlier instant does not turn back what a later one saw.
const UPSERT = `INSERT INTO privacy_findings AS known
    (fingerprint, rule, severity, place, first_seen_at, last_seen_at)
  SELECT fingerprint, rule, severity, place, $5::timestamptz, $5::timestamptz FROM ${PRESENT}
  ON CONFLICT (fingerprint) DO UPDATE SET
    severity = excluded.severity,
    place = excluded.place,
    first_seen_at = CASE WHEN known.fixed_at < excluded.last_seen_at
      THEN excluded.first_seen_at ELSE LEAST(known.first_seen_at, excluded.first_seen_at) END,
    last_seen_at = GREATEST(known.last_seen_at, excluded.last_seen_at),
    fixed_at = NULL`;

const TO_FIX =
  'FROM privacy_findings WHERE fingerprint = ANY ($1::text[]) AND fixed_at IS NULL AND $2::timestamptz IS NOT NULL';
const FIX = `UPDATE privacy_findings SET fixed_at = $2::timestamptz
  WHERE fingerprint = ANY ($1::text[]) AND fixed_at IS NULL`;

const FORGOTTEN = 'FROM privacy_findings WHERE fixed_at < $1';

interface KnownRow {
  readonly fingerprint: string;
  readonly rule: string;
  readonly severity: string;
  readonly place: string;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly fixed_at: Date | null;
}

const toKnown = (row: KnownRow): KnownFinding => ({
  fingerprint: row.fingerprint,
  rule: row.rule,
  severity: row.severity,
  place: row.place,
  firstSeenAt: row.first_seen_at,
  lastSeenAt: row.last_seen_at,
  fixedAt: row.fixed_at,
});

/** The table `privacy_findings`. Reads at once, changes through the run's effects. */
export const createPostgresFindingBook = (database: Database, rows: RowEffects): FindingBook => ({
  list: async () => (await database.query<KnownRow>(LIST)).map(toKnown),
  record: async ({ at, present, fixed, forgetFixedBefore }) => {
    const table = 'privacy_findings';
    const distinct = [...new Map(present.map((one) => [one.fingerprint, one])).values()];
    if (distinct.length > 0)
      await rows.apply({
        effect: 'insert_rows',
        table,
        text: UPSERT,
        countText: `SELECT count(*) AS count FROM ${PRESENT}`,
        values: [
          distinct.map((one) => one.fingerprint),
          distinct.map((one) => one.rule),
          distinct.map((one) => one.severity),
          distinct.map((one) => placeText(one.place)),
          at,
        ],
      });
    if (fixed.length > 0)
      await rows.apply({
        effect: 'update_rows',
        table,
        text: FIX,
        countText: `SELECT count(*) AS count ${TO_FIX}`,
        values: [fixed.map((one) => one.fingerprint), at],
      });
    await rows.apply({
      effect: 'delete_rows',
      table,
      text: `DELETE ${FORGOTTEN}`,
      countText: `SELECT count(*) AS count ${FORGOTTEN}`,
      values: [forgetFixedBefore],
    });
  },
});
