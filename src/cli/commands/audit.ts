import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { registerAuditKeeping } from './audit-keeping.ts';
import { registerAuditReading } from './audit-reading.ts';

export const registerAudit = (shell: CommandShell): void => {
  const audit = shell.program.command('audit').description('the audit trail of tool calls');
  const adopt = audit
    .command('adopt')
    .description('mark an existing directory of audit files as ours to write, compact and clean')
    .argument('<dir>', 'the directory');
  withExamples(withJson(adopt), 'opsloop audit adopt ops/audit').action(
    (directory: string, options: { readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { adoptDirectory } = await import('../audit-commands.ts');
        return adoptDirectory(shell.invocation, directory, options);
      }),
  );
  registerAuditKeeping(shell, audit);
  registerAuditReading(shell, audit);
};
