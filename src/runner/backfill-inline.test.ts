import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import {
  ADMIN,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '#test/support/runner-world';
import { silentWorkerObserver } from '#test/support/silent-observers';
import { type BackfillLoopEnd, backfillInline } from './backfill-inline.ts';
import { EndJournal } from './end-journal.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Backfill } from './ledger/backfills.ts';

const DAILY = { cron: '0 9 * * *', timezone: 'UTC' };
const FROM = new Date('2024-03-04T00:00:00Z');
const TO = new Date('2024-03-07T00:00:00Z');

describe('a backfill in this process', () => {
  let world: RunnerWorld;
  let folder: string;
  /** Called while a run of the task is under way, with how many came before. */
  let meanwhile: (before: number) => Promise<unknown>;
  let count: number;

  beforeEach(async () => {
    count = 0;
    meanwhile = async () => undefined;
    folder = mkdtempSync(path.join(tmpdir(), 'opsloop-journal-'));
    world = await openRunnerWorld('postgres', [
      {
        task: makeTask('daily', { schedule: DAILY }),
        reads: 'history',
        run: async () => {
          count += 1;
          await meanwhile(count - 1);
          return SUCCEEDED;
        },
      },
    ]);
  });
  afterEach(async () => {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (over: { dryRun?: boolean } = {}): Promise<Backfill> =>
    world.runs.startBackfill({
      taskId: 'daily',
      from: FROM,
      to: TO,
      inputs: {},
      dryRun: false,
      onlyMissing: false,
      actor: ADMIN,
      ...over,
    });

  const execute = async (backfill: Backfill): Promise<BackfillLoopEnd> => {
    const { database, catalog } = world;
    const keeper = new LeaseKeeper({ database, clock: systemClock, onError: () => undefined });
    const journal = new EndJournal(folder, 'here');
    await keeper.start();
    try {
      return await backfillInline(
        {
          database,
          catalog,
          keeper,
          journal,
          clock: systemClock,
          workerId: 'here',
          random: () => 0.5,
          executor:
            ({ entry }) =>
            () => ({
              outcome: entry.job.run({} as Parameters<typeof entry.job.run>[0]),
              traces: () => ({ reports: [], effects: backfill.dryRun ? [] : null }),
              kill: null,
            }),
          observer: silentWorkerObserver(),
          shutdown: new AbortController().signal,
          onJournalled: () => undefined,
        },
        backfill,
        { onMade: () => undefined, onEnded: async () => undefined },
      );
    } finally {
      await keeper.stop();
      journal.close();
    }
  };

  const stateOf = ({ id }: Backfill) => world.runs.getBackfill(ADMIN, id);

  it('makes one run at a time, to its end', async () => {
    const backfill = await start();
    const underWay: number[] = [];
    meanwhile = async () => {
      const { runs } = await stateOf(backfill);
      underWay.push((runs.queued ?? 0) + (runs.running ?? 0));
    };
    expect(await execute(backfill)).toBe('done');
    expect(underWay).toEqual([1, 1, 1]);
    expect(await stateOf(backfill)).toMatchObject({ remaining: [], runs: { succeeded: 3 } });
  });

  it('is held back by a pause that comes in between, and goes on after it', async () => {
    const backfill = await start();
    meanwhile = (before) =>
      before === 0 ? world.runs.pauseTask(ADMIN, 'daily', 'stop') : Promise.resolve();
    expect(await execute(backfill)).toBe('paused');
    expect((await stateOf(backfill)).remaining).toHaveLength(2);
    await world.runs.resumeTask(ADMIN, 'daily');
    expect(await execute(backfill)).toBe('done');
    expect(await stateOf(backfill)).toMatchObject({ remaining: [], runs: { succeeded: 3 } });
  });

  it('is not held back by a pause when it is dry', async () => {
    const backfill = await start({ dryRun: true });
    await world.runs.pauseTask(ADMIN, 'daily', 'stop');
    expect(await execute(backfill)).toBe('done');
    expect((await stateOf(backfill)).runs).toEqual({ succeeded: 3 });
  });

  it('ends when it is cancelled', async () => {
    const backfill = await start();
    meanwhile = () => world.runs.cancelBackfill(ADMIN, backfill.id);
    expect(await execute(backfill)).toBe('done');
    expect(await stateOf(backfill)).toMatchObject({
      runs: { succeeded: 1 },
      cancelledBy: ADMIN.id,
    });
  });

  it('is left alone by a supervisor that looks while a run of it is under way', async () => {
    const backfill = await start();
    meanwhile = async (before) => {
      if (before === 0) await (await world.startSupervisor()).stop();
    };
    expect(await execute(backfill)).toBe('done');
    const runs = await world.runs.listBackfillRuns(ADMIN, backfill.id);
    expect(runs.map(({ queueName }) => queueName)).toEqual([null, null, null]);
  });
});
