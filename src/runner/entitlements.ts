import { AppError } from '#core/errors';
import type { Actor } from './run.ts';

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
