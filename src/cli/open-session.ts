import type { CommandSession } from '#app/command-session';
import type { Settings } from '#config/settings';
import type { Logger } from '#telemetry/logger';
import type { Invocation } from './invocation.ts';
import { plainText, printLine, styled } from './terminal-text.ts';

export interface OpenedSettings {
  readonly settings: Settings;
  readonly logger: Logger;
}

/**
 * Reads the settings and makes the logger. A `service` logs at LOG_LEVEL, the
 * oddities of its settings included; a `command` says these itself and logs no
 * more than warnings, unless it is being debugged.
 */
export const openSettings = async (
  { stderr, directory }: Invocation,
  kind: 'service' | 'command',
): Promise<OpenedSettings> => {
  const [{ loadSettings }, { readProcessEnvironment }, { createLogger }] = await Promise.all([
    import('#config/settings'),
    import('#config/process-environment'),
    import('#telemetry/logger'),
  ]);
  const settings = loadSettings({ env: readProcessEnvironment(), cwd: directory });
  if (kind === 'service')
    return {
      settings,
      logger: await createLogger({ level: settings.logLevel, destination: stderr }),
    };
  for (const warning of settings.warnings)
    printLine(stderr, `${styled(stderr, 'yellow', 'warning:')} ${plainText(warning)}`);
  const level = settings.logLevel === 'info' ? 'warn' : settings.logLevel;
  return { settings, logger: await createLogger({ level, destination: stderr }) };
};

/** Opens the ledger and the queue for one command, and closes them whatever happens. */
export const withSession = async (
  invocation: Invocation,
  work: (session: CommandSession) => Promise<number>,
): Promise<number> => {
  const opened = await openSettings(invocation, 'command');
  const { openCommandSession } = await import('#app/open-command-session');
  const session = await openCommandSession(opened);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
};
