import path from 'node:path';
import { AppError, messageOf } from '#core/errors';
import type { ReadinessCheck } from '#gateway/routes/health-routes';
import type { RegistryState } from './registry-watch.ts';

/** Anybody may read this, so that a file outside of REPO_ROOT stands without its folders. */
const publicPlace = (place: string): string =>
  path.isAbsolute(place) ? path.basename(place) : place;

/** The first fault in one line. */
const firstFault = (error: unknown): string => {
  const [first, ...others] = error instanceof AppError ? error.violations : [];
  if (first === undefined)
    return error instanceof AppError
      ? (messageOf(error).split('\n', 1)[0] ?? '')
      : 'it cannot be loaded; the log says why';
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${publicPlace(first.path)} ${first.message}${more}`;
};

/**
 * What `/readyz` says of the registry. Never a reason not to be ready: a process
 * goes on with the registry in force.
 */
export const registryReadiness = (tasks: number, state: RegistryState): ReadinessCheck => {
  const inForce = `${tasks} tasks in force`;
  switch (state.kind) {
    case 'in_force':
      return { name: 'registry', ok: true, detail: inForce };
    case 'refused':
      return {
        name: 'registry',
        ok: true,
        detail: `${inForce}; the file on disk is refused: ${firstFault(state.error)}`,
      };
    case 'waiting':
      return {
        name: 'registry',
        ok: true,
        detail: `${inForce}; the changed file is not in force yet: ${state.reason}`,
      };
  }
};
