import { AppError, hasCode, messageOf, type Violation } from '#core/errors';
import type { Revision } from '#runner/ledger/occurrence-ledger';
import type { Logger } from '#telemetry/logger';
import { logPlan } from './log-plan.ts';
import type { RegistryWatchObserver } from './reload/registry-watch.ts';

/** Faults that get a line each; a file without its indentation has thousands. */
const FAULTS_LOGGED = 100;

export interface RegistryObserver extends RegistryWatchObserver {
  anotherInForce(revision: Revision): void;
}

const faultsOf = (error: unknown): readonly Violation[] =>
  error instanceof AppError ? error.violations : [];

/** Where level and wording of everything about a changed registry file are decided. */
export const logRegistry = (logger: Logger): RegistryObserver => ({
  reloaded({ tasks, changes }) {
    if (changes !== null) logPlan(logger, changes, 'registry applied');
    logger.info(
      { tasks },
      'registry read again and in force; code of jobs that were loaded before is as it was until a restart',
    );
  },
  refused(error) {
    const faults = faultsOf(error);
    for (const { path, message } of faults.slice(0, FAULTS_LOGGED))
      logger.error({ place: path }, `registry: ${path} ${message}`);
    const more = faults.length - FAULTS_LOGGED;
    if (more > 0)
      logger.error({ faults: more }, 'registry: more faults; opsloop registry validate lists them');
    // What is no fault of the file, such as a job that cannot be imported, needs its stack.
    if (faults.length === 0) logger.error({ err: error }, `registry: ${messageOf(error)}`);
    logger.error(
      { faults: Math.max(faults.length, 1) },
      'the changed registry is refused; the registry in force stays',
    );
  },
  delayed(error, retryMs) {
    const fields = { retry_in_ms: retryMs };
    // A conflict is the job of a changed schedule that runs at this moment: it ends.
    if (hasCode(error, 'unavailable') || hasCode(error, 'conflict'))
      logger.warn(
        fields,
        `the changed registry is not in force yet: ${messageOf(error)}; trying again`,
      );
    else
      logger.error(
        { ...fields, err: error },
        `the changed registry could not be put in force: ${messageOf(error)}; trying again`,
      );
  },
  anotherInForce({ revision, appliedBy, appliedAt }) {
    logger.warn(
      { revision, applied_by: appliedBy, applied_at: appliedAt.toISOString() },
      `another registry is in force, applied by ${appliedBy} at ${appliedAt.toISOString()}; this host executes with its own file`,
    );
  },
  unwatched(error) {
    logger.warn(
      { err: error },
      'the folder of the registry cannot be watched; the file is looked at every few seconds instead',
    );
  },
  unexpected(what, error) {
    logger.error({ err: error }, `unexpected: ${what}`);
  },
});
