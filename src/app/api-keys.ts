import { loadPolicy } from '#config/policy-files';
import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { nearestNames } from '#core/nearest-names';
import type { ApiKeyStore } from '#gateway/access/api-key';
import { PostgresApiKeyStore } from '#gateway/access/postgres-api-key-store';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { silentLogger } from '#telemetry/logger';
import { migrationsDirectory, openMigrationDatabase } from './migrate.ts';
import { openDsn } from './open-engines.ts';

/** A key with a role that the matrix does not know would be refused at every call. */
const checkingRoles = (store: ApiKeyStore, roles: readonly string[]): ApiKeyStore => ({
  list: () => store.list(),
  revoke: (id) => store.revoke(id),
  authenticate: (presented) => store.authenticate(presented),
  async create(wanted) {
    if (!roles.includes(wanted.role)) {
      const near = nearestNames(wanted.role, roles);
      throw new AppError(
        'invalid_input',
        `there is no role of that name${near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`}`,
        { violations: [{ path: 'role', message: `must be one of ${roles.join(', ')}` }] },
      );
    }
    return store.create(wanted);
  },
});

/** Works on the API keys of the configured database, migrating it first. */
export const withApiKeys = async <T>(
  settings: Settings,
  work: (keys: ApiKeyStore) => Promise<T>,
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
    return await work(checkingRoles(new PostgresApiKeyStore(database), Object.keys(matrix.roles)));
  } finally {
    await database.close();
    await embedded?.stop();
  }
};
