import { systemClock } from '#core/clock';
import type { Occurrence } from '#runner/ledger/occurrence-ledger';
import {
  type OccurrenceState,
  tallyOccurrences,
  toOccurrenceRecord,
} from '#runner/occurrence-record';
import type { Invocation, TextStream } from './invocation.ts';
import { withSession } from './open-session.ts';
import { formatInstant, printJson, printLine, printTable, type Style } from './terminal-text.ts';

export interface OccurrencesOptions {
  readonly task?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly state?: readonly OccurrenceState[];
  readonly limit: number;
  readonly json?: boolean;
}

/** What is shown when no beginning is named. */
const DEFAULT_SPAN_MS = 86_400_000;

const STYLES: Readonly<Record<OccurrenceState, Style>> = {
  open: 'cyan',
  ran: 'green',
  ran_late: 'yellow',
  caught_up: 'green',
  skipped: 'yellow',
  missed: 'red',
  failed: 'red',
};

const stateText = ({ state, reason }: Occurrence): string =>
  reason === null ? state : `${state}(${reason})`;

/** When a start was due where that is not the instant itself, and for how long it has been late. */
const dueText = ({ state, scheduledFor, dueAt, lateAt, runId }: Occurrence, now: Date): string => {
  if (state === 'open' && dueAt === null) return 'after others';
  if (state === 'open' && runId === null && lateAt !== null && lateAt < now)
    return `late since ${formatInstant(lateAt)}`;
  return dueAt === null || dueAt.getTime() === scheduledFor.getTime() ? '-' : formatInstant(dueAt);
};

const printOccurrences = (
  stream: TextStream,
  occurrences: readonly Occurrence[],
  now: Date,
): void => {
  const stateColumn = 2;
  printTable(
    stream,
    ['task', 'scheduled for', 'state', 'run', 'due', 'explanation'],
    occurrences.map((occurrence) => [
      occurrence.taskId,
      formatInstant(occurrence.scheduledFor),
      stateText(occurrence),
      occurrence.runId ?? '-',
      dueText(occurrence, now),
      occurrence.explanation ?? '',
    ]),
    (row, column) => {
      const state = occurrences[row]?.state;
      return column !== stateColumn || state === undefined ? null : STYLES[state];
    },
  );
};

const tallyLine = (occurrences: readonly Occurrence[]): string => {
  const words = Object.entries(tallyOccurrences(occurrences)).map(
    ([state, count]) => `${count} ${state}`,
  );
  const count = occurrences.length;
  return `${count} ${count === 1 ? 'occurrence' : 'occurrences'}${words.length === 0 ? '' : ': '}${words.join(', ')}`;
};

/** How the occurrences of tasks ended, newest first, and how many of them in each way. */
export const listOccurrences = (
  invocation: Invocation,
  options: OccurrencesOptions,
): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const { stdout, stderr } = invocation;
    const now = systemClock.now();
    const from = options.from ?? new Date((options.to ?? now).getTime() - DEFAULT_SPAN_MS);
    const found = await runs.listOccurrences(actor, {
      from,
      limit: options.limit,
      ...(options.to === undefined ? {} : { to: options.to }),
      ...(options.task === undefined ? {} : { taskId: options.task }),
      ...(options.state === undefined ? {} : { states: options.state }),
    });
    if (options.json === true)
      printJson(stdout, {
        occurrences: found.map(toOccurrenceRecord),
        tally: tallyOccurrences(found),
      });
    else {
      if (found.length > 0) {
        printOccurrences(stdout, found, now);
        printLine(stdout);
      }
      printLine(stdout, `${tallyLine(found)}, from ${formatInstant(from)}`);
    }
    if (found.length === options.limit)
      printLine(stderr, `the newest ${options.limit}; --limit or --from and --to show others`);
    return 0;
  });
