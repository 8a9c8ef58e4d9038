import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';
import { type CrontabDifference, checkCrontab, renderCrontab } from '#registry/crontab';
import { renderTaskReference } from '#registry/task-reference';
import { DIFFERENCES } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { loadRegistry } from './registry-commands.ts';
import { plainText, printJson, printLine, styled } from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

export interface CronOptions extends Format {
  readonly check?: string;
  readonly command: string;
}

/** `docs/reference/tasks.md` of the configured registry. */
export const printTaskReference = async (
  invocation: Invocation,
  format: Format,
): Promise<number> => {
  const registry = await loadRegistry(invocation, undefined);
  const markdown = renderTaskReference(registry);
  if (format.json === true) printJson(invocation.stdout, { file: registry.file, markdown });
  else invocation.stdout.write(markdown);
  return 0;
};

const readDeployed = async (file: string, directory: string): Promise<string> => {
  try {
    return await readFile(path.resolve(directory, file), 'utf8');
  } catch (error) {
    throw new AppError('invalid_input', `cannot read the crontab ${file}`, { cause: error });
  }
};

const printDifference = (
  { stdout }: Invocation,
  file: string,
  { kind, task, line, expected, found }: CrontabDifference,
): void => {
  const place = line === null ? file : `${file}:${line}`;
  printLine(stdout, `${place}: ${styled(stdout, 'yellow', kind)} ${plainText(task)}`);
  if (expected !== null) printLine(stdout, `  expected ${plainText(expected)}`);
  if (found !== null) printLine(stdout, `  found    ${plainText(found)}`);
};

/** Prints the crontab, or compares a deployed one with it: 0 in sync, 2 with differences. */
export const cronOfRegistry = async (
  invocation: Invocation,
  options: CronOptions,
): Promise<number> => {
  const { stdout, directory } = invocation;
  const { check, command } = options;
  // Before the registry, which takes longer: a wrong name is a slip of the hand.
  const deployed = check === undefined ? null : await readDeployed(check, directory);
  const registry = await loadRegistry(invocation, undefined);
  if (check === undefined || deployed === null) {
    const crontab = renderCrontab(registry, { command });
    if (options.json === true) printJson(stdout, { file: registry.file, crontab });
    else stdout.write(crontab);
    return 0;
  }
  const differences = checkCrontab(registry, deployed, { command });
  const isInSync = differences.length === 0;
  if (options.json === true)
    printJson(stdout, {
      in_sync: isInSync,
      differences: differences.map(({ task, ...rest }) => ({ task_id: task, ...rest })),
    });
  else if (isInSync) printLine(stdout, `${check} is in sync with ${registry.file}`);
  else {
    for (const difference of differences) printDifference(invocation, check, difference);
    printLine(stdout, styled(stdout, 'bold', `${differences.length} differences`));
  }
  return isInSync ? 0 : DIFFERENCES;
};
