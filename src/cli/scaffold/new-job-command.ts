import { packageRoot } from '#core/package-root';
import type { Invocation } from '../invocation.ts';
import { printJson, printLine } from '../terminal-text.ts';
import { createJob } from './create-job.ts';

export const newJobCommand = async (
  invocation: Invocation,
  name: string,
  format: { readonly json?: boolean },
): Promise<number> => {
  const created = await createJob({ root: packageRoot(), name });
  if (format.json === true) {
    printJson(invocation.stdout, {
      job: created.name,
      task_id: created.taskId,
      files: created.files,
    });
    return 0;
  }
  for (const file of created.files) printLine(invocation.stdout, `wrote ${file}`);
  for (const line of [
    '',
    'Next steps:',
    `  1. Try it:      opsloop run ${created.taskId} --dry-run`,
    `  2. Write it:    jobs/${name}/job.ts, and what it must do in jobs/${name}/job.test.ts`,
    `  3. Declare it:  title, owner, schedule and permissions of ${created.taskId} in registry/task_registry.yml`,
    '  4. Check it:    opsloop registry validate && npm test',
    '  5. Document it: npm run docs writes the reference anew',
  ])
    printLine(invocation.stdout, line);
  return 0;
};
