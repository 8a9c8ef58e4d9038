import { AppError } from '#core/errors';
import type { Actor } from './run.ts';
import type { TaskCatalog } from './task-catalog.ts';

export const isEntitled = (actor: Actor, entitlement: string): boolean =>
  actor.entitlements.has(entitlement) || actor.entitlements.has('*');

/** Throws `forbidden` that names every entitlement the actor lacks. */
export const requireEntitlements = (
  actor: Actor,
  needed: readonly string[],
  purpose: string,
): void => {
  const missing = needed.filter((entitlement) => !isEntitled(actor, entitlement));
  if (missing.length > 0)
    throw new AppError('forbidden', `${purpose} needs ${missing.join(' and ')}`, {
      details: { missing_entitlements: missing },
    });
};

/** The tasks whose runs the actor may read; null for all of them, also those that the registry no longer has. */
export const visibleTasks = (catalog: TaskCatalog, actor: Actor): readonly string[] | null => {
  const tasks = [...catalog.values()].map(({ task }) => task);
  const visible = tasks.filter(({ permissions }) =>
    permissions.read.every((needed) => isEntitled(actor, needed)),
  );
  return visible.length === tasks.length ? null : visible.map(({ id }) => id);
};
