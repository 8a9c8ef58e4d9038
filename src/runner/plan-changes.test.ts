import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import type { LiveScheduler, QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import {
  ADMIN,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '#test/support/runner-world';
import { createOccurrenceLedger } from './ledger/postgres-occurrence-ledger.ts';
import { type PlanContext, planChanges } from './plan-changes.ts';

/** Half a day from now, so that none falls due while a test looks. */
const HOUR = (new Date().getUTCHours() + 12) % 24;
const DAILY = { cron: `0 ${HOUR} * * *`, timezone: 'UTC' };
const NIGHTLY = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };
const EVERYTHING = { visible: null, includeUnchanged: true } as const;

/** Counts the queries that go to the database by itself, and not within the registry's transaction. */
const counting = (database: Database): { readonly database: Database; count(): number } => {
  let queries = 0;
  return {
    count: () => queries,
    database: {
      ...database,
      query: (text, values) => {
        queries += 1;
        return database.query(text, values);
      },
    },
  };
};

/** The engine as it is, but for what its list of schedulers shows. */
const seen = (
  queue: QueueEngine,
  change: (found: readonly LiveScheduler[]) => readonly LiveScheduler[],
): QueueEngine =>
  Object.assign(Object.create(queue) as QueueEngine, {
    listSchedulers: async (name: string) => change(await queue.listSchedulers(name)),
  });

describe('a plan', () => {
  let world: RunnerWorld;
  beforeEach(async () => {
    world = await openRunnerWorld('postgres', [
      { task: makeTask('daily', { schedule: DAILY }), run: async () => SUCCEEDED },
      { task: makeTask('nightly', { schedule: NIGHTLY }), run: async () => SUCCEEDED },
      {
        task: makeTask('resting', { schedule: DAILY, enabled: false }),
        run: async () => SUCCEEDED,
      },
      { task: makeTask('by_hand'), run: async () => SUCCEEDED },
      {
        task: makeTask('secret', {
          schedule: DAILY,
          permissions: { start: ['tools.jobs.start'], read: ['tools.secret.read'] },
        }),
        run: async () => SUCCEEDED,
      },
    ]);
  });
  afterEach(() => world.close());

  const context = (over: Partial<PlanContext> = {}): PlanContext => ({
    catalog: world.catalog,
    database: world.database,
    occurrences: world.ledger,
    queue: world.queue,
    clock: systemClock,
    ...over,
  });

  it('asks the ledger as often for many tasks as for one', async () => {
    const queries = async (): Promise<number> => {
      const { database, count } = counting(world.database);
      const occurrences = createOccurrenceLedger(database);
      await planChanges(context({ database, occurrences }), EVERYTHING);
      return count();
    };
    await world.apply();
    await world.database.execute(`DELETE FROM task_declarations WHERE task_id = 'daily'`);
    const forOne = await queries();
    await world.database.execute('DELETE FROM task_declarations');
    expect(await queries()).toBe(forOne);
  });

  it('adds what the rows lack that the declarations owe to what is overdue', async () => {
    await world.apply();
    await world.database.execute(
      `UPDATE task_declarations SET digest = 'another', declaration = jsonb_set(declaration, '{queueName}', '"x"'),
         valid_from = valid_from - interval '9 days', next_at = next_at - interval '2 days'`,
    );
    await world.database.execute(
      `INSERT INTO occurrences (task_id, scheduled_for, due_at) SELECT 'daily', next_at - interval '1 day',
         next_at - interval '1 day' FROM task_declarations WHERE task_id = 'daily'`,
    );
    const { changes } = await planChanges(context(), EVERYTHING);
    const overdue = new Map(changes.map((change) => [change.taskId, change.overdue]));
    expect(overdue.get('by_hand')).toEqual([]);
    expect(overdue.get('nightly')).toHaveLength(2);
    const daily = overdue.get('daily') ?? [];
    expect(daily).toHaveLength(3);
    expect(daily.map((at) => at.getUTCHours())).toEqual([HOUR, HOUR, HOUR]);
    expect([...daily].sort((a, b) => a.getTime() - b.getTime())).toEqual(daily);
  });

  it('shows no instants of a task that is disabled or runs on request', async () => {
    const { changes } = await planChanges(context(), EVERYTHING);
    const shown = new Map(changes.map(({ taskId, nextAt }) => [taskId, nextAt.length]));
    expect(Object.fromEntries(shown)).toEqual({
      daily: 5,
      nightly: 5,
      resting: 0,
      by_hand: 0,
      secret: 5,
    });
  });

  it('leaves out unchanged tasks unless it is asked for them', async () => {
    await world.apply();
    const all = await planChanges(context(), EVERYTHING);
    expect(all.changes).toEqual([]);
    expect(all.unchanged).toHaveLength(5);
    expect(all.unchanged[0]?.nextAt).toHaveLength(5);
    const brief = await planChanges(context(), { visible: null, includeUnchanged: false });
    expect(brief.unchanged).toEqual([]);
  });

  it('counts what the actor may not read, and shows no more of it', async () => {
    const actor = { ...ADMIN, entitlements: new Set(['tools.jobs.read']) };
    const added = await world.runs.plan(actor, { includeUnchanged: true });
    expect(added.hiddenChanges).toBe(1);
    expect(added.changes.map(({ taskId }) => taskId)).not.toContain('secret');
    await world.apply();
    const applied = await world.runs.plan(actor, { includeUnchanged: true });
    expect(applied.hiddenChanges).toBe(0);
    expect(applied.unchanged.map(({ declared }) => declared.task.id)).not.toContain('secret');
    const nobody = { ...ADMIN, entitlements: new Set<string>() };
    await expect(world.runs.plan(nobody, { includeUnchanged: false })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('does not take a scheduler between two slots for one that drifted', async () => {
    await world.apply();
    let looks = 0;
    const between = seen(world.queue, (found) => {
      looks += 1;
      return looks > world.catalog.size
        ? found
        : found.map((scheduler) => ({ ...scheduler, slotState: 'completed' as const }));
    });
    expect((await planChanges(context({ queue: between }), EVERYTHING)).changes).toEqual([]);
    const broken = seen(world.queue, (found) =>
      found.map((scheduler) => ({ ...scheduler, slotState: null })),
    );
    const { changes } = await planChanges(context({ queue: broken }), EVERYTHING);
    expect(changes.map(({ kind, taskId }) => [kind, taskId])).toEqual([
      ['drifted', 'daily'],
      ['drifted', 'nightly'],
      ['drifted', 'secret'],
    ]);
  });
});
