import { AppError } from '#core/errors';
import { getEntry } from './check-start.ts';
import { requireEntitlements, visibleTasks } from './entitlements.ts';
import { listBackfillRuns } from './ledger/backfill-runs.ts';
import { type Backfill, cancelBackfill, findBackfill, listBackfills } from './ledger/backfills.ts';
import { listOccurrences } from './ledger/occurrence-queries.ts';
import { listAlarms } from './ledger/task-alarms.ts';
import { type PlanContext, planChanges } from './plan-changes.ts';
import type { Runs } from './runs.ts';
import { startBackfill } from './start-backfill.ts';

const READ_ENTITLEMENT = 'tools.jobs.read';
const CANCEL_ENTITLEMENT = 'tools.jobs.cancel';
const ALARMS_SHOWN = 1_000;

/** The part of `Runs` that is about schedules: plan, occurrences, alarms, backfills. */
export const createScheduleRequests = (
  context: PlanContext,
): Pick<
  Runs,
  | 'plan'
  | 'listOccurrences'
  | 'listAlarms'
  | 'startBackfill'
  | 'listBackfills'
  | 'getBackfill'
  | 'listBackfillRuns'
  | 'cancelBackfill'
> => {
  const { catalog, database } = context;

  const getBackfill = async (
    actor: Parameters<Runs['getBackfill']>[0],
    backfillId: string,
  ): Promise<Backfill> => {
    const backfill = await findBackfill(database, backfillId);
    if (backfill === null) throw new AppError('not_found', 'there is no backfill of that id');
    const needed = catalog.get(backfill.taskId)?.task.permissions.read ?? [READ_ENTITLEMENT];
    requireEntitlements(actor, needed, 'reading this backfill');
    return backfill;
  };

  return {
    async plan(actor, { includeUnchanged }) {
      requireEntitlements(actor, [READ_ENTITLEMENT], 'planning');
      return planChanges(context, { visible: visibleTasks(catalog, actor), includeUnchanged });
    },

    async listOccurrences(actor, filter) {
      if (filter.taskId !== undefined) {
        const { task } = getEntry(catalog, filter.taskId);
        requireEntitlements(actor, task.permissions.read, `reading occurrences of ${task.id}`);
      }
      return listOccurrences(database, filter, visibleTasks(catalog, actor));
    },

    listAlarms: async (actor, { includeCleared }) =>
      listAlarms(database, {
        tasks: visibleTasks(catalog, actor),
        includeCleared,
        limit: ALARMS_SHOWN,
      }),

    startBackfill: (request) => startBackfill(context, request),

    async listBackfills(actor) {
      const visible = visibleTasks(catalog, actor);
      const backfills = await listBackfills(database);
      return backfills.filter(({ taskId }) => visible === null || visible.includes(taskId));
    },

    getBackfill,

    async listBackfillRuns(actor, backfillId) {
      const { id } = await getBackfill(actor, backfillId);
      return listBackfillRuns(database, id);
    },

    async cancelBackfill(actor, backfillId) {
      const backfill = await getBackfill(actor, backfillId);
      requireEntitlements(actor, [CANCEL_ENTITLEMENT], 'cancelling a backfill');
      if (!(await cancelBackfill(database, backfill.id, actor.id)))
        throw new AppError('conflict', 'the backfill has ended already');
      return getBackfill(actor, backfillId);
    },
  };
};
