import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '#core/errors';
import type { Actor } from '#runner/run';

/**
 * Who is behind the request that is being handled. Bull Board hands its
 * adapters the change that is wanted but not the request, hence this detour.
 */
const actors = new AsyncLocalStorage<Actor>();

export const runAsActor = (actor: Actor, work: () => void): void => {
  actors.run(actor, work);
};

/** Throws `unauthenticated` outside of a request. */
export const currentActor = (): Actor => {
  const actor = actors.getStore();
  if (actor === undefined)
    throw new AppError('unauthenticated', 'the board does not know who asks');
  return actor;
};

/** Null outside of a request. */
export const findActor = (): Actor | null => actors.getStore() ?? null;
