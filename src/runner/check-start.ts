import { AppError, type Violation } from '#core/errors';
import { inputsHash, type TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import { nearestNames } from '#core/nearest-names';
import { findUnstorable } from '#core/storable-text';
import { isOccurrence, latestOccurrence } from '#occurrences/occurrence-times';
import { requireEntitlements } from './entitlements.ts';
import type { StartRequest } from './runs.ts';
import type { CatalogEntry, TaskCatalog } from './task-catalog.ts';

/** A start that is allowed and well-formed; only the ledger can still refuse it. */
export interface CheckedStart {
  readonly entry: CatalogEntry;
  readonly inputs: JsonObject;
  readonly inputsHash: string;
  readonly scheduledFor: Date;
  /** Set when the run stands for the occurrence: an instant of the schedule with the schedule's own inputs. */
  readonly occurrenceAt: Date | null;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Throws `not_found` with the nearest names. */
export const getEntry = (catalog: TaskCatalog, taskId: string): CatalogEntry => {
  const entry = catalog.get(taskId as TaskId);
  if (entry !== undefined) return entry;
  const nearest = nearestNames(taskId.slice(0, 200), catalog.keys());
  const hint =
    nearest.length === 0 ? '; list_tasks names them all' : `; did you mean ${nearest.join(', ')}?`;
  throw new AppError('not_found', `there is no task of that id${hint}`, {
    details: { did_you_mean: nearest },
  });
};

const parseInstant = (text: string, now: Date): Date | Violation => {
  const path = '$.scheduled_for';
  const instant = new Date(text);
  if (!RFC_3339.test(text) || Number.isNaN(instant.getTime()))
    return { path, message: 'must be an RFC 3339 instant such as 2026-01-31T09:00:00Z' };
  if (instant > now) return { path, message: 'must not lie in the future' };
  if (instant.getUTCFullYear() < 1970) return { path, message: 'must not lie before 1970' };
  return instant;
};

const defaultInstant = (entry: CatalogEntry, now: Date): Date => {
  const { expects, job } = entry;
  if (job.reads === 'history' && expects !== null) return latestOccurrence(expects, now) ?? now;
  return now;
};

/**
 * Checks a request against the registry: entitlements first, so that a caller
 * without them learns nothing about the inputs. Throws `not_found`,
 * `forbidden`, `conflict` (disabled task) or `invalid_input` with every violation.
 */
export const checkStart = (
  catalog: TaskCatalog,
  request: StartRequest,
  now: Date,
): CheckedStart => {
  const entry = getEntry(catalog, request.taskId);
  const { task } = entry;
  requireEntitlements(request.actor, task.permissions.start, `starting ${task.id}`);
  if (!task.enabled) throw new AppError('conflict', `task ${task.id} is disabled in the registry`);
  if (request.force && !request.actor.isAdmin)
    throw new AppError('forbidden', 'force is for admins', {
      details: { missing_entitlements: ['admin'] },
    });

  const violations: Violation[] = [];
  if (request.dryRun && !task.dryRun)
    violations.push({ path: '$.dry_run', message: `task ${task.id} has no dry-run` });
  const key = request.idempotencyKey;
  if (key !== undefined && (key.length === 0 || key.length > 255 || findUnstorable(key).length > 0))
    violations.push({ path: 'Idempotency-Key', message: 'must have 1 to 255 characters' });

  const checked = entry.inputs.check(request.inputs ?? {});
  const unstorable = findUnstorable(request.inputs, '$.inputs');
  violations.push(...unstorable);
  if (!checked.ok)
    violations.push(
      ...checked.violations.map(({ path, message }) => ({
        path: path.replace(/^\$/, '$.inputs'),
        message,
      })),
    );

  const instant =
    request.scheduledFor === undefined
      ? defaultInstant(entry, now)
      : parseInstant(request.scheduledFor, now);
  if (!(instant instanceof Date)) violations.push(instant);

  if (violations.length > 0 || !checked.ok || !(instant instanceof Date))
    throw new AppError('invalid_input', `the start of ${task.id} was refused`, { violations });

  const hash = inputsHash(checked.value);
  const stands =
    !request.dryRun &&
    entry.expects !== null &&
    hash === entry.scheduleInputsHash &&
    isOccurrence(entry.expects, instant);
  return {
    entry,
    inputs: checked.value,
    inputsHash: hash,
    scheduledFor: instant,
    occurrenceAt: stands ? instant : null,
  };
};
