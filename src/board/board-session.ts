import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '#core/errors';
import type { Actor } from '#runner/run';

interface BoardSession {
  readonly actor: Actor;
  /** Tells the audit trail which run a change started. */
  readonly noteStartedRun: (runId: string) => void;
}

/**
 * Who is behind the request that is being handled. Bull Board hands its
 * adapters the change that is wanted but not the request, hence this detour.
 */
const sessions = new AsyncLocalStorage<BoardSession>();

export const runInSession = (session: BoardSession, work: () => void): void => {
  sessions.run(session, work);
};

/** Throws `unauthenticated` outside of a request. */
export const currentSession = (): BoardSession => {
  const session = sessions.getStore();
  if (session === undefined)
    throw new AppError('unauthenticated', 'the board does not know who asks');
  return session;
};

/** Null outside of a request. */
export const findActor = (): Actor | null => sessions.getStore()?.actor ?? null;
