import {
  type BackfillState,
  countEnded,
  countUnsuccessful,
  stateOfBackfill,
} from '#runner/backfill-record';
import type { Backfill } from '#runner/ledger/backfills';
import { RUN_STATES, type Run } from '#runner/run';
import type { TextStream } from './invocation.ts';
import { printRun } from './run-view.ts';
import {
  formatInstant,
  plainText,
  printLine,
  printTable,
  type Style,
  styled,
} from './terminal-text.ts';

const STYLES: Readonly<Record<BackfillState, Style>> = {
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
};

const rangeText = ({ from, to }: Backfill): string =>
  `from ${formatInstant(from)} to before ${formatInstant(to)}`;

const runWords = ({ runs, remaining }: Backfill): string => {
  const words = RUN_STATES.flatMap((state) => {
    const count = runs[state] ?? 0;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  if (remaining.length > 0) words.push(`${remaining.length} to come`);
  return words.length === 0 ? 'none' : words.join(', ');
};

/** `3 of 7 done, 1 of them without success`. */
export const progressText = (backfill: Backfill): string => {
  const bad = countUnsuccessful(backfill);
  const done = `${countEnded(backfill)} of ${backfill.total} done`;
  return bad === 0 ? done : `${done}, ${bad} of them without success`;
};

/** How a backfill stands, on a few lines. */
export const printBackfill = (stream: TextStream, backfill: Backfill): void => {
  const state = stateOfBackfill(backfill);
  const kind = backfill.dryRun ? 'dry-run backfill of ' : 'backfill of ';
  printLine(
    stream,
    `${styled(stream, STYLES[state], state)}  ${kind}${backfill.taskId} ${rangeText(backfill)}  ${backfill.id}`,
  );
  printLine(stream, `occurrences: ${backfill.total}; runs: ${runWords(backfill)}`);
  if (backfill.cancelledBy !== null)
    printLine(stream, `cancelled by ${plainText(backfill.cancelledBy)}`);
};

/** Of a dry-run every run with its effects; else those that did not succeed. */
export const printOutcome = (
  stream: TextStream,
  backfill: Backfill,
  runs: readonly Run[],
): void => {
  const shown = backfill.dryRun ? runs : runs.filter(({ state }) => state !== 'succeeded');
  for (const run of shown) {
    printRun(stream, run);
    printLine(stream);
  }
  printBackfill(stream, backfill);
};

export const printBackfillRuns = (stream: TextStream, runs: readonly Run[]): void => {
  printTable(
    stream,
    ['run', 'scheduled for', 'state', 'attempts', 'error'],
    runs.map((run) => [
      run.id,
      formatInstant(run.scheduledFor),
      run.state,
      String(run.attempts),
      run.error?.message ?? run.wouldFail ?? '',
    ]),
  );
};

export const printBackfills = (stream: TextStream, backfills: readonly Backfill[]): void => {
  const states = backfills.map(stateOfBackfill);
  printTable(
    stream,
    ['backfill', 'task', 'state', 'done', 'unsuccessful', 'from', 'to before', 'by', 'created'],
    backfills.map((backfill, row) => [
      backfill.id,
      backfill.dryRun ? `${backfill.taskId} (dry-run)` : backfill.taskId,
      states[row] ?? '',
      `${countEnded(backfill)}/${backfill.total}`,
      String(countUnsuccessful(backfill)),
      formatInstant(backfill.from),
      formatInstant(backfill.to),
      backfill.actor,
      formatInstant(backfill.createdAt),
    ]),
    (row, column) => {
      const state = states[row];
      return column !== 2 || state === undefined ? null : STYLES[state];
    },
  );
};
