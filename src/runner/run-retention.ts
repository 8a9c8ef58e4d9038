import type { Effects } from '#core/effects';
import { groupBy } from '#core/group-by';
import type { RunRetention } from '#job-kit/stores';
import type { TaskCatalog } from './task-catalog.ts';

/** `keep_runs` of tasks that the registry no longer has, in milliseconds: the default of 90 days. */
const UNKNOWN_TASK_KEEP_MS = 90 * 86_400_000;

/** What ages with the runs of a task, and the column by which it does; a row without it is not over. */
const AGEING = {
  task_runs: 'finished_at',
  occurrences: 'closed_at',
  task_alarms: 'cleared_at',
  task_pauses: 'resumed_at',
  backfills: 'ended_at',
} as const;

type AgeingTable = keyof typeof AGEING;

interface Expired {
  readonly olderThan: Date;
  /** Null for every task but those of `except`. */
  readonly tasks: readonly string[] | null;
  readonly except: readonly string[];
}

const removeFrom = (
  effects: Effects,
  table: AgeingTable,
  { olderThan, tasks, except }: Expired,
): Promise<number> => {
  const expired = `FROM ${table} WHERE ${AGEING[table]} < $1
    AND ($2::text[] IS NULL OR task_id = ANY ($2)) AND NOT (COALESCE(task_id, '') = ANY ($3::text[]))`;
  return effects.rows.apply({
    effect: 'delete_rows',
    table,
    text: `DELETE ${expired}`,
    countText: `SELECT count(*) AS count ${expired}`,
    values: [olderThan, tasks, except],
  });
};

/**
 * Ageing of the run ledger by each task's `keep_runs`; a run's events and log
 * go with it. `keep_runs` is never shorter than `catch_up_window`, so that what
 * was removed is never caught up.
 */
export const createRunRetention = (effects: Effects, catalog: TaskCatalog): RunRetention => {
  const removeOlder = async (expired: Expired) => {
    const runs = await removeFrom(effects, 'task_runs', expired);
    const occurrences = await removeFrom(effects, 'occurrences', expired);
    for (const table of ['task_alarms', 'task_pauses', 'backfills'] as const)
      await removeFrom(effects, table, expired);
    return { runs, occurrences };
  };

  return {
    async removeExpired(now) {
      const before = (keepMs: number): Date => new Date(now.getTime() - keepMs);
      const groups = groupBy(catalog.values(), ({ task }) => task.keepRunsMs);
      const all: readonly Expired[] = [
        { olderThan: before(UNKNOWN_TASK_KEEP_MS), tasks: null, except: [...catalog.keys()] },
        ...[...groups].map(([keepMs, entries]) => ({
          olderThan: before(keepMs),
          tasks: entries.map(({ task }) => task.id),
          except: [],
        })),
      ];
      let [runs, occurrences] = [0, 0];
      for (const expired of all) {
        const removed = await removeOlder(expired);
        runs += removed.runs;
        occurrences += removed.occurrences;
      }
      return { runs, occurrences };
    },
  };
};
