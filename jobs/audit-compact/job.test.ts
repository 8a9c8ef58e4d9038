import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuditCompaction } from '#audit/retention/audit-compaction';
import type { Effects } from '#core/effects';
import { NIGHT } from '#test/support/audit-chain-world';
import { auditEvent, writeJsonlDays } from '#test/support/audit-events';
import { runJob } from '#test/support/job-harness';
import { useAuditChain } from '#test/support/use-audit-chain';
import { job } from './job.ts';

const held = useAuditChain();

const plant = (): Promise<void> =>
  writeJsonlDays(
    held.world.directory,
    ['2026-11-10', '2026-11-18', '2026-11-20'].map((day) => auditEvent({ ts: `${day}T10:00:00Z` })),
  );

const stores = ({ files }: Effects) => ({
  auditCompaction: createAuditCompaction({ ...held.world.access, files }),
});

describe('audit-compact', () => {
  it('writes closed days as Parquet and tells what it did', async () => {
    await plant();
    const { outcome } = await runJob(job, { scheduledFor: NIGHT, stores });
    expect(outcome).toEqual({
      kind: 'succeeded',
      summary: {
        looked_at: '2026-11-20T03:30:00.000Z',
        closed_days: 10,
        late_digests: 0,
        compacted_days: 2,
        events: 2,
        lines_bytes: expect.any(Number),
        parquet_bytes: expect.any(Number),
        up_to_date_days: 0,
        kept_days: 0,
      },
    });
    expect(await readdir(path.join(held.world.directory, 'compact'))).toEqual([
      'tool_audit_2026-11-10.parquet',
      'tool_audit_2026-11-18.parquet',
    ]);
    const again = await runJob(job, { scheduledFor: NIGHT, stores });
    expect(again.outcome).toMatchObject({ summary: { compacted_days: 0, up_to_date_days: 2 } });
  });

  it('takes the days of a window only', async () => {
    await plant();
    const { outcome } = await runJob(job, {
      inputs: { window_days: 7 },
      scheduledFor: NIGHT,
      stores,
    });
    expect(outcome).toMatchObject({ summary: { compacted_days: 1 } });
  });

  it('names a day that is not as it was digested, and leaves it', async () => {
    await plant();
    await held.world.age();
    await writeFile(held.world.dayFile('2026-11-10'), '{}\n');
    const { outcome, log } = await runJob(job, { scheduledFor: NIGHT, stores });
    expect(outcome).toMatchObject({ summary: { compacted_days: 1, kept_days: 1 } });
    expect(log).toMatchObject([{ level: 'warn', fields: { day: '2026-11-10' } }]);
  });
});
