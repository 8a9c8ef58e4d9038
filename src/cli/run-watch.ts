import type { RunWatch } from '#app/command-session';
import type { Run } from '#runner/run';
import type { RunLogLine } from '#runner/runs';
import type { TextStream } from './invocation.ts';
import { plainText, printLine, styled } from './terminal-text.ts';

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  readonly message: string;
}

/** What a bar can show of a run's progress: `percent`, or `done` of `total`; null for anything else. */
export const readProgress = (progress: Run['progress']): ProgressState | null => {
  if (progress === null) return null;
  const { percent, done, total, message } = progress;
  const text = typeof message === 'string' ? plainText(message) : '';
  if (typeof done === 'number' && typeof total === 'number' && total > 0)
    return { done, total, message: text };
  return typeof percent === 'number' ? { done: percent, total: 100, message: text } : null;
};

/** A progress bar on a terminal; elsewhere lines alone. */
export interface Bar {
  print(line: string): void;
  show(progress: ProgressState): void;
  stop(): void;
}

const openBar = async (stream: TextStream): Promise<Bar> => {
  const { default: progressBars } = await import('cli-progress');
  const bars = new progressBars.MultiBar(
    {
      stream,
      format: '{bar} {percentage}% {message}',
      hideCursor: true,
      clearOnComplete: true,
      // Ctrl-C is the command's own business.
      gracefulExit: false,
    },
    progressBars.Presets.shades_classic,
  );
  const bar = bars.create(100, 0, { message: '' });
  return {
    print: (line) => bars.log(`${line}\n`),
    show({ done, total, message }) {
      bar.setTotal(total);
      bar.update(done, { message });
    },
    stop: () => bars.stop(),
  };
};

const openLines = (stream: TextStream): Bar => ({
  print: (line) => printLine(stream, line),
  show: () => undefined,
  stop: () => undefined,
});

export const openProgress = (stream: TextStream): Promise<Bar> =>
  stream.isTTY === true ? openBar(stream) : Promise.resolve(openLines(stream));

export interface OpenedWatch {
  readonly watch: RunWatch;
  /** Takes the bar away; nothing is shown afterwards. */
  close(): void;
}

const formatLogLine = (stream: TextStream, { at, level, line }: RunLogLine): string => {
  const time = styled(stream, 'dim', at.toISOString().slice(11, 19));
  const label =
    level === 'info' ? '' : `${styled(stream, level === 'warn' ? 'yellow' : 'red', level)} `;
  return `${time} ${label}${plainText(line)}`;
};

/** Shows a run's log, and its progress where the stream is a terminal. */
export const openRunWatch = async (
  stream: TextStream,
  signal: AbortSignal,
): Promise<OpenedWatch> => {
  const bar = await openProgress(stream);
  return {
    watch: {
      signal,
      onLog: (line) => bar.print(formatLogLine(stream, line)),
      onProgress(progress) {
        const state = readProgress(progress);
        if (state !== null) bar.show(state);
      },
    },
    close: () => bar.stop(),
  };
};
