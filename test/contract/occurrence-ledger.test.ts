import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newRunId, type TaskId } from '#core/ids';
import type { Declaration } from '#registry/declaration';
import { digestOf } from '#registry/declaration';
import { nextStep } from '#runner/ledger/expected-rows';
import type { OccurrenceLedger, TaskBook } from '#runner/ledger/occurrence-ledger';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { scheduledRun } from '#runner/schedule/scheduled-run';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { makeTask } from '../support/runner-world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const HOURLY = { cron: '0 * * * *', timezone: 'UTC' };

interface OpenedLedger {
  readonly ledger: OccurrenceLedger;
  readonly close: () => Promise<void>;
}

const backends: Readonly<Record<string, () => Promise<OpenedLedger>>> = {
  postgres: async () => {
    const { database, drop } = await createTestDatabase();
    return { ledger: createOccurrenceLedger(database), close: drop };
  },
  // The one that simulations run on; it must behave as the real one does.
  memory: async () => ({
    ledger: new MemoryLedger(() => new Date()),
    close: async () => undefined,
  }),
};

const declare = (id: string, over: Parameters<typeof makeTask>[1] = {}): Declaration => {
  const { position: _position, ...task } = makeTask(id, { schedule: HOURLY, ...over });
  return {
    task,
    queueName: id,
    expects: task.schedule ?? HOURLY,
    calendars: [],
    start: { inputs: { n: 1 }, inputsHash: 'hash' },
  };
};

const hourAgo = (hours: number): Date =>
  new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hours * HOUR_MS);

const row = (scheduledFor: Date) => ({
  scheduledFor,
  dueAt: scheduledFor,
  lateAt: new Date(scheduledFor.getTime() + 10 * MINUTE_MS),
});

describe.each(Object.entries(backends))('the occurrence ledger in %s', (_name, open) => {
  let opened: OpenedLedger;
  let ledger: OccurrenceLedger;
  beforeEach(async () => {
    opened = await open();
    ledger = opened.ledger;
  });
  afterEach(() => opened.close());

  const enact = (
    declarations: readonly Declaration[],
    nextAt: Date | null,
    retire: readonly string[] = [],
  ): Promise<Date> =>
    ledger.withRegistry(async (book) => {
      await book.openExpected(retire as TaskId[]);
      await book.retire(retire as TaskId[]);
      const revision = await book.record({
        digest: `digest ${declarations.length}`,
        reconcile: 'enforce',
        appliedBy: 'test',
        changes: [],
      });
      await book.enact(
        revision,
        declarations.map((declaration) => ({
          declaration,
          digest: digestOf(declaration),
          nextAt,
        })),
      );
      return book.now;
    });

  const inTask = <T>(id: string, work: (book: TaskBook) => Promise<T>): Promise<T> =>
    ledger.withTask(id as TaskId, work);

  const findIn = async (id: string, scheduledFor: Date) =>
    (await inTask(id, (book) => book.look(scheduledFor))).occurrence;

  const openAll = async (): Promise<void> => {
    const now = await ledger.now();
    for (let cursors = await ledger.listCursors(now, 10); cursors.length > 0; ) {
      await ledger.advance(cursors.map((cursor) => nextStep(cursor, now)));
      cursors = await ledger.listCursors(now, 10);
    }
  };

  const queuedRun = (id: string, scheduledFor: Date) =>
    scheduledRun(declare(id), {
      occurrence: row(scheduledFor),
      now: new Date(),
      trigger: 'schedule',
      state: 'queued',
      deliveredJob: null,
    });

  it('keeps what was applied, and each registry after the one before', async () => {
    expect(await ledger.findRevision()).toBeNull();
    const first = await enact([declare('a'), declare('b')], hourAgo(0));
    const second = await enact([declare('c')], null, ['a']);
    expect(second.getTime()).toBeGreaterThan(first.getTime());
    expect(await ledger.findRevision()).toMatchObject({ digest: 'digest 1', appliedBy: 'test' });
    const names = (await ledger.listDeclarations()).map(({ declaration }) => declaration.task.id);
    expect([...names].sort()).toEqual(['b', 'c']);
    expect([...(await ledger.listQueueNames())].sort()).toEqual(['a', 'b', 'c']);
  });

  it('opens what a declaration expects, up to the moment at which it ends', async () => {
    await enact([declare('a')], hourAgo(3));
    const due = [hourAgo(3), hourAgo(2), hourAgo(1), hourAgo(0)];
    await enact([declare('a', { attempts: 1 })], new Date(Date.now() + HOUR_MS), ['a']);
    const rows = await inTask('a', (book) => book.listUnassigned(new Date(), 100));
    expect(rows.map(({ scheduledFor }) => scheduledFor)).toEqual(due);
    expect(await ledger.listCursors(new Date(), 10)).toEqual([]);
  });

  it('moves a cursor once, however many processes saw it due', async () => {
    await enact([declare('a')], hourAgo(1));
    const now = await ledger.now();
    const cursors = await ledger.listCursors(now, 10);
    const steps = cursors.map((cursor) => nextStep(cursor, now));
    await ledger.advance(steps);
    await ledger.advance(steps);
    const rows = await inTask('a', (book) => book.listUnassigned(now, 100));
    expect(rows).toHaveLength(2);
    const [declared] = await ledger.listDeclarations();
    expect(declared?.nextAt?.getTime()).toBeGreaterThan(now.getTime());
  });

  it('opens nothing for a declaration that ended meanwhile', async () => {
    await enact([declare('a')], hourAgo(1));
    const now = await ledger.now();
    const steps = (await ledger.listCursors(now, 10)).map((cursor) => nextStep(cursor, now));
    await ledger.withRegistry((book) => book.retire(['a' as TaskId]));
    await ledger.advance(steps);
    expect(await inTask('a', (book) => book.listUnassigned(now, 100))).toEqual([]);
  });

  it('shows what a decision needs in one look', async () => {
    await enact([declare('a')], hourAgo(2));
    await openAll();
    const run = queuedRun('a', hourAgo(2));
    await inTask('a', (book) => book.addRun(run));
    const view = await inTask('a', (book) => book.look());
    expect(view).toMatchObject({
      applied: { declaration: { queueName: 'a' } },
      pauses: [],
      activeRun: { id: run.id },
      pacedRuns: { own: 0, all: 0 },
      newestDueAt: hourAgo(0),
    });
    const stranger = await inTask('stranger', (book) => book.look());
    expect(stranger).toMatchObject({ applied: null, activeRun: null, newestDueAt: null });
  });

  it('counts caught-up runs apart from the active one', async () => {
    await enact([declare('a')], null);
    await inTask('a', (book) => book.addRun({ ...queuedRun('a', hourAgo(5)), trigger: 'catchup' }));
    const view = await inTask('a', (book) => book.look());
    expect(view).toMatchObject({ activeRun: null, pacedRuns: { own: 1, all: 1 } });
    expect((await inTask('b', (book) => book.look())).pacedRuns).toEqual({ own: 0, all: 1 });
  });

  it('does not take a wanted skip for the newest occurrence', async () => {
    await enact([declare('a')], hourAgo(2));
    await openAll();
    const close = (hours: number, reason: 'paused' | 'overlap'): Promise<void> =>
      inTask('a', (book) =>
        book.close([
          { scheduledFor: hourAgo(hours), end: { state: 'skipped', reason }, explanation: '' },
        ]),
      );
    await close(0, 'paused');
    expect((await inTask('a', (book) => book.look())).newestDueAt).toEqual(hourAgo(1));
    await close(1, 'overlap');
    expect((await inTask('a', (book) => book.look())).newestDueAt).toEqual(hourAgo(1));
  });

  it('gives an occurrence to one run, and closes it once, by that run', async () => {
    await enact([declare('a')], null);
    const scheduledFor = hourAgo(1);
    const [first, second] = [queuedRun('a', scheduledFor), queuedRun('a', scheduledFor)];
    await inTask('a', async (book) => {
      await book.open(row(scheduledFor));
      await book.open(row(scheduledFor));
      await book.addRun(first);
      await book.addRun(second);
    });
    const end = { state: 'skipped', reason: 'stale' } as const;
    const closing = { scheduledFor, end, explanation: 'too late' };
    expect(await inTask('a', (book) => book.endQueuedRun(second.id, closing))).toBe(true);
    await inTask('a', (book) => book.close([closing]));
    expect(await findIn('a', scheduledFor)).toMatchObject({
      state: 'open',
      runId: first.id,
    });
    expect(await inTask('a', (book) => book.endQueuedRun(first.id, closing))).toBe(true);
    expect(await inTask('a', (book) => book.endQueuedRun(first.id, closing))).toBe(false);
    expect(await findIn('a', scheduledFor)).toMatchObject({
      state: 'skipped',
      reason: 'stale',
      explanation: 'too late',
    });
    expect(await inTask('a', (book) => book.findRun(first.id))).toMatchObject({ state: 'skipped' });
  });

  it('leaves nothing of work that failed', async () => {
    await enact([declare('a')], null);
    const scheduledFor = hourAgo(1);
    const run = queuedRun('a', scheduledFor);
    const failing = inTask('a', async (book) => {
      await book.open(row(scheduledFor));
      await book.addRun(run);
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(await findIn('a', scheduledFor)).toBeNull();
    expect(await inTask('a', (book) => book.findRun(run.id))).toBeNull();
    const registry = ledger.withRegistry(async (book) => {
      await book.retire(['a' as TaskId]);
      throw new Error('on purpose');
    });
    await expect(registry).rejects.toThrow('on purpose');
    expect(await ledger.listDeclarations()).toHaveLength(1);
  });

  it('lists the tasks that have something due and nobody for it', async () => {
    await enact([declare('a'), declare('b')], null);
    const [past, future] = [hourAgo(1), new Date(Date.now() + HOUR_MS)];
    await inTask('a', (book) => book.open(row(past)));
    await inTask('b', (book) => book.open(row(future)));
    const unsettled = (after = ''): Promise<readonly TaskId[]> =>
      ledger.listUnsettledTasks(new Date(), { after, limit: 10, graceMs: 5_000 });
    expect(await unsettled()).toEqual(['a']);
    await inTask('a', (book) => book.addRun(queuedRun('a', past)));
    expect(await unsettled()).toEqual([]);
    await inTask('b', (book) => book.reschedule({ ...row(future), dueAt: past }));
    expect(await unsettled()).toEqual(['b']);
    expect(await unsettled('b')).toEqual([]);
    // About to be delivered, or due at another time than its instant.
    const fresh = new Date(Date.now() - 1_000);
    await inTask('c', (book) => book.open(row(fresh)));
    expect(await unsettled('b')).toEqual([]);
    const other = { ...row(new Date(Date.now() - 2_000)), dueAt: fresh };
    await inTask('d', (book) => book.open(other));
    expect(await unsettled('b')).toEqual(['d']);
  });

  it('lets an occurrence go when all that it comes after have ended', async () => {
    const after = declare('z', { schedule: null, after: ['a', 'b'] as TaskId[] });
    await enact([declare('a'), declare('b'), after], null);
    const scheduledFor = hourAgo(1);
    for (const id of ['a', 'b']) await inTask(id, (book) => book.open(row(scheduledFor)));
    await inTask('z', (book) => book.open({ scheduledFor, dueAt: null, lateAt: null }));
    const end = { state: 'skipped', reason: 'disabled' } as const;
    const close = (id: string): Promise<void> =>
      inTask(id, (book) => book.close([{ scheduledFor, end, explanation: '' }]));
    expect(await ledger.listReleasedOccurrences(10)).toEqual([]);
    await close('a');
    expect(await ledger.listReleasedOccurrences(10)).toEqual([]);
    await close('b');
    expect(await ledger.listReleasedOccurrences(10)).toMatchObject([{ taskId: 'z', scheduledFor }]);
    const ends = await inTask('z', (book) => book.findEnds(['a', 'b'] as TaskId[], scheduledFor));
    expect(ends.map(({ state }) => state)).toEqual(['skipped', 'skipped']);
  });

  it('does the work of a role', async () => {
    const inner = await ledger.asLeader('test', async () => newRunId(new Date()));
    expect(inner).not.toBeNull();
  });
});

it('has one leader at a time', async () => {
  const { database, drop } = await createTestDatabase();
  const ledger = createOccurrenceLedger(database);
  const second = await ledger.asLeader('test', () =>
    ledger.asLeader('test', async () => 'both at once'),
  );
  expect(second).toBeNull();
  await drop();
});
