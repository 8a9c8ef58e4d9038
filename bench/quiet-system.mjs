// Parts of a system that a bench measures without listening to it.
const quiet = () => undefined;
const told = (what, error) => process.stderr.write(`${what}: ${error}\n`);

export const quietWorker = (over = {}) => ({
  started: quiet,
  ended: quiet,
  returned: quiet,
  voided: quiet,
  ignoredSignal: quiet,
  ledgerAway: quiet,
  jobLog: quiet,
  merged: quiet,
  unexpected: told,
  ...over,
});

export const quietSupervisor = () => ({
  recovered: quiet,
  settled: quiet,
  remade: quiet,
  schedulesDiffered: quiet,
  alarmRaised: quiet,
  alarmCleared: quiet,
  unexpected: told,
});

/** A task whose job does nothing. */
export const benchTask = (id, schedule) => ({
  id,
  title: id,
  description: 'Does nothing.',
  job: 'noop',
  owner: 'bench',
  group: 'bench',
  schedule,
  after: [],
  blackouts: [],
  notify: null,
  timezone: 'UTC',
  permissions: { start: ['tools.jobs.start'], read: ['tools.jobs.read'] },
  inputs: { type: 'object', additionalProperties: false, properties: {} },
  outputs: [],
  dryRun: true,
  destructive: false,
  isolate: false,
  enabled: true,
  timeoutMs: 60_000,
  attempts: 3,
  backoff: { type: 'fixed', delayMs: 1_000, jitter: 0 },
  overlap: 'allow',
  catchUp: 'latest',
  catchUpWindowMs: 86_400_000,
  lateAfterMs: 'auto',
  keepRunsMs: 7_776_000_000,
  maxCrashes: 2,
  queue: null,
  position: { line: 1, column: 1 },
});

export const noopJobs = () =>
  new Map([
    [
      'noop',
      {
        reads: 'live',
        inputs: {},
        needs: [],
        run: async () => ({ kind: 'succeeded', summary: {} }),
      },
    ],
  ]);
