import type { AuditStore, AuditTrailReader } from '#audit/audit-store';
import {
  type AuditTrailReaderOptions,
  createAuditTrailReader,
} from '#audit/backends/audit-trail-reader';
import { openAuditStore } from '#audit/backends/open-audit-store';
import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import type { Database } from '#storage/database';
import { openDatabase } from '#storage/postgres/postgres-database';
import type { Logger } from '#telemetry/logger';
import { openDsn, scratchDirectory } from './open-engines.ts';

interface Opened {
  readonly settings: Settings;
  readonly logger: Logger;
}

/** What of the settings says where the trail is. */
export const trailPlacesOf = (
  settings: Pick<Settings, 'audit' | 'dataDir'>,
): Omit<AuditTrailReaderOptions, 'database' | 'clock'> => ({
  backend: settings.audit.backend,
  jsonlDir: settings.audit.jsonlDir,
  whenJsonlDirMissing: settings.audit.jsonlDirIsDefault ? 'empty' : 'fail',
  dataDir: settings.dataDir,
  tempDir: scratchDirectory(settings),
});

/** The store that a long-lived process writes its events to; its caller closes it. */
export const openAuditTrail = (
  { settings, logger }: Opened,
  database: Database,
): Promise<AuditStore> =>
  openAuditStore({
    ...trailPlacesOf(settings),
    database,
    fsync: settings.audit.fsync,
    recoverySeconds: settings.audit.recoverySeconds,
    clock: systemClock,
    logger,
  });

/** Gives `work` the trail to read; nothing is written, and no table is made. */
export const withAuditTrail = async <T>(
  { settings, logger }: Opened,
  work: (trail: AuditTrailReader) => Promise<T>,
): Promise<T> => {
  const clock = systemClock;
  const places = trailPlacesOf(settings);
  if (places.backend === 'jsonl')
    return work(createAuditTrailReader({ ...places, database: null, clock }));
  const { dsn, embedded } = await openDsn({ settings, logger, clock, mode: 'attach-or-own' });
  const database = openDatabase({
    dsn,
    maxConnections: 3,
    applicationName: 'opsloop-audit',
    clock,
  });
  try {
    return await work(createAuditTrailReader({ ...places, database, clock }));
  } finally {
    await database.close();
    await embedded?.stop();
  }
};
