import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { parseGrace } from '../key-options.ts';
import type { CreateKeyOptions, RotateKeyOptions } from '../keys-commands.ts';
import { collect, parseInstant } from '../option-values.ts';

export const registerKeys = (shell: CommandShell): void => {
  const { program, invocation } = shell;
  const keys = program.command('keys').description('API keys of the gateway');

  const create = keys
    .command('create')
    .description('make a key; it is shown once')
    .argument('<name>', 'what people call it')
    .requiredOption('--role <role>', 'a role of config/rbac_tools_matrix.yml')
    .option(
      '--agent <agent>',
      'an agent it may speak for; repeat for more, * is any (default: none; any for an admin)',
      collect,
    )
    .option('--workspace <workspace>', 'a workspace it may name; repeat (default: any)', collect)
    .option('--expires <instant>', 'from when on it is refused (default: never)', parseInstant);
  withExamples(
    withJson(create),
    'opsloop keys create grafana --role viewer --expires 2027-01-01',
    'opsloop keys create oncall --role agent_oncall --agent helion',
  ).action((name: string, options: CreateKeyOptions) =>
    shell.perform(options, async () => {
      const { createKey } = await import('../keys-commands.ts');
      return createKey(invocation, name, options);
    }),
  );

  withExamples(
    withJson(keys.command('list').description('every key, without its secret')),
    'opsloop keys list',
  ).action((options: { readonly json?: boolean }) =>
    shell.perform(options, async () => {
      const { listKeys } = await import('../keys-commands.ts');
      return listKeys(invocation, options);
    }),
  );

  const rotate = keys
    .command('rotate')
    .description('give a key another secret; it is shown once, all else stays')
    .argument('<id>', 'id of the key, as `keys list` shows it')
    .option(
      '--grace <duration>',
      'how long the former secret is still accepted, up to 30d (default: not at all)',
      parseGrace,
      0,
    );
  withExamples(
    withJson(rotate),
    'opsloop keys rotate 3f9a0c1d2e4b --grace 24h',
    'opsloop keys rotate 3f9a0c1d2e4b',
  ).action((id: string, options: RotateKeyOptions) =>
    shell.perform(options, async () => {
      const { rotateKey } = await import('../keys-commands.ts');
      return rotateKey(invocation, id, options);
    }),
  );

  const revoke = keys
    .command('revoke')
    .description('refuse a key from now on')
    .argument('<id>', 'id of the key, as `keys list` shows it');
  withExamples(withJson(revoke), 'opsloop keys revoke 3f9a0c1d2e4b').action(
    (id: string, options: { readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { revokeKey } = await import('../keys-commands.ts');
        return revokeKey(invocation, id, options);
      }),
  );
};
