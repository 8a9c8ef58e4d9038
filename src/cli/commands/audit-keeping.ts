import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { CleanupOptions, CompactOptions } from '../audit-keeping-commands.ts';
import type { VerifyOptions } from '../audit-verify-command.ts';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { parseDayOrInstant, parseWhole } from '../option-values.ts';

const MAX_DAYS = 36_500;
const AUDIT_DIR = 'only the files of this directory, instead of the whole configured trail';

const parseDay = (text: string): string => {
  const parsed = parseDayOrInstant(text);
  if (parsed.kind === 'day') return parsed.day;
  throw new InvalidArgumentError('Accepted: a day such as 2026-11-05 (UTC).');
};

const parseSource = (text: string): 'jsonl' | 'postgres' => {
  if (text === 'jsonl' || text === 'postgres') return text;
  throw new InvalidArgumentError('Accepted: jsonl, postgres.');
};

/** `opsloop audit compact | cleanup | verify`. */
export const registerAuditKeeping = (shell: CommandShell, audit: Command): void => {
  const compact = audit
    .command('compact')
    .description('close the days that are over and write closed days of daily files as Parquet')
    .option('--audit-dir <dir>', AUDIT_DIR)
    .option('--window-days <n>', 'only days of the last n', parseWhole(1, MAX_DAYS))
    .option('--output <dir>', 'instead of compact/ in the audit directory; a copy then')
    .option('--dry-run', 'say what would be done, change nothing');
  withExamples(
    withJson(compact),
    'opsloop audit compact',
    'opsloop audit compact --audit-dir ops/audit --window-days 7 --output ops/audit/compact',
  ).action((options: CompactOptions) =>
    shell.perform(options, async () => {
      const { compactTrail } = await import('../audit-keeping-commands.ts');
      return compactTrail(shell.invocation, options);
    }),
  );

  const cleanup = audit
    .command('cleanup')
    .description('delete, or compress, what of the audit trail is older than its retention')
    .option('--audit-dir <dir>', AUDIT_DIR)
    .option(
      '--retention-days <n>',
      'age of daily files, instead of the data governance policy',
      parseWhole(1, MAX_DAYS),
    )
    .option('--dry-run', 'list each file with its size and each row count, change nothing');
  withExamples(
    withJson(cleanup),
    'opsloop audit cleanup --dry-run',
    'opsloop audit cleanup --audit-dir ops/audit --retention-days 30',
  ).action((options: CleanupOptions) =>
    shell.perform(options, async () => {
      const { cleanUpTrail } = await import('../audit-keeping-commands.ts');
      return cleanUpTrail(shell.invocation, options);
    }),
  );

  const verify = audit
    .command('verify')
    .description('recompute the digests of closed days; exit code 1 names the first damage')
    .option('--from <day>', 'first day, UTC', parseDay)
    .option('--to <day>', 'last day, UTC', parseDay)
    .option('--source <source>', 'jsonl or postgres (default: both)', parseSource)
    .option('--audit-dir <dir>', AUDIT_DIR);
  withExamples(
    withJson(verify),
    'opsloop audit verify',
    'opsloop audit verify --from 2026-11-01 --to 2026-11-30 --source postgres --json',
  ).action((options: VerifyOptions) =>
    shell.perform(options, async () => {
      const { verifyTrail } = await import('../audit-verify-command.ts');
      return verifyTrail(shell.invocation, options);
    }),
  );
};
