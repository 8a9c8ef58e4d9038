import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuditTrailReader } from '#audit/backends/audit-trail-reader';
import type { Effect, RowEffects } from '#core/effects';
import { createPostgresFindingBook } from '#privacy/digest/postgres-finding-book';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { createRecordingRowEffects } from '#storage/effects/recording-row-effects';
import { auditEvent, writeJsonlDays } from '#test/support/audit-events';
import { FakeClock } from '#test/support/fake-clock';
import { type RunJobOptions, runJob } from '#test/support/job-harness';
import { PLANTED } from '#test/support/planted-secrets';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';
import { job } from './job.ts';

const SCHEDULED_FOR = new Date('2026-11-12T09:10:00Z');
const DAY_MS = 86_400_000;

let test: TestDatabase;
let root: string;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-privacy-'));
  await test.database.execute('TRUNCATE privacy_findings');
  await mkdir(path.join(root, 'repo'));
  await writeJsonlDays(path.join(root, 'audit'), events());
});
afterEach(() => rm(root, { recursive: true, force: true }));

const events = () => [
  ...Array.from({ length: 60 }, (_, n) =>
    auditEvent({
      ts: new Date(SCHEDULED_FOR.getTime() - (n + 1) * 600_000).toISOString(),
      req_id: `r-${n}`,
      tool: n % 2 === 0 ? 'export_table' : 'chat',
      agent_id: `agent-${n % 3}`,
      status: n % 20 === 0 ? 'denied' : 'pass',
      out_size: n % 2 === 0 ? 200_000 + n : 900,
    }),
  ),
  ...PLANTED.map(({ line }, n) =>
    auditEvent({
      ts: new Date(SCHEDULED_FOR.getTime() - 7_200_000 - n * 1_000).toISOString(),
      job_id: line.slice(0, 500),
    }),
  ),
];

const plantRepository = async (count: number): Promise<void> => {
  const repo = path.join(root, 'repo');
  await rm(repo, { recursive: true });
  await mkdir(repo);
  await writeFile(path.join(repo, 'fine.ts'), 'export const fine = true;\n');
  for (const [index, { line }] of PLANTED.slice(0, count).entries())
    await writeFile(path.join(repo, `f${index}.ts`), `${line}\n`);
};

type Options = Partial<RunJobOptions<typeof job.inputs, 'auditTrail' | 'privacy'>>;

const digest = (options: Options = {}, rows?: RowEffects) =>
  runJob(job, {
    scheduledFor: SCHEDULED_FOR,
    stores: {
      auditTrail: createAuditTrailReader({
        backend: 'jsonl',
        database: null,
        jsonlDir: path.join(root, 'audit'),
        whenJsonlDirMissing: 'empty',
        dataDir: path.join(root, 'data'),
        tempDir: path.join(root, 'tmp'),
        clock: new FakeClock(SCHEDULED_FOR.toISOString()),
      }),
      privacy: {
        repoRoot: path.join(root, 'repo'),
        retention: {
          look: async () => ({
            ages: [
              {
                store: 'reports',
                oldestAt: new Date('2020-01-01T00:00:00Z'),
                records: 3,
                isOurs: true,
                fault: null,
              },
              {
                store: 'audit_jsonl',
                oldestAt: new Date('2020-01-01T00:00:00Z'),
                records: 3,
                isOurs: false,
                fault: null,
              },
            ],
            tasks: null,
            keepRunsDays: 90,
          }),
        },
        findings: createPostgresFindingBook(
          test.database,
          rows ??
            createLiveRowEffects({
              database: test.database,
              fence: { assertHeldIn: async () => undefined },
            }),
        ),
      },
    },
    ...options,
  });

describe('daily-privacy-digest', () => {
  it('tells what is new, then what is open, then what was fixed', async () => {
    await plantRepository(6);
    const first = await digest();
    expect(first.outcome).toMatchObject({
      kind: 'succeeded',
      summary: { open_findings: 0, fixed_findings: 0, events: 60 + PLANTED.length },
    });
    expect(first.report?.json).toMatchObject({
      report: 'daily_privacy_digest',
      partial: false,
      time_range: { from: '2026-11-11T09:10:00.000Z', to: '2026-11-12T09:10:00.000Z' },
      repository: { files_scanned: 7, truncated: false },
      audit: { access: { tools: [{ tool: 'export_table', why: 'median output' }] } },
    });
    const again = await digest();
    expect(again.report?.json).toEqual(first.report?.json);

    await plantRepository(5);
    const next = new Date(SCHEDULED_FOR.getTime() + DAY_MS);
    const second = await digest({ scheduledFor: next, now: next });
    expect(second.outcome).toMatchObject({ summary: { new_findings: 0 } });
    expect(second.report?.json).toMatchObject({
      findings: {
        fixed: expect.arrayContaining([expect.objectContaining({ place: 'file f5.ts:1' })]),
      },
    });
    expect(second.report?.markdown).toContain('## Fixed since the last digest');
    expect(second.report?.markdown).toContain('f5.ts:1');
  });

  it('gives nothing away in report, charts, summary, log, progress or rows', async () => {
    await plantRepository(PLANTED.length);
    const { outcome, report, log, progress } = await digest();
    const rows = await test.database.query('SELECT * FROM privacy_findings');
    expect(rows.length).toBeGreaterThanOrEqual(PLANTED.length);
    const everything = JSON.stringify([outcome, report, log, progress, rows]);
    for (const { secret } of PLANTED) expect(everything).not.toContain(secret);
    expect(report?.markdown).not.toMatch(/NaN|undefined|Infinity|\bnull\b/);
    for (const link of report?.markdown.matchAll(/!\[[^\]]*\]\(report\.assets\/([^)]+)\)/g) ?? [])
      expect(Object.keys(report?.assets ?? {})).toContain(link[1]);
  });

  it('tells first of every store that is not kept as the policy says', async () => {
    await plantRepository(0);
    const { report } = await digest();
    expect(report?.markdown).toContain(
      '- Retention: **1 store overdue**, **1 store not ours and never cleaned**.',
    );
  });

  it('says that its events are not whole', async () => {
    await plantRepository(0);
    await writeFile(
      path.join(root, 'audit', 'tool_audit_2026-11-11.jsonl.gz'),
      Buffer.from([0x1f, 0x8b, 8]),
    );
    const { outcome, report } = await digest();
    expect(outcome).toMatchObject({ kind: 'succeeded', partial: true });
    expect(report?.json).toMatchObject({ partial: true });
    expect(report?.markdown).toContain('**Incomplete.**');
  });

  it('changes nothing in a dry-run and lists what it would', async () => {
    await plantRepository(3);
    const recorded: Effect[] = [];
    const rows = createRecordingRowEffects({
      database: test.database,
      record: (effect) => void recorded.push(effect),
    });
    const repoRoot = path.join(root, 'out');
    const { effects } = await digest({ dryRun: true, repoRoot }, rows);
    expect(effects.map(({ path: file }) => file)).toContain('ops/reports/job/report.md');
    expect(recorded).toMatchObject([{ effect: 'insert_rows', table: 'privacy_findings' }]);
    await expect(readdir(repoRoot)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await test.database.query('SELECT * FROM privacy_findings')).toEqual([]);
  });
});
