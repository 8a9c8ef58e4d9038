import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import type { Delivery } from '#queue/queue-port';
import { type Resolved, resolveRun } from '#runner/execute/resolve-run';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '../support/runner-world.ts';

const DAY_MS = 86_400_000;
/** A minute ago, to the minute, once a day. */
const SLOT = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 60_000);
const schedule = {
  cron: `${SLOT.getUTCMinutes()} ${SLOT.getUTCHours()} * * *`,
  timezone: 'UTC',
};

/** What the queue engine hands over for a scheduler's job. */
const slotJob = (name: string, slot: Date, host = 'a'): Delivery => ({
  queueName: name,
  jobId: `repeat:${name}:${slot.getTime()}:${host}`,
  name,
  data: {},
  attemptsStarted: 1,
  stalledCount: 0,
  scheduledSlot: slot,
  signal: new AbortController().signal,
  log: async () => undefined,
  progress: async () => undefined,
});

describe('a slot of a schedule', () => {
  let world: RunnerWorld;
  beforeEach(async () => {
    world = await openRunnerWorld('postgres', [
      { task: makeTask('daily', { schedule }), reads: 'history', run: async () => SUCCEEDED },
      { task: makeTask('off', { schedule, enabled: false }), run: async () => SUCCEEDED },
    ]);
    await world.apply();
    // As if the registry had been applied two days ago.
    await world.database.execute(
      `UPDATE task_declarations SET valid_from = valid_from - interval '2 days'`,
    );
  });
  afterEach(() => world.close());

  const resolve = (delivery: Delivery): Promise<Resolved> =>
    resolveRun(
      { database: world.database, occurrences: world.ledger },
      world.catalog,
      delivery,
      systemClock.now(),
    );

  const occurrences = () =>
    world.database.query<{ task_id: string; state: string; reason: string | null; run_id: string }>(
      'SELECT task_id, state, reason, run_id FROM occurrences ORDER BY task_id, scheduled_for',
    );

  it('becomes one run, however many hosts and queues deliver it', async () => {
    const deliveries = ['a', 'b', 'c', 'd'].map((host) => slotJob('daily', SLOT, host));
    const resolved = await Promise.all(deliveries.map(resolve));
    const runs = resolved.flatMap((each) => (each.kind === 'run' ? [each.run] : []));
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      trigger: 'schedule',
      actor: 'scheduler',
      scheduledFor: SLOT,
      standsForOccurrence: true,
      inputs: { n: 1 },
    });
    expect(await occurrences()).toMatchObject([{ state: 'open', run_id: runs[0]?.id }]);
    // The job that got it is delivered again after a crash and finds its run.
    const winner = deliveries.find(({ jobId }) => jobId === runs[0]?.queueJobId);
    expect(winner && (await resolve(winner))).toMatchObject({
      kind: 'run',
      run: { id: runs[0]?.id },
    });
  });

  it('closes with its run, after which another delivery does nothing', async () => {
    await world.startWorker();
    const job = slotJob('daily', SLOT);
    const resolved = await resolve(job);
    if (resolved.kind !== 'run') throw new Error('not a run');
    await world.queue.enqueue({
      queueName: 'daily',
      jobId: resolved.run.id,
      name: 'daily',
      data: { run_id: resolved.run.id },
      attempts: 1,
    });
    await world.untilState(resolved.run.id, 'succeeded');
    expect(await occurrences()).toMatchObject([{ state: 'ran', run_id: resolved.run.id }]);
    expect(await resolve(slotJob('daily', SLOT, 'late'))).toEqual({
      kind: 'nothing',
      reason: 'the occurrence is closed as ran',
    });
  });

  it('is skipped while the task is paused, disabled or running, and says why', async () => {
    await world.runs.pauseTask(ADMIN, 'daily', 'maintenance');
    await world.database.execute(
      `UPDATE task_pauses SET paused_at = paused_at - interval '1 hour'`,
    );
    expect((await resolve(slotJob('daily', SLOT))).kind).toBe('nothing');
    await world.runs.resumeTask(ADMIN, 'daily');
    expect((await resolve(slotJob('off', SLOT))).kind).toBe('nothing');
    const running = await world.start('daily', { inputs: { n: 2 } });
    const before = new Date(SLOT.getTime() - DAY_MS + 60_000);
    await world.database.execute(
      `INSERT INTO occurrences (task_id, scheduled_for, due_at, late_at)
       VALUES ('daily', $1, $1, now() + interval '1 hour')`,
      [before],
    );
    expect((await resolve(slotJob('daily', before))).kind).toBe('nothing');
    expect(await occurrences()).toMatchObject([
      { task_id: 'daily', state: 'skipped', reason: 'overlap' },
      { task_id: 'daily', state: 'skipped', reason: 'paused' },
      { task_id: 'off', state: 'skipped', reason: 'disabled' },
    ]);
    const listed = await world.runs.list(ADMIN, { taskId: 'daily', limit: 10 });
    expect(listed.map(({ state, error }) => `${state}: ${error?.message ?? ''}`)).toEqual([
      `skipped: run ${running} of the task was not over yet`,
      'queued: ',
      'skipped: paused by test:admin: maintenance',
    ]);
  });

  it('is refused when the registry knows no such instant', async () => {
    const wrong = new Date(SLOT.getTime() + 30_000);
    expect((await resolve(slotJob('daily', wrong))).kind).toBe('refused');
    expect((await resolve(slotJob('gone', SLOT))).kind).toBe('refused');
    expect(await occurrences()).toEqual([]);
  });

  it('is what a start on request stands for by default', async () => {
    await world.startWorker();
    const runId = await world.start('daily');
    const run = await world.untilState(runId, 'succeeded');
    expect(run.standsForOccurrence).toBe(true);
    expect(run.scheduledFor).toEqual(SLOT);
    // A run on request is linked to the occurrence but does not close it.
    expect(await eventually(async () => [await occurrences()])).toEqual([[]]);
    const other = await world.untilState(
      await world.start('daily', { inputs: { n: 5 } }),
      'succeeded',
    );
    expect(other.standsForOccurrence).toBe(false);
  });
});
