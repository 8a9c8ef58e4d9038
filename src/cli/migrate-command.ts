import { AUDIT_GRANTS } from '#audit/audit-grants';
import type { Invocation } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { printJson, printLine } from './terminal-text.ts';

export interface MigrateOptions {
  readonly dryRun?: boolean;
  readonly domain?: string;
  readonly grants?: boolean;
  readonly json?: boolean;
}

export const migrateCommand = async (
  invocation: Invocation,
  options: MigrateOptions,
): Promise<number> => {
  const { stdout, stderr } = invocation;
  if (options.grants === true) {
    if (options.json === true) printJson(stdout, { sql: AUDIT_GRANTS });
    else printLine(stdout, AUDIT_GRANTS.trimEnd());
    return 0;
  }
  const { settings, logger } = await openSettings(invocation, 'command');
  const { migrate } = await import('#app/migrate');
  const dryRun = options.dryRun === true;
  const { applied, sql } = await migrate({
    settings,
    dryRun,
    logger,
    ...(options.domain === undefined ? {} : { domain: options.domain }),
  });
  if (options.json === true) {
    printJson(stdout, {
      dry_run: dryRun,
      migrations: applied,
      ...(sql === undefined ? {} : { sql }),
    });
    return 0;
  }
  // The SQL alone on standard output, so that it can go to a file or to psql.
  if (sql !== undefined && sql !== '') printLine(stdout, sql);
  const notes = sql === undefined ? stdout : stderr;
  if (applied.length === 0) printLine(notes, 'nothing to migrate: up to date');
  for (const { version, name } of applied)
    printLine(notes, `${dryRun ? 'would apply' : 'applied'} ${version} ${name}`);
  return 0;
};
