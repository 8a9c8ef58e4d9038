import type { Effect } from '#core/effects';
import { isFinal, type Run, type RunState } from '#runner/run';
import type { TextStream } from './invocation.ts';
import {
  formatDuration,
  formatInstant,
  plainText,
  printLine,
  printTable,
  styled,
} from './terminal-text.ts';

const STATE_STYLES: Readonly<Record<RunState, 'green' | 'red' | 'yellow' | 'cyan'>> = {
  queued: 'cyan',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  timed_out: 'red',
  missed: 'red',
  cancelled: 'yellow',
  skipped: 'yellow',
};

export const styledState = (stream: TextStream, state: RunState): string =>
  styled(stream, STATE_STYLES[state], state);

/** Details whose value says best what an effect is about, in order of preference. */
const SUBJECTS = ['path', 'file', 'table', 'to', 'url'] as const;

const effectRow = ({ effect, ...details }: Effect): readonly string[] => {
  const subject = SUBJECTS.find((name) => details[name] !== undefined);
  const rest = Object.entries(details).filter(([name]) => name !== subject);
  return [
    effect,
    subject === undefined ? '' : String(details[subject]),
    rest.map(([name, value]) => `${name}=${String(value)}`).join(' '),
  ];
};

const printEffects = (stream: TextStream, effects: readonly Effect[]): void => {
  if (effects.length === 0) {
    printLine(stream, 'intended effects: none');
    return;
  }
  printLine(stream, `intended effects (${effects.length}), none of them carried out:`);
  printTable(stream, ['effect', 'on', 'details'], effects.map(effectRow));
};

/** How a run stands: state, times, reports, effects of a dry-run, what went wrong. */
export const printRun = (stream: TextStream, run: Run): void => {
  const kind = run.dryRun ? 'dry-run of ' : '';
  const duration = run.durationMs === null ? '' : ` in ${formatDuration(run.durationMs)}`;
  printLine(
    stream,
    `${styledState(stream, run.state)}  ${kind}${run.taskId} for ${formatInstant(run.scheduledFor)}${duration}  ${run.id}`,
  );
  if (run.error !== null)
    printLine(stream, `error: ${plainText(run.error.class)}: ${plainText(run.error.message)}`);
  if (run.wouldFail !== null)
    printLine(
      stream,
      `${styled(stream, 'yellow', 'would fail')}, because ${plainText(run.wouldFail)}`,
    );
  if (run.partial) printLine(stream, 'partial: the data is known to be incomplete');
  for (const { path, bytes } of run.reports)
    printLine(stream, `report: ${plainText(path)} (${bytes} bytes)`);
  if (run.result !== null && isFinal(run.state))
    printLine(stream, `result: ${plainText(JSON.stringify(run.result))}`);
  if (run.effects !== null) printEffects(stream, run.effects);
};
