import type { Clock } from '#core/clock';
import { AppError, type Violation } from '#core/errors';
import { newBackfillId } from '#core/ids';
import { occurrencesBetween } from '#occurrences/occurrence-times';
import type { Database } from '#storage/database';
import { checkStart, getEntry } from './check-start.ts';
import { requireEntitlements } from './entitlements.ts';
import {
  type Backfill,
  findBackfill,
  insertBackfill,
  listDoneInstants,
} from './ledger/backfills.ts';
import type { BackfillRequest } from './runs.ts';
import type { TaskCatalog } from './task-catalog.ts';

/** More than this many runs are more likely a slip of the keyboard than meant. */
const MAX_INSTANTS = 1_000;

const checkRange = ({ from, to }: BackfillRequest, now: Date): readonly Violation[] => {
  const violations: Violation[] = [];
  if (from >= to) violations.push({ path: '$.from', message: 'must lie before to' });
  if (from.getUTCFullYear() < 1970)
    violations.push({ path: '$.from', message: 'must not lie before 1970' });
  if (from > now) violations.push({ path: '$.from', message: 'must not lie in the future' });
  return violations;
};

/**
 * Records that a stretch of a task's past is to be run: an occurrence each,
 * oldest first. Throws `not_found`, `forbidden`, `invalid_input` (a task that
 * reads live data, has no schedule or is destructive; bad range; bad inputs).
 */
export const startBackfill = async (
  context: { readonly catalog: TaskCatalog; readonly database: Database; readonly clock: Clock },
  request: BackfillRequest,
): Promise<Backfill> => {
  const { catalog, database, clock } = context;
  const { actor, taskId, from, dryRun } = request;
  const now = clock.now();
  const entry = getEntry(catalog, taskId);
  const { task, job, expects } = entry;
  requireEntitlements(actor, task.permissions.start, `backfilling ${task.id}`);
  const violations = [...checkRange(request, now)];
  const refuse = (message: string): void => void violations.push({ path: '$.task_id', message });
  if (job.reads === 'live')
    refuse(`names ${task.id}, which looks at what is there now and cannot be run for the past`);
  if (expects === null) refuse(`names ${task.id}, which has no schedule`);
  if (task.destructive && !dryRun) refuse(`names ${task.id}, which is destructive`);
  if (violations.length > 0 || expects === null)
    throw new AppError('invalid_input', `the backfill of ${task.id} was refused`, { violations });

  const to = request.to > now ? now : request.to;
  const found = occurrencesBetween(expects, { from, to, limit: MAX_INSTANTS + 1 });
  if (found.length > MAX_INSTANTS)
    throw new AppError('invalid_input', `the backfill of ${task.id} was refused`, {
      violations: [
        {
          path: '$.to',
          message: `leaves more than ${MAX_INSTANTS} occurrences; take a shorter range`,
        },
      ],
    });
  const start = checkStart(
    catalog,
    { ...request, taskId, scheduledFor: from.toISOString(), force: false, trigger: 'backfill' },
    now,
  );
  const id = newBackfillId(now);
  await database.transaction(async (sql) => {
    const done = request.onlyMissing ? await listDoneInstants(sql, task.id, { from, to }) : [];
    const doneMs = new Set(done.map((instant) => instant.getTime()));
    await insertBackfill(sql, {
      id,
      taskId: task.id,
      from,
      to,
      inputs: start.inputs,
      inputsHash: start.inputsHash,
      dryRun,
      actor: actor.id,
      instants: found.filter((instant) => !doneMs.has(instant.getTime())),
    });
  });
  const backfill = await findBackfill(database, id);
  if (backfill === null) throw new AppError('internal', 'the backfill was not stored');
  return backfill;
};
