import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exclusivelyBy, withoutLock } from '#audit/chain/exclusively';
import { ensureAuditDirectory } from '#audit/files/audit-directory';
import { createAuditFileRetention } from '#audit/retention/audit-file-retention';
import { systemClock } from '#core/clock';
import type { Effects } from '#core/effects';
import type { StoreCatalog } from '#job-kit/stores';
import { createReportRetention } from '#reports/report-retention';
import { auditEvent, writeJsonlDays, writeParquetDays } from '#test/support/audit-events';
import { FakeClock } from '#test/support/fake-clock';
import { runJob } from '#test/support/job-harness';
import { job } from './job.ts';

const NOW = new Date('2026-11-20T03:30:00Z');

let root: string;
let directory: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-cleanup-'));
  directory = path.join(root, 'ops', 'audit');
  await ensureAuditDirectory(directory);
  const events = ['2026-10-01', '2026-10-02', '2026-11-10', '2026-11-20'].map((day) =>
    auditEvent({ ts: `${day}T10:00:00Z` }),
  );
  await writeJsonlDays(directory, events);
  await writeParquetDays(directory, events.slice(0, 1));
});
afterEach(() => rm(root, { recursive: true, force: true }));

type Stores = Pick<StoreCatalog, 'auditFiles' | 'auditRows' | 'reportFiles' | 'runRetention'>;

const stores =
  (removedAt: Date[] = [], mode: 'real' | 'dry' = 'real') =>
  (effects: Effects): Stores => ({
    auditFiles: createAuditFileRetention({
      directory,
      dataDir: path.join(root, '.opsloop'),
      tempDir: path.join(root, 'tmp'),
      files: effects.files,
      clock: new FakeClock(NOW.toISOString()),
      exclusively: mode === 'dry' ? withoutLock : exclusivelyBy(systemClock),
    }),
    auditRows: {
      apply: async ({ retentionDays }) => ({
        closed: { days: 1, lateDigests: 2 },
        deletedRows: 10 * retentionDays,
        removedToDay: '2026-08-21',
        kept: [],
      }),
    },
    reportFiles: createReportRetention({
      directory: path.join(root, 'ops', 'reports'),
      files: effects.files,
    }),
    runRetention: {
      removeExpired: async (now) => {
        removedAt.push(now);
        return { runs: 4, occurrences: 9 };
      },
    },
  });

const names = async (): Promise<readonly string[]> =>
  (await readdir(directory)).filter((name) => name.startsWith('tool_audit')).sort();

describe('audit-cleanup', () => {
  it('ages files and ledger as the policy says', async () => {
    const removedAt: Date[] = [];
    const reports = path.join(root, 'ops', 'reports', 'cost');
    await mkdir(reports, { recursive: true });
    for (const [name, at] of [
      ['old.md', '2025-10-01'],
      ['new.md', '2026-10-01'],
      ['old.txt', '2025-10-01'],
    ] as const) {
      await writeFile(path.join(reports, name), 'text');
      await utimes(path.join(reports, name), new Date(at), new Date(at));
    }
    const { outcome } = await runJob(job, { scheduledFor: NOW, stores: stores(removedAt) });
    expect(outcome).toEqual({
      kind: 'succeeded',
      summary: {
        looked_at: '2026-11-20T03:30:00.000Z',
        retention_days: 30,
        closed_days: 51,
        late_digests: 2,
        deleted_files: 1,
        compressed_files: 1,
        freed_bytes: expect.any(Number),
        deleted_rows: 900,
        rows_removed_to: '2026-08-21',
        kept: 0,
        deleted_reports: 1,
        removed_runs: 4,
        removed_occurrences: 9,
      },
    });
    expect(removedAt).toEqual([NOW]);
    expect(await readdir(reports)).toEqual(['new.md', 'old.txt']);
    expect(await names()).toEqual([
      'tool_audit_2026-10-02.jsonl.gz',
      'tool_audit_2026-11-10.jsonl',
      'tool_audit_2026-11-20.jsonl',
    ]);
  });

  it('takes another retention on request', async () => {
    const { outcome } = await runJob(job, {
      inputs: { retention_days: 5 },
      scheduledFor: NOW,
      stores: stores(),
    });
    expect(outcome).toMatchObject({ summary: { retention_days: 5, compressed_files: 2 } });
    await expect(
      runJob(job, { inputs: { retention_days: 0 }, scheduledFor: NOW, stores: stores() }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('lists each file with its size in a dry-run and leaves all as it is', async () => {
    const before = await names();
    const { effects, outcome } = await runJob(job, {
      scheduledFor: NOW,
      stores: stores([], 'dry'),
      dryRun: true,
      repoRoot: root,
    });
    expect(outcome).toMatchObject({ kind: 'succeeded', summary: { deleted_files: 1 } });
    expect(effects.filter(({ effect }) => effect !== 'write_file')).toEqual([
      {
        effect: 'delete_file',
        path: 'ops/audit/tool_audit_2026-10-01.jsonl',
        bytes: expect.any(Number),
      },
      {
        effect: 'compress_file',
        path: 'ops/audit/tool_audit_2026-10-02.jsonl',
        bytes: expect.any(Number),
      },
    ]);
    expect(await names()).toEqual(before);
  });

  it('stops between its steps when it is told to', async () => {
    const removedAt: Date[] = [];
    const stop = new AbortController();
    const stopping = (effects: Effects): Stores => {
      const real = stores(removedAt)(effects);
      return {
        ...real,
        auditFiles: {
          apply: async (rule) => {
            const outcome = await real.auditFiles.apply(rule);
            stop.abort(new Error('enough'));
            return outcome;
          },
        },
      };
    };
    await expect(
      runJob(job, { scheduledFor: NOW, stores: stopping, signal: stop.signal }),
    ).rejects.toThrow('enough');
    expect(removedAt).toEqual([]);
  });
});
