import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import type { MigrateOptions } from '../migrate-command.ts';

export const registerMigrate = (shell: CommandShell): void => {
  const command = shell.program
    .command('migrate')
    .description('bring the databases up to this version (`start` does so too)')
    .option('--dry-run', 'print the SQL that would run, run nothing')
    .option('--domain <domain>', 'only the migrations of one domain');
  withExamples(
    withJson(command),
    'opsloop migrate --dry-run',
    'ADMIN_DATABASE_URL_FILE=/run/secrets/admin_dsn opsloop migrate',
  ).action((options: MigrateOptions) =>
    shell.perform(options, async () => {
      const { migrateCommand } = await import('../migrate-command.ts');
      return migrateCommand(shell.invocation, options);
    }),
  );
};
