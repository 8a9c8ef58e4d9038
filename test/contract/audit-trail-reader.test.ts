import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuditTrailReader } from '#audit/backends/audit-trail-reader';
import { adoptAuditDirectory, ensureAuditDirectory } from '#audit/files/audit-directory';
import { newSidecarId, writeSidecar } from '#audit/write/spool-sidecar';
import { systemClock } from '#core/clock';
import type { Database } from '#storage/database';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent, writeJsonlDays } from '../support/audit-events.ts';
import {
  createTestDatabase,
  startDisposablePostgres,
  type TestDatabase,
} from '../support/postgres.ts';

const RANGE = { from: new Date('2026-11-02T00:00:00Z'), to: new Date('2026-11-05T00:00:00Z') };

const root = mkdtempSync(path.join(tmpdir(), 'opsloop-trail-'));
let postgres: TestDatabase;

beforeAll(async () => {
  postgres = await createTestDatabase();
});
afterAll(async () => {
  await postgres.drop();
  await rm(root, { recursive: true, force: true });
});

describe('the reader of a trail', () => {
  const select = (database: Database | null, backend: 'auto' | 'postgres' | 'jsonl' = 'auto') =>
    createAuditTrailReader({
      backend,
      database,
      jsonlDir: path.join(root, 'selected'),
      whenJsonlDirMissing: 'empty',
      dataDir: root,
      clock: systemClock,
      tempDir: path.join(root, 'tmp'),
    });
  const opening = { ...RANGE, signal: new AbortController().signal };

  it('falls back to local files while the database is away and says that they are not all', async () => {
    await writeJsonlDays(path.join(root, 'selected'), [auditEvent({ ts: '2026-11-02T10:00:00Z' })]);
    const server = await startDisposablePostgres();
    const database = openDatabase({ dsn: server.dsn, maxConnections: 2, applicationName: 'test' });
    await server.kill9();
    const view = await select(database).open(opening);
    expect(view.quality).toMatchObject({ sourceBackend: 'jsonl_fallback', partial: true });
    expect((await view.aggregate({ ...RANGE, groupBy: [] }))[0]?.calls).toBe(1);
    await view.close();
    await expect(select(database, 'postgres').open(opening)).rejects.toMatchObject({
      code: 'unavailable',
    });
    await database.close();
    await server.dispose();
  });

  it('tells a database without the table from one that is away', async () => {
    const empty = await createTestDatabase({ template: 'empty' });
    try {
      await expect(select(empty.database).open(opening)).rejects.toThrow('opsloop migrate');
    } finally {
      await empty.drop();
    }
  });

  it('tells what waits in the spool for PostgreSQL, and leaves it where it is', async () => {
    const directory = path.join(root, 'spooled');
    await ensureAuditDirectory(directory);
    await writeJsonlDays(directory, [
      auditEvent({ ts: '2026-11-02T10:00:00Z' }),
      auditEvent({ ts: '2026-11-02T10:00:01Z' }),
    ]);
    const sidecar = { id: newSidecarId(new Date()), baseBytes: 0, confirmedBytes: 0 };
    await writeSidecar(directory, '2026-11-02', sidecar, false);
    const before = await readdir(directory, { recursive: true });
    const reader = createAuditTrailReader({
      backend: 'auto',
      database: postgres.database,
      jsonlDir: directory,
      whenJsonlDirMissing: 'fail',
      dataDir: root,
      clock: systemClock,
      tempDir: path.join(root, 'tmp'),
    });
    const { quality } = await reader.read({ fromTs: RANGE.from, toTs: RANGE.to });
    expect(quality).toMatchObject({ sourceBackend: 'postgres', partial: true });
    expect(quality.problems).toEqual([expect.stringMatching(/^2 events still wait/)]);
    expect(await readdir(directory, { recursive: true })).toEqual(before);
  });

  it('reads what was written elsewhere until the directory was adopted', async () => {
    const place = path.join(root, 'adopted');
    const jsonlDir = path.join(place, 'configured');
    const former = path.join(place, 'data', 'audit');
    await ensureAuditDirectory(former);
    await writeJsonlDays(former, [auditEvent({ ts: '2026-11-02T10:00:00Z', req_id: 'former' })]);
    await writeJsonlDays(jsonlDir, [auditEvent({ ts: '2026-11-02T11:00:00Z', req_id: 'own' })]);
    const reader = createAuditTrailReader({
      backend: 'jsonl',
      database: null,
      jsonlDir,
      whenJsonlDirMissing: 'fail',
      dataDir: path.join(place, 'data'),
      clock: systemClock,
      tempDir: path.join(root, 'tmp'),
    });
    const seen = async () => (await reader.read({})).events.map(({ req_id }) => req_id);
    expect(await seen()).toEqual(['former', 'own']);
    await adoptAuditDirectory(jsonlDir);
    expect(await seen()).toEqual(['former', 'own']);
    const { rows } = await reader.aggregate({ ...RANGE, groupBy: [] });
    expect(rows).toMatchObject([{ calls: 2 }]);
  });

  it('reads files where there is no database', async () => {
    const view = await select(null).open(opening);
    expect(view.quality.sourceBackend).toBe('jsonl');
    await view.close();
  });
});
