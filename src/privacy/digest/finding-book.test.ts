import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Effect } from '#core/effects';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { createRecordingRowEffects } from '#storage/effects/recording-row-effects';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';
import { type Finding, fingerprintOf } from '../finding.ts';
import { compareFindings, type FindingBook, type ScanCoverage } from './finding-book.ts';
import { createPostgresFindingBook } from './postgres-finding-book.ts';

const day = (n: number): Date => new Date(Date.UTC(2026, 10, n, 9, 10));

const finding = (file: string): Finding => ({
  rule: 'DG-PII-001',
  severity: 'warning',
  title: 'e-mail address',
  place: { file, line: 1 },
  sample: 'ol… (16 to 31 characters)',
  fix: 'Remove it.',
  fingerprint: fingerprintOf([file]),
  count: 1,
});

const coverage = (scanned: readonly string[], listed = scanned): ScanCoverage => ({
  repo: { scanned: new Set(scanned), listed: new Set(listed), isWhole: true },
  isAuditWhole: true,
  readableStores: new Set(),
});

let test: TestDatabase;
let book: FindingBook;
beforeAll(async () => {
  test = await createTestDatabase();
  const rows = createLiveRowEffects({
    database: test.database,
    fence: { assertHeldIn: async () => undefined },
  });
  book = createPostgresFindingBook(test.database, rows);
});
beforeEach(() => test.database.execute('TRUNCATE privacy_findings'));
afterAll(() => test.drop());

const digestOf = async (at: Date, present: readonly Finding[], covered: ScanCoverage) => {
  const states = compareFindings(present, await book.list(), at, covered);
  await book.record({ at, present, fixed: states.fixed, forgetFixedBefore: day(-30) });
  return {
    added: states.added.map(({ place }) => place),
    open: states.open.map(({ place, firstSeenAt }) => [place, firstSeenAt]),
    fixed: states.fixed.map(({ place }) => place),
  };
};

describe('findings from one digest to the next', () => {
  it('are new once, open while they last, fixed once, and the same when a digest is made again', async () => {
    const [a, b] = [finding('a.ts'), finding('b.ts')];
    const both = coverage(['a.ts', 'b.ts']);
    const first = { added: [a.place, b.place], open: [], fixed: [] };
    expect(await digestOf(day(1), [a, b, b], both)).toEqual(first);
    expect(await digestOf(day(1), [a, b], both)).toEqual(first);
    // b.ts was not reached, so nothing is known about it.
    const unreached = coverage(['a.ts'], ['a.ts', 'b.ts']);
    const second = { added: [], open: [[a.place, day(1)]], fixed: [] };
    expect(await digestOf(day(2), [a], unreached)).toEqual(second);
    const third = { added: [], open: [[a.place, day(1)]], fixed: ['file b.ts:1'] };
    expect(await digestOf(day(3), [a], both)).toEqual(third);
    expect(await digestOf(day(3), [a], both)).toEqual(third);
    // Its file is gone.
    expect(await digestOf(day(4), [], coverage(['b.ts']))).toMatchObject({
      fixed: ['file a.ts:1'],
    });
    expect(await digestOf(day(5), [b], both)).toEqual({ added: [b.place], open: [], fixed: [] });
    expect(await digestOf(day(6), [b], both)).toMatchObject({ open: [[b.place, day(5)]] });
  });

  it('are only counted in a dry-run', async () => {
    const effects: Effect[] = [];
    const dry = createPostgresFindingBook(
      test.database,
      createRecordingRowEffects({
        database: test.database,
        record: (effect) => void effects.push(effect),
      }),
    );
    const both = coverage(['a.ts', 'b.ts']);
    await digestOf(day(1), [finding('a.ts'), finding('b.ts')], both);
    await digestOf(day(2), [finding('a.ts')], both);
    const before = await book.list();
    await dry.record({
      at: day(9),
      present: [finding('new.ts')],
      fixed: before.filter(({ fixedAt }) => fixedAt === null),
      forgetFixedBefore: day(30),
    });
    expect(effects.map(({ effect, rows }) => `${effect} ${String(rows)}`)).toEqual([
      'insert_rows 1',
      'update_rows 1',
      'delete_rows 1',
    ]);
    expect(await book.list()).toEqual(before);
  });
});
