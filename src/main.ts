import { closeSync, openSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { runCommandLine } from '#cli/command-line';

const stop = new AbortController();
let isStopClaimed = false;
let signalsSeen = 0;

for (const [name, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.on(name, () => {
    signalsSeen += 1;
    if (signalsSeen > 1) process.exit(1);
    if (!isStopClaimed) process.exit(128 + number);
    stop.abort();
  });
}

/** Whether the terminal of a process that had one is gone: it can be opened no more. */
const isTerminalClosed = (): boolean => {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
};

// `opsloop runs list | head` closes the pipe early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  stdout: process.stdout,
  stderr: process.stderr,
  directory: process.cwd(),
  claimStopSignal() {
    isStopClaimed = true;
    return stop.signal;
  },
  onReloadSignal(listener) {
    const hadTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    const onSignal = (): void => {
      if (hadTerminal && isTerminalClosed()) {
        // A window that is closed sends it too, and means what it means to any program.
        process.off('SIGHUP', onSignal);
        process.kill(process.pid, 'SIGHUP');
        return;
      }
      listener();
    };
    process.on('SIGHUP', onSignal);
  },
});

// Standard output may be a slow pipe: what was written must arrive before the process ends.
process.stdout.end();
await finished(process.stdout, { readable: false });
process.exit(exitCode);
