import type { Effects } from '#core/effects';
import { groupBy } from '#core/group-by';
import type { RunRetention } from '#job-kit/stores';
import type { TaskCatalog } from './task-catalog.ts';

/** `keep_runs` of tasks that the registry no longer has, in milliseconds: the default of 90 days. */
const UNKNOWN_TASK_KEEP_MS = 90 * 86_400_000;

const EXPIRED = `FROM task_runs WHERE finished_at < $1
  AND ($2::text[] IS NULL OR task_id = ANY ($2)) AND NOT (task_id = ANY ($3::text[]))`;

/** Ageing of the run ledger; a run's events and log go with it. */
export const createRunRetention = (effects: Effects, catalog: TaskCatalog): RunRetention => ({
  async removeExpired(now) {
    const known = [...catalog.keys()];
    const removeOlder = (
      keepMs: number,
      tasks: readonly string[] | null,
      except: readonly string[],
    ): Promise<number> =>
      effects.rows.apply({
        effect: 'delete_rows',
        table: 'task_runs',
        text: `DELETE ${EXPIRED}`,
        countText: `SELECT count(*) AS count ${EXPIRED}`,
        values: [new Date(now.getTime() - keepMs), tasks, except],
      });
    let removed = await removeOlder(UNKNOWN_TASK_KEEP_MS, null, known);
    for (const [keepMs, entries] of groupBy(catalog.values(), ({ task }) => task.keepRunsMs))
      removed += await removeOlder(
        keepMs,
        entries.map(({ task }) => task.id),
        [],
      );
    return removed;
  },
});
