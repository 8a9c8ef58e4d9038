import { AppError } from '#core/errors';
import { localUserName } from '#core/local-user';
import type { ApiKey } from '#gateway/access/api-key';
import type { Invocation } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { formatInstant, printJson, printLine, printTable } from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

export interface RotateKeyOptions extends Format {
  /** How long the former secret is accepted, in milliseconds. */
  readonly grace: number;
}

export interface CreateKeyOptions extends Format {
  readonly role: string;
  readonly agent?: readonly string[];
  readonly workspace?: readonly string[];
  readonly expires?: Date;
}

const keyRecord = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  role: key.role,
  agents: key.agents,
  workspaces: key.workspaces,
  created_by: key.createdBy,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
  rotated_at: key.rotatedAt?.toISOString() ?? null,
  previous_until: key.previousUntil?.toISOString() ?? null,
});

const openKeys = async (invocation: Invocation) => {
  const { settings } = await openSettings(invocation, 'command');
  const { withApiKeys, defaultAgentsOf } = await import('#app/api-keys');
  return { settings, withApiKeys, defaultAgentsOf };
};

const isKnown = (agent: string, known: Readonly<Record<string, string>>): boolean =>
  agent === '*' || Object.hasOwn(known, agent);

export const createKey = async (
  invocation: Invocation,
  name: string,
  options: CreateKeyOptions,
): Promise<number> => {
  const { settings, withApiKeys, defaultAgentsOf } = await openKeys(invocation);
  const { apiKey, key, strangers } = await withApiKeys(settings, async (keys, { agents }) => {
    const made = await keys.create({
      name,
      role: options.role,
      agents: options.agent ?? defaultAgentsOf(options.role),
      workspaces: options.workspace ?? ['*'],
      createdBy: `cli:${localUserName()}`,
      expiresAt: options.expires ?? null,
    });
    return { ...made, strangers: made.apiKey.agents.filter((agent) => !isKnown(agent, agents)) };
  });
  for (const agent of strangers)
    printLine(
      invocation.stderr,
      `warning: agent ${agent} has no row in rbac_tools_matrix.yml, so it may do nothing until it gets one`,
    );
  if (options.json === true) {
    printJson(invocation.stdout, { ...keyRecord(apiKey), key });
    return 0;
  }
  printLine(invocation.stdout, key);
  printLine(
    invocation.stderr,
    `key ${apiKey.id} with role ${apiKey.role}; it is not shown again, only its hash is kept`,
  );
  return 0;
};

export const listKeys = async (invocation: Invocation, format: Format): Promise<number> => {
  const { settings, withApiKeys } = await openKeys(invocation);
  const keys = await withApiKeys(settings, (store) => store.list());
  if (format.json === true) {
    printJson(invocation.stdout, { keys: keys.map(keyRecord) });
    return 0;
  }
  printTable(
    invocation.stdout,
    ['id', 'name', 'role', 'agents', 'workspaces', 'created', 'expires', 'rotated', 'revoked'],
    keys.map((key) => [
      key.id,
      key.name,
      key.role,
      key.agents.length === 0 ? '-' : key.agents.join(','),
      key.workspaces.join(','),
      formatInstant(key.createdAt),
      formatInstant(key.expiresAt),
      formatInstant(key.rotatedAt),
      formatInstant(key.revokedAt),
    ]),
  );
  return 0;
};

const unknownKey = (id: string): AppError =>
  new AppError('not_found', `there is no key ${id}; opsloop keys list shows them`);

const fateOfFormer = ({ previousUntil }: ApiKey): string =>
  previousUntil === null
    ? 'its former secret is refused from now on, and its sessions have ended'
    : `its former secret is accepted until ${previousUntil.toISOString()}`;

export const rotateKey = async (
  invocation: Invocation,
  id: string,
  options: RotateKeyOptions,
): Promise<number> => {
  const { settings, withApiKeys } = await openKeys(invocation);
  const rotated = await withApiKeys(settings, (keys) =>
    keys.rotate(id, { graceMs: options.grace }),
  );
  if (rotated === null) throw unknownKey(id);
  const { apiKey, key } = rotated;
  if (options.json === true) {
    printJson(invocation.stdout, { ...keyRecord(apiKey), key });
    return 0;
  }
  printLine(invocation.stdout, key);
  printLine(
    invocation.stderr,
    `key ${id} (${apiKey.name}) has another secret, not shown again; ${fateOfFormer(apiKey)}`,
  );
  return 0;
};

export const revokeKey = async (
  invocation: Invocation,
  id: string,
  format: Format,
): Promise<number> => {
  const { settings, withApiKeys } = await openKeys(invocation);
  const revoked = await withApiKeys(settings, (keys) => keys.revoke(id));
  if (revoked === null) throw unknownKey(id);
  if (format.json === true) printJson(invocation.stdout, keyRecord(revoked));
  else printLine(invocation.stdout, `key ${id} (${revoked.name}) is refused from now on`);
  return 0;
};
