import path from 'node:path';
import { adoptAuditDirectory } from '#audit/files/audit-directory';
import type { Invocation } from './invocation.ts';
import { printJson, printLine } from './terminal-text.ts';

export const adoptDirectory = async (
  invocation: Invocation,
  directory: string,
  format: { readonly json?: boolean },
): Promise<number> => {
  await adoptAuditDirectory(path.resolve(invocation.directory, directory));
  if (format.json === true) printJson(invocation.stdout, { adopted: directory });
  else
    printLine(invocation.stdout, `${directory} is adopted: opsloop may now write and clean there`);
  return 0;
};
