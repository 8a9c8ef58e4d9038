import { loadPolicy } from '#config/policy-files';
import type { Settings } from '#config/settings';
import { type Clock, systemClock } from '#core/clock';
import { AppError, type Violation } from '#core/errors';
import { nearestNames } from '#core/nearest-names';
import { storableText } from '#core/storable-text';
import type { ApiKeyStore, NewApiKey } from '#gateway/access/api-key';
import { RESERVED_NAMES } from '#gateway/access/authenticator';
import { PostgresApiKeyStore } from '#gateway/access/postgres-api-key-store';
import { ADMIN_ROLE, RBAC_MATRIX_SCHEMA, type RbacMatrix } from '#gateway/access/rbac-matrix';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { silentLogger } from '#telemetry/logger';
import { migrationsDirectory, openMigrationDatabase } from './migrate.ts';
import { openDsn } from './open-engines.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/**
 * The agents that a key may speak for where nobody said. Speaking for one gives
 * its role, so only who may do everything gets them unasked.
 */
export const defaultAgentsOf = (role: string): readonly string[] =>
  role === ADMIN_ROLE ? ['*'] : [];

const findViolations = (wanted: NewApiKey, matrix: RbacMatrix, now: Date): readonly Violation[] => {
  const roles = Object.keys(matrix.roles);
  const violations: Violation[] = [];
  const { name } = wanted;
  if (name.trim() === '' || name.length > 100 || storableText(name) !== name)
    violations.push({ path: 'name', message: 'must have 1 to 100 characters' });
  if (!roles.includes(wanted.role)) {
    const near = nearestNames(wanted.role, roles);
    violations.push({
      path: 'role',
      message: `must be one of ${roles.join(', ')}${near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`}`,
    });
  }
  for (const [path, names] of [
    ['agent', wanted.agents],
    ['workspace', wanted.workspaces],
  ] as const)
    if (names.some((one) => one !== '*' && (!NAME.test(one) || RESERVED_NAMES.has(one))))
      violations.push({
        path,
        message: `must be * or 1 to 100 letters, digits, dots, dashes and underscores, and none of ${[...RESERVED_NAMES].join(', ')}`,
      });
  if (wanted.expiresAt !== null && wanted.expiresAt <= now)
    violations.push({ path: 'expires', message: 'must be an instant to come' });
  return violations;
};

/** A key that would be refused at every call is not made in the first place. */
const checkingWishes = (store: ApiKeyStore, matrix: RbacMatrix, clock: Clock): ApiKeyStore => ({
  list: () => store.list(),
  revoke: (id) => store.revoke(id),
  rotate: (id, options) => store.rotate(id, options),
  authenticate: (presented) => store.authenticate(presented),
  async create(wanted) {
    const violations = findViolations(wanted, matrix, clock.now());
    if (violations.length > 0)
      throw new AppError('invalid_input', 'such a key cannot be made', { violations });
    return store.create(wanted);
  },
});

/** Works on the API keys of the configured database, migrating it first. */
export const withApiKeys = async <T>(
  settings: Settings,
  work: (keys: ApiKeyStore, matrix: RbacMatrix) => Promise<T>,
): Promise<T> => {
  const matrix = await loadPolicy({
    dir: settings.policyDir,
    name: 'rbac_tools_matrix',
    schema: RBAC_MATRIX_SCHEMA,
  });
  const { dsn, embedded } = await openDsn({
    settings,
    logger: silentLogger(),
    clock: systemClock,
    mode: 'attach-or-own',
  });
  const database = openMigrationDatabase(settings, dsn);
  try {
    await applyMigrations(database, { migrations: await listMigrations(migrationsDirectory()) });
    const store = new PostgresApiKeyStore(database);
    return await work(checkingWishes(store, matrix, systemClock), matrix);
  } finally {
    await database.close();
    await embedded?.stop();
  }
};
