import type { SupervisorObserver } from '#runner/supervise/supervisor';
import type { WorkerObserver } from '#runner/worker';

const quiet = (): void => undefined;

/** Tells nobody; `over` listens to what a test is about. */
export const silentWorkerObserver = (over: Partial<WorkerObserver> = {}): WorkerObserver => ({
  started: quiet,
  ended: quiet,
  returned: quiet,
  voided: quiet,
  ignoredSignal: quiet,
  ledgerAway: quiet,
  jobLog: quiet,
  merged: quiet,
  unexpected: quiet,
  ...over,
});

export const silentSupervisorObserver = (
  over: Partial<SupervisorObserver> = {},
): SupervisorObserver => ({
  recovered: quiet,
  settled: quiet,
  remade: quiet,
  schedulesDiffered: quiet,
  alarmRaised: quiet,
  alarmCleared: quiet,
  unexpected: quiet,
  ...over,
});
