import { Option } from 'commander';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import type { MigrateOptions } from '../migrate-command.ts';

export const registerMigrate = (shell: CommandShell): void => {
  const command = shell.program
    .command('migrate')
    .description('bring the databases up to this version (`start` does so too)')
    .option('--dry-run', 'print the SQL that would run, run nothing')
    .option('--domain <domain>', 'only the migrations of one domain')
    .addOption(
      new Option(
        '--grants',
        'print SQL for roles with least privilege on the audit trail, run nothing',
      ).conflicts(['dryRun', 'domain']),
    );
  withExamples(
    withJson(command),
    'opsloop migrate --dry-run',
    'opsloop migrate --grants | psql "$OWNER_DSN"',
    'ADMIN_DATABASE_URL_FILE=/run/secrets/admin_dsn opsloop migrate',
  ).action((options: MigrateOptions) =>
    shell.perform(options, async () => {
      const { migrateCommand } = await import('../migrate-command.ts');
      return migrateCommand(shell.invocation, options);
    }),
  );
};
