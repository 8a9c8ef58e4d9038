import { existsSync } from 'node:fs';
import { ensureAuditDirectory, isAdopted } from '#audit/files/audit-directory';
import type { Settings } from '#config/settings';
import type { Logger } from '#telemetry/logger';

/**
 * Makes the default audit directory with its marker, and says so when the one
 * in use is not ours: it is read, and left alone otherwise.
 */
export const announceAuditDirectory = async (
  { audit }: Settings,
  logger: Logger,
): Promise<void> => {
  const { jsonlDir, jsonlDirIsDefault } = audit;
  if (!jsonlDirIsDefault && !existsSync(jsonlDir)) return;
  const isOurs = jsonlDirIsDefault
    ? await ensureAuditDirectory(jsonlDir)
    : await isAdopted(jsonlDir);
  if (!isOurs)
    logger.warn(
      { directory: jsonlDir },
      'the audit directory was not made by opsloop: it is read, never written or cleaned, until "opsloop audit adopt" is run on it',
    );
};
