import { groupBy } from '#core/group-by';
import type { QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import type { CatalogEntry, TaskCatalog } from './task-catalog.ts';

export interface AppliedSchedules {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

const isScheduled = ({ task }: CatalogEntry): boolean => task.schedule !== null && task.enabled;

/**
 * Makes the engine's schedulers what the registry says. A scheduler that is
 * right is left alone: replacing it would drop a slot that is due. Hosts that
 * do this at once take turns.
 */
export const applySchedules = (
  database: Database,
  queue: QueueEngine,
  catalog: TaskCatalog,
): Promise<AppliedSchedules> =>
  database.transaction(async (sql) => {
    await sql.execute(`SELECT pg_advisory_xact_lock(hashtextextended('opsloop schedules', 0))`);
    const added: string[] = [];
    const changed: string[] = [];
    const removed: string[] = [];
    const queues = groupBy(catalog.values(), ({ queueName }) => queueName);
    for (const [queueName, entries] of queues) {
      const live = new Map(
        (await queue.listSchedulers(queueName)).map((each) => [each.schedulerId, each]),
      );
      for (const { task } of entries.filter(isScheduled)) {
        if (task.schedule === null) continue;
        const { cron, timezone } = task.schedule;
        const current = live.get(task.id);
        live.delete(task.id);
        if (
          current?.cron === cron &&
          current.timezone === timezone &&
          current.jobName === task.id &&
          current.everyMs === null
        )
          continue;
        await queue.upsertScheduler({
          queueName,
          schedulerId: task.id,
          cron,
          timezone,
          jobName: task.id,
          data: {},
          attempts: task.attempts,
        });
        (current === undefined ? added : changed).push(task.id);
      }
      for (const schedulerId of live.keys())
        if (await queue.removeScheduler({ queueName, schedulerId })) removed.push(schedulerId);
    }
    return { added, changed, removed };
  });
