import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditEvent, jsonLines } from '../support/audit-events.ts';
import { runCommand } from '../support/system-process.ts';

let root: string;
const audit = (): string => path.join(root, 'ops', 'audit');
const dayFile = (day: string): string => path.join(audit(), `tool_audit_${day}.jsonl`);

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'opsloop-keeping-'));
  mkdirSync(audit(), { recursive: true });
  for (const day of ['2025-06-01', '2025-06-02'])
    writeFileSync(
      dayFile(day),
      jsonLines([1, 2, 3].map((n) => auditEvent({ ts: `${day}T08:00:0${n}Z`, req_id: `r${n}` }))),
    );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Files alone are asked for, so no database is opened. */
const opsloop = (...args: readonly string[]) =>
  runCommand(args, {
    cwd: root,
    env: { AUDIT_BACKEND: 'jsonl', DATABASE_URL: 'postgres://127.0.0.1:1/none' },
  });

describe('opsloop audit', () => {
  it('compacts, cleans and verifies a directory once it was adopted', async () => {
    const dir = ['--audit-dir', 'ops/audit'];
    const before = await opsloop('audit', 'compact', ...dir, '--json');
    expect(JSON.parse(before.stdout)).toMatchObject({ compacted_days: 0 });
    expect(readdirSync(audit())).toHaveLength(2);

    expect(await opsloop('audit', 'adopt', 'ops/audit')).toMatchObject({ code: 0 });
    const compacted = await opsloop(
      'audit',
      'compact',
      ...dir,
      '--output',
      'ops/audit/compact',
      '--json',
    );
    expect(JSON.parse(compacted.stdout)).toMatchObject({ compacted_days: 2, events: 6, kept: [] });

    const cleanup = ['audit', 'cleanup', ...dir, '--retention-days', '30'];
    const dry = await opsloop(...cleanup, '--dry-run');
    expect(dry.stdout).toContain('would delete_file ops/audit/tool_audit_2025-06-01.jsonl (');
    expect(readdirSync(audit())).toContain('tool_audit_2025-06-01.jsonl');
    const cleaned = JSON.parse((await opsloop(...cleanup, '--json')).stdout);
    expect(cleaned).toMatchObject({ deleted_files: 4, kept: [] });

    const intact = await opsloop('audit', 'verify', ...dir);
    expect(intact).toMatchObject({ code: 0 });
    expect(intact.stdout).toContain('intact');
  });

  it('verify ends with 1 and names the first damage', async () => {
    await opsloop('audit', 'adopt', 'ops/audit');
    await opsloop('audit', 'compact');
    for (const day of ['2025-06-02', '2025-06-01'])
      writeFileSync(dayFile(day), readFileSync(dayFile(day), 'utf8').replace('"u1"', '"u2"'));
    const text = await opsloop('audit', 'verify');
    expect(text.code).toBe(1);
    expect(text.stdout).toContain(
      'damaged; first in time: 2025-06-01: altered, tool_audit_2025-06-01.jsonl lines 1 to 3: the content differs from what was digested',
    );
    const json = await opsloop('audit', 'verify', '--from', '2025-06-02', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      intact: false,
      first_damage: { day: '2025-06-02', kind: 'altered' },
      sources: [{ source: 'jsonl', damage_count: 1 }],
    });
  });

  it.each([
    [['verify', '--from', '2025-06-02', '--to', '2025-06-01'], 'is after'],
    [['compact', '--audit-dir', 'nowhere'], 'not an existing directory'],
    [['compact', '--output', 'ops/audit/tool_audit_2025-06-01.jsonl'], 'is not a directory'],
  ])('%j ends with 2 and says what is wrong', async (args, said) => {
    const answer = await opsloop('audit', ...args);
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(said);
  });
});

describe('opsloop migrate --grants', () => {
  it('prints SQL and needs no database', async () => {
    const { code, stdout } = await opsloop('migrate', '--grants');
    expect(code).toBe(0);
    expect(stdout).toContain('opsloop_audit_retention');
  });
});
