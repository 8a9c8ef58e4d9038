import path from 'node:path';
import type { System } from '#app/start-system';
import type { Invocation } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { formatDuration, printJson, printLine, styled } from './terminal-text.ts';

export interface StartOptions {
  readonly role: 'all' | 'gateway' | 'worker';
  readonly json?: boolean;
}

const shortPath = (file: string, directory: string): string => {
  const relative = path.relative(directory, file);
  return relative.startsWith('..') ? file : relative;
};

const printReady = (
  { stdout, directory }: Invocation,
  system: System,
  { role, json }: StartOptions,
): void => {
  if (json === true) {
    printJson(stdout, {
      ready: true,
      role,
      gateway_url: system.gatewayUrl,
      board_url: system.boardUrl,
      key_file: system.keyFile,
      ready_ms: Math.round(system.readyMs),
    });
    return;
  }
  const took = formatDuration(system.readyMs);
  const lines: readonly (readonly [string, string])[] =
    role === 'worker'
      ? []
      : [
          ['Dashboard', system.boardUrl],
          ['Gateway', system.gatewayUrl],
          ...(system.keyFile === null
            ? []
            : [['Admin key', `in ${shortPath(system.keyFile, directory)}`] as const]),
        ];
  printLine(stdout);
  printLine(stdout, styled(stdout, ['bold', 'green'], `Opsloop is ready (${role}) after ${took}`));
  for (const [name, value] of lines) printLine(stdout, `  ${name.padEnd(9)}  ${value}`);
  printLine(stdout, '  Stop with Ctrl-C');
  printLine(stdout);
};

const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/**
 * Starts the system and stays until a signal; one that comes during the start
 * ends it as well. One to reload is not needed before: the registry's file is
 * looked at again when everything is started.
 */
export const startCommand = async (
  invocation: Invocation,
  options: StartOptions,
): Promise<number> => {
  const signal = invocation.claimStopSignal();
  let reload = (): void => undefined;
  invocation.onReloadSignal?.(() => reload());
  const { settings, logger } = await openSettings(invocation, 'service');
  const { startSystem } = await import('#app/start-system');
  let system: System;
  try {
    system = await startSystem({ settings, role: options.role, logger, signal });
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
  reload = () => system.reloadRegistry();
  if (!signal.aborted) printReady(invocation, system, options);
  await whenAborted(signal);
  logger.info('stopping: taking no further work, letting active runs end');
  await system.stop();
  logger.info('stopped');
  return 0;
};
