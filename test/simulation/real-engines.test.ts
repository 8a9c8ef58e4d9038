import { describe, expect, it } from 'vitest';
import { isSuccess, type OccurrenceState } from '#occurrences/occurrence-end';
import { occurrencesBetween } from '#occurrences/occurrence-times';
import type { Declaration } from '#registry/declaration';
import type { TaskDefinition } from '#registry/task';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import {
  ADMIN,
  changedCatalog,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '../support/runner-world.ts';
import { type Dice, diceOf, seededRandom } from './seeded-random.ts';

/** The nightly run takes more of them. */
const SEEDS = Array.from(
  { length: Number(process.env['SIMULATION_REAL_SEEDS'] ?? 1) },
  (_, n) => n + 1,
);
const TASKS = 10;
const FAULTS = 12;

const taskOf = (index: number, dice: Dice): TaskDefinition =>
  makeTask(`task_${index}`, {
    schedule: {
      cron: dice.pick(['* * * * * *', '*/2 * * * * *', '*/3 * * * * *']),
      timezone: dice.pick(['UTC', 'Europe/Berlin', 'America/New_York']),
    },
    overlap: dice.pick(['skip', 'queue', 'allow']),
    catchUp: dice.pick(['none', 'latest', 'all']),
    lateAfterMs: dice.pick(['auto', 1_000, 3_000]),
    queue: `shared_${index % 3}`,
  });

/** Strikes at random; the same for the same seed, as far as a real clock allows. */
const strike = async (world: RunnerWorld, dice: Dice): Promise<string> => {
  const taskId = `task_${dice.whole(0, TASKS - 1)}`;
  const fault = dice.pick(['empty', 'pause', 'registry', 'host', 'scheduler'] as const);
  switch (fault) {
    case 'empty':
      await world.emptyEngine();
      break;
    case 'pause':
      await world.runs.pauseTask(ADMIN, taskId, 'test');
      setTimeout(() => void world.runs.resumeTask(ADMIN, taskId), 1_500);
      break;
    case 'registry': {
      const catalog = changedCatalog(world, (task) =>
        dice.chance(0.3)
          ? { ...task, enabled: dice.chance(0.7), schedule: taskOf(0, dice).schedule }
          : task,
      );
      const { ledger, queue } = world;
      await applyRegistry({ ledger, queue }, declareRegistry(catalog), 'test');
      break;
    }
    case 'host': {
      const worker = await world.startWorker({ shutdownGraceMs: 0 });
      setTimeout(() => void worker.stop(), 2_000);
      break;
    }
    case 'scheduler':
      await world.queue.removeScheduler({
        queueName: `shared_${Number(taskId.slice(5)) % 3}`,
        schedulerId: taskId,
      });
      break;
  }
  return fault;
};

interface Row {
  readonly task_id: string;
  readonly at: Date;
  readonly state: OccurrenceState;
  readonly reason: string | null;
}

/** Every instant that the declarations, as long as each was in force, had to bring. */
const expectedKeys = async (world: RunnerWorld, until: Date): Promise<ReadonlySet<string>> => {
  const spans = await world.database.query<{
    task_id: string;
    declaration: Declaration;
    valid_from: Date;
    valid_to: Date | null;
  }>('SELECT task_id, declaration, valid_from, valid_to FROM task_declarations');
  const keys = spans.flatMap((span) => {
    const { expects } = span.declaration;
    if (expects === null) return [];
    const end = Math.min(span.valid_to?.getTime() ?? until.getTime(), until.getTime());
    const from = new Date(span.valid_from.getTime() + 1);
    const instants = occurrencesBetween(expects, { from, to: new Date(end + 1), limit: 10_000 });
    return instants.map((instant) => `${span.task_id} ${instant.getTime()}`);
  });
  return new Set(keys);
};

describe.each(['redis', 'postgres'] as const)(
  'real engines (%s) under seeded faults',
  (backend) => {
    it.each(SEEDS)('leave no occurrence without exactly one end (seed %i)', async (seed) => {
      const dice = diceOf(seededRandom(seed));
      const effects: string[] = [];
      const world = await openRunnerWorld(
        backend,
        Array.from({ length: TASKS }, (_, index) => ({
          task: taskOf(index, dice),
          run: async ({ scheduledFor, signal }) => {
            await new Promise((resolve) => setTimeout(resolve, index === 0 ? 1_500 : 20));
            if (signal.aborted) throw new Error('aborted');
            effects.push(`task_${index} ${scheduledFor.getTime()}`);
            return SUCCEEDED;
          },
        })),
      );
      try {
        await world.apply();
        const supervisor = await world.startSupervisor();
        await world.startWorker();
        const struck: string[] = [];
        for (let n = 0; n < FAULTS; n += 1) {
          await new Promise((resolve) => setTimeout(resolve, dice.whole(400, 1_500)));
          struck.push(await strike(world, dice));
          if (dice.chance(0.5)) supervisor.reconcileSoon();
        }
        // Nothing is due any more from here on, so that all can come to its end.
        const { ledger, queue } = world;
        const none = changedCatalog(world, (task) => ({ ...task, schedule: null }));
        for (const { task } of world.catalog.values()) await world.runs.resumeTask(ADMIN, task.id);
        await applyRegistry({ ledger, queue }, declareRegistry(none), 'test');
        const until = await ledger.now();
        const rows = await eventually(async () => {
          const found = await world.database.query<Row>(
            'SELECT task_id, scheduled_for AS at, state, reason FROM occurrences',
          );
          return found.every(({ state }) => state !== 'open') ? found : null;
        });
        const keyOf = (row: Row): string => `${row.task_id} ${row.at.getTime()}`;
        const expected = await expectedKeys(world, until);
        expect(rows.map(keyOf).sort()).toEqual([...expected].sort());
        const tally: Record<string, number> = {};
        for (const { state, reason } of rows) {
          const end = reason === null ? state : `${state}(${reason})`;
          tally[end] = (tally[end] ?? 0) + 1;
        }
        process.stdout.write(
          `${backend}, seed ${seed}: ${rows.length} occurrences ${JSON.stringify(tally)} after ${struck.join(', ')}\n`,
        );
        const done = rows.filter(({ state }) => isSuccess(state)).map(keyOf);
        expect(new Set(effects).size).toBe(effects.length);
        expect([...effects].sort()).toEqual(expect.arrayContaining(done.sort()));
        const idle = rows
          .filter(({ state }) => state === 'skipped' || state === 'missed')
          .map(keyOf);
        expect(idle.filter((key) => effects.includes(key))).toEqual([]);
        expect(world.unexpected).toEqual([]);
      } finally {
        await world.close();
      }
    });
  },
);
