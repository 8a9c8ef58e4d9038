import type { FinalRunState } from '#runner/run';

/** Exit code of a command that waited for a run, by how the run ended. */
export const RUN_EXIT_CODES: Readonly<Record<FinalRunState, number>> = {
  succeeded: 0,
  failed: 1,
  timed_out: 1,
  missed: 1,
  skipped: 4,
  cancelled: 130,
};

/** The reader pressed Ctrl-C while following; the run itself goes on. */
export const STOPPED_FOLLOWING = 130;

/** The registry differs from what is in force, or a deployed crontab from the registry. */
export const DIFFERENCES = 2;

export const EXIT_CODE_HELP = `Exit codes:
  0    done; a run that was waited for succeeded
  1    a run failed, timed out or was missed; an internal error
  2    wrong arguments, inputs, configuration, registry or policy; differences
       that registry plan or registry cron --check found
  3    not allowed
  4    conflict: overlap, a paused task, a run that was skipped or has ended
  5    an engine is away, or a limit was reached; later it may work
  6    a port or the data directory is in use
  130  a run was cancelled, or following it was stopped by Ctrl-C`;
