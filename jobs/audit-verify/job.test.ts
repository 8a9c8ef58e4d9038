import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createAuditVerification } from '#audit/chain/verify-sources';
import { NIGHT } from '#test/support/audit-chain-world';
import { auditEvent, jsonLines, writeJsonlDays } from '#test/support/audit-events';
import { runJob } from '#test/support/job-harness';
import { useAuditChain } from '#test/support/use-audit-chain';
import { job } from './job.ts';

const held = useAuditChain();

const run = (inputs = {}) =>
  runJob(job, {
    inputs,
    scheduledFor: NIGHT,
    stores: {
      auditVerification: createAuditVerification({ ...held.world.access, database: null }),
    },
  });

const plant = async (): Promise<void> => {
  await writeJsonlDays(
    held.world.directory,
    ['2026-11-10', '2026-11-12'].map((day) => auditEvent({ ts: `${day}T10:00:00Z` })),
  );
  await held.world.age();
};

describe('audit-verify', () => {
  it('says that the trail is intact, and what no digest covers yet', async () => {
    await plant();
    const late = auditEvent({ ts: '2026-11-10T11:00:00Z' });
    await writeFile(held.world.dayFile('2026-11-10'), jsonLines([late]), { flag: 'a' });
    const { outcome, report } = await run();
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      summary: { days_checked: 10, events_verified: 2, damages: 0, uncovered_events: 1 },
    });
    expect(report?.json).toMatchObject({
      intact: true,
      first_damage: null,
      sources: [{ source: 'jsonl', first_day: '2026-11-10', last_day: '2026-11-19' }],
    });
    expect(report?.markdown).toContain('**Intact.**');
    expect(report?.markdown).toContain(
      '- 2026-11-10, daily files: 1 events, stored after its day was closed',
    );
  });

  it('fails for good with the first damage in time', async () => {
    await plant();
    for (const day of ['2026-11-12', '2026-11-10']) await writeFile(held.world.dayFile(day), '');
    const { outcome, report } = await run();
    expect(outcome).toMatchObject({
      kind: 'failed',
      retry: 'final',
      reason:
        'the audit trail is damaged: 2026-11-10: lost, tool_audit_2026-11-10.jsonl lines 1 to 1: all 1 lines are gone (and 1 more)',
    });
    expect(report?.json).toMatchObject({ intact: false, first_damage: { day: '2026-11-10' } });
    expect(report?.markdown).toContain('**Damaged.**');
    expect((await run({ from: '2026-11-11' })).outcome).toMatchObject({
      reason: expect.stringContaining('2026-11-12: lost'),
    });
    expect((await run({ to: '2026-11-09' })).outcome).toMatchObject({ kind: 'succeeded' });
  });

  it('has nothing to say before the first day is closed', async () => {
    const { outcome, report } = await run();
    expect(outcome).toMatchObject({ kind: 'succeeded', summary: { days_checked: 0 } });
    expect(report?.markdown).toContain('nothing to verify');
  });

  it('refuses a range that ends before it begins', async () => {
    await expect(run({ from: '2026-11-12', to: '2026-11-11' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
