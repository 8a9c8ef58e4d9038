import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ExportOptions, StatsOptions, TailOptions } from '../audit-reading-commands.ts';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { parseInstant, parseWhole } from '../option-values.ts';

const withFilter = (command: Command): Command =>
  command
    .option('--tool <tool>', 'only calls of this tool')
    .option('--agent <agent>', 'only calls of this agent')
    .option('--workspace <workspace>', 'only calls of this workspace');

const parseFormat = (text: string): 'jsonl' | 'csv' => {
  if (text === 'jsonl' || text === 'csv') return text;
  throw new InvalidArgumentError('Accepted: jsonl, csv.');
};

/** `opsloop audit export | tail | stats`. */
export const registerAuditReading = (shell: CommandShell, audit: Command): void => {
  const exporting = audit
    .command('export')
    .description('every event of a stretch of time, oldest first')
    .requiredOption('--from <instant>', 'at or after; a date stands for its midnight', parseInstant)
    .option('--to <instant>', 'before (default: now)', parseInstant)
    .option('--format <format>', 'jsonl or csv', parseFormat, 'jsonl')
    .option('--output <file>', 'a new file instead of standard output');
  withExamples(
    withJson(withFilter(exporting)),
    'opsloop audit export --from 2026-11-01 --to 2026-12-01 --output november.jsonl',
    'opsloop audit export --from 2026-11-24 --agent sofiia --format csv',
  ).action((options: ExportOptions) =>
    shell.perform(options, async () => {
      const { exportEvents } = await import('../audit-reading-commands.ts');
      return exportEvents(shell.invocation, options);
    }),
  );

  const tail = audit
    .command('tail')
    .description('the latest events')
    .option('-n, --lines <n>', 'at most this many', parseWhole(1, 10_000), 20)
    .option('--follow', 'and those that come after, until Ctrl-C');
  withExamples(
    withJson(withFilter(tail)),
    'opsloop audit tail',
    'opsloop audit tail --follow --agent sofiia',
    'opsloop audit tail -n 1000 --json',
  ).action((options: TailOptions) =>
    shell.perform(options, async () => {
      const { tailEvents } = await import('../audit-reading-commands.ts');
      return tailEvents(shell.invocation, options);
    }),
  );

  const stats = audit
    .command('stats')
    .description('calls by status, tool, agent and workspace, and where they were read from')
    .option('--window-hours <n>', 'how far back, up to 744', parseWhole(1, 744), 24);
  withExamples(
    withJson(stats),
    'opsloop audit stats',
    'opsloop audit stats --window-hours 168 --json',
  ).action((options: StatsOptions) =>
    shell.perform(options, async () => {
      const { showStats } = await import('../audit-reading-commands.ts');
      return showStats(shell.invocation, options);
    }),
  );
};
