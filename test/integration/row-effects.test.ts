import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Effect, RowChange } from '#core/effects';
import { AppError } from '#core/errors';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { createRecordingRowEffects } from '#storage/effects/recording-row-effects';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase({ template: 'empty' });
  await test.database.execute('CREATE TABLE things (n int)');
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.database.execute('TRUNCATE things');
  await test.database.execute('INSERT INTO things SELECT generate_series(1, 10)');
});

const CHANGE: RowChange = {
  effect: 'delete_rows',
  table: 'things',
  text: 'DELETE FROM things WHERE n > $1',
  countText: 'SELECT count(*) AS count FROM things WHERE n > $1',
  values: [7],
};

const countThings = async (): Promise<number> => {
  const [row] = await test.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM things',
  );
  return row?.count ?? -1;
};

describe('changing rows', () => {
  it('acts and answers how many, when the lease is held', async () => {
    const rows = createLiveRowEffects({
      database: test.database,
      fence: { assertHeldIn: async (sql) => void (await sql.query('SELECT 1')) },
    });
    expect(await rows.apply(CHANGE)).toBe(3);
    expect(await countThings()).toBe(7);
  });

  it('goes on in batches until nothing is left, asking for the lease before each', async () => {
    const batch = {
      ...CHANGE,
      text: 'DELETE FROM things WHERE n IN (SELECT n FROM things WHERE n > $1 LIMIT 2)',
      batchRows: 2,
    };
    let asked = 0;
    const rows = createLiveRowEffects({
      database: test.database,
      fence: {
        assertHeldIn: async () => {
          asked += 1;
        },
      },
    });
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(rows.apply(batch, stopped)).rejects.toThrow('enough');
    expect(await countThings()).toBe(10);
    expect(await rows.apply(batch)).toBe(3);
    expect(asked).toBe(2);
    expect(await countThings()).toBe(7);
  });

  it('changes nothing when the lease is lost', async () => {
    const rows = createLiveRowEffects({
      database: test.database,
      fence: { assertHeldIn: () => Promise.reject(new AppError('lease_lost', 'lost')) },
    });
    await expect(rows.apply(CHANGE)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await countThings()).toBe(10);
  });

  it('only counts in a dry-run', async () => {
    const effects: Effect[] = [];
    const rows = createRecordingRowEffects({
      database: test.database,
      record: (effect) => effects.push(effect),
    });
    expect(await rows.apply(CHANGE)).toBe(3);
    expect(effects).toEqual([{ effect: 'delete_rows', table: 'things', rows: 3 }]);
    expect(await countThings()).toBe(10);
  });

  it('cannot write in a dry-run, even by a wrong statement', async () => {
    const rows = createRecordingRowEffects({ database: test.database, record: () => undefined });
    await expect(
      rows.apply({
        ...CHANGE,
        countText:
          'WITH gone AS (DELETE FROM things WHERE n > $1 RETURNING 1) SELECT count(*) AS count FROM gone',
      }),
    ).rejects.toThrow();
    expect(await countThings()).toBe(10);
  });

  it('does not wait long for a lock that live work holds', async () => {
    const rows = createRecordingRowEffects({
      database: test.database,
      record: () => undefined,
      lockTimeoutMs: 50,
    });
    await test.database.transaction(async (sql) => {
      await sql.execute('LOCK TABLE things IN ACCESS EXCLUSIVE MODE');
      await expect(rows.apply(CHANGE)).rejects.toThrow();
    });
    expect(await rows.apply(CHANGE)).toBe(3);
  });
});
