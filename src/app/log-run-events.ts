import type { Run } from '#runner/run';
import type { WorkerObserver } from '#runner/worker';
import type { Logger } from '#telemetry/logger';

const bindings = (run: Run) => ({ run_id: run.id, task: run.taskId });

/** Where level and wording of everything about runs are decided. One rich line per finished run. */
export const logRunEvents = (logger: Logger): WorkerObserver => ({
  started(run) {
    logger.debug({ ...bindings(run), attempt: run.attempts, trigger: run.trigger }, 'run started');
    if (run.crashes > 0)
      logger.warn(
        { ...bindings(run), attempt: run.attempts, crashes: run.crashes },
        'run taken over from a worker that is gone',
      );
  },
  ended(run, end) {
    const fields = {
      ...bindings(run),
      state: end.state,
      trigger: run.trigger,
      actor: run.actor,
      dry_run: run.dryRun,
      scheduled_for: run.scheduledFor.toISOString(),
      attempt: end.attempt,
      duration_ms: Math.round(end.durationMs),
      reports: end.reports.map(({ path }) => path),
      ...(end.partial ? { partial: true } : {}),
      ...(end.wouldFail === null ? {} : { would_fail: end.wouldFail }),
      ...(end.error === null
        ? {}
        : { error_class: end.error.class, error_message: end.error.message }),
    };
    if (end.state === 'succeeded') logger.info(fields, 'run succeeded');
    else if (end.state === 'cancelled') logger.warn(fields, 'run cancelled');
    else logger.error(fields, `run ${end.state === 'timed_out' ? 'timed out' : end.state}`);
  },
  returned(run, reason, error, delayMs) {
    const fields = { ...bindings(run), attempt: run.attempts, delay_ms: delayMs };
    if (reason === 'shutdown') logger.info(fields, 'run put back for another worker');
    else
      logger.warn(
        { ...fields, error_class: error?.class, error_message: error?.message },
        'attempt failed, the run is tried again',
      );
  },
  voided(run, reason) {
    logger.warn({ ...bindings(run), reason }, 'attempt void');
  },
  ignoredSignal(run) {
    logger.error(bindings(run), 'job ignored its abort signal for 10 s');
  },
  ledgerAway(run) {
    logger.warn(bindings(run), 'ledger away; the end of the run waits in the journal');
  },
  jobLog(run, level, message, fields) {
    logger[level]({ ...bindings(run), ...fields }, message);
  },
  merged(ends) {
    logger.info({ ends }, 'ends of runs merged from the journal into the ledger');
  },
  unexpected(what, error) {
    logger.error({ err: error }, `unexpected: ${what}`);
  },
});
